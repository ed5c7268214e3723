//! Forward passes that are timed together: all by plans, or none.

use ablate_kernels::CapturedPass;
use ablate_model::{Detector, graph::Graph, inference::Execution};
use ablate_records::By;
use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Tensor};

use super::{
    mode::Mode,
    precision::{Precision, rounding_error},
    timing::{Iteration, Pending, Protocol, images, time},
};
use crate::guard::guarded;

/// How networks run that are timed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The same for all of them.
    pub by: By,
    /// Those that have no plan, and what they lack; None if none could have one.
    pub no_plan: Option<String>,
}

impl Way {
    /// Of so many networks, by their names: all by plans, or none, so that a ratio says nothing of
    /// the way in which a network runs.
    pub fn of<'n>(networks: impl IntoIterator<Item = (&'n str, Execution)>) -> Self {
        let mut by = By::Plan;
        let mut without = Vec::new();
        for (name, execution) in networks {
            if let Execution::Operations { lacks } = execution {
                by = By::Operations;
                without.extend(lacks.map(|block| format!("{name} ({block})")));
            }
        }
        Self {
            by,
            no_plan: (!without.is_empty()).then(|| without.join(", ")),
        }
    }
}

/// A model with random weights and a batch of random images, without autodiff.
pub struct ForwardPass {
    detector: Detector,
    images: Tensor<4>,
    rounding_error: Option<f64>,
    mode: Mode,
}

impl ForwardPass {
    /// As the protocol has it.
    ///
    /// # Errors
    /// Those of [`rounding_error`], and a device that can't run it in the mode.
    pub fn new(graph: &Graph, device: &Device, protocol: &Protocol) -> Result<Self> {
        if protocol.mode == Mode::Graph
            && let Some(why) = CapturedPass::refused(device)
        {
            bail!("mode graph: {why}");
        }
        let rounding_error = rounding_error(graph, device, protocol)?;
        let mut detector = Detector::new(graph, 0, device);
        if protocol.fuse {
            detector = detector.fuse();
        }
        let mut images = images(graph, device, protocol);
        if protocol.precision != Precision::F32 {
            let dtype = protocol.precision.dtype();
            (detector, images) = (detector.cast(dtype), images.cast(dtype));
        }
        images.clone().wait()?;
        Ok(Self {
            detector,
            images,
            rounding_error,
            mode: protocol.mode,
        })
    }

    /// From images to decoded boxes, to be timed.
    ///
    /// # Errors
    /// A plan that can't be made, a pass that can't be captured.
    fn iteration(self, way: &Way) -> Result<Iteration<'static>> {
        let Self {
            mut detector,
            images,
            rounding_error,
            mode,
        } = self;
        match way.by {
            By::Plan => detector
                .make_plan(&images)
                .map_err(anyhow::Error::msg)
                .context("cannot compile the network to a plan")?,
            By::Operations => detector = detector.without_plans(),
        }
        // Its plans are the same.
        let timed = detector.clone();
        let predict = move |images: Tensor<4>| timed.predict(images).0;
        let pass = match mode {
            Mode::Eager => Iteration::new(move || time(|| predict(images.clone()))),
            Mode::Graph => replays(images, predict)?,
        };
        Ok(Iteration {
            // No network has the better memory in all rounds, and no round has the memory of the one before it.
            begin_round: Box::new(move |_| detector.relocate_plans()),
            rounding_error,
            way: Some(way.clone()),
            ..pass
        })
    }
}

/// A pass that is captured here, to be replayed.
fn replays(
    images: Tensor<4>,
    pass: impl Fn(Tensor<4>) -> Tensor<3> + 'static,
) -> Result<Iteration<'static>> {
    let captured = CapturedPass::capture(images, pass)
        .map_err(anyhow::Error::msg)
        .context("cannot capture the pass as a graph")?;
    Ok(Iteration::new(move || {
        time(|| captured.replay().map_err(anyhow::Error::msg))
    }))
}

/// The forward passes of models that are timed together, with their names.
pub fn forward_passes(models: Vec<(&str, Result<ForwardPass>)>) -> Vec<Result<Iteration<'static>>> {
    let made = models.iter();
    let made = made.filter_map(|(name, pass)| Some((*name, pass.as_ref().ok()?)));
    let way = Way::of(made.map(|(name, pass)| (name, pass.detector.execution(&pass.images))));
    let passes = models.into_iter().map(|(_, pass)| pass);
    // A capture runs the network, for which there may be no room.
    passes
        .map(|pass| guarded(|| pass?.iteration(&way)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_without_a_plan_is_named_and_stands_for_all() {
        let without = |lacks: Option<&str>| Execution::Operations {
            lacks: lacks.map(String::from),
        };
        let cases = [
            (vec![Execution::Plan, Execution::Plan], By::Plan, None),
            (
                vec![Execution::Plan, without(Some("row 10, C2PSA"))],
                By::Operations,
                Some("b (row 10, C2PSA)"),
            ),
            (
                vec![without(Some("row 2, C3TR")), without(Some("row 3, AIFI"))],
                By::Operations,
                Some("a (row 2, C3TR), b (row 3, AIFI)"),
            ),
            (vec![without(None), without(None)], By::Operations, None),
        ];
        for (executions, by, no_plan) in cases {
            let way = Way::of(["a", "b"].into_iter().zip(executions));
            assert_eq!((way.by, way.no_plan.as_deref()), (by, no_plan));
        }
    }
}
