//! Binary cross-entropy on logits in one pass, and one back.

use burn::backend::{
    Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    flex::FlexTensor,
};
use burn::tensor::Tensor;

use super::autodiff::{Training, contiguous, elements, tensor, tracked};
use super::vector::{exp, ln_1p, sigmoid, vectorized};
use super::{CURVE, GRAIN, filled};

/// As [`crate::bce_with_logits`]; None if this module does not cover it.
pub fn bce_with_logits<const D: usize>(
    logits: &Tensor<D>,
    targets: &Tensor<D>,
    positive_weight: f32,
) -> Option<Tensor<D>> {
    if logits.dims() != targets.dims() {
        return None;
    }
    let (logits, logits_node) = tracked(logits)?;
    let (targets, targets_node) = tracked(targets)?;
    let output = by_element(&logits, &targets, |x, t| {
        let weight = 1.0 + (positive_weight - 1.0) * t;
        -(weight * negative(x) + positive_weight * t * x)
    });
    let output = match CrossEntropy
        .prepare::<NoCheckpointing>([logits_node, targets_node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(
            State {
                logits,
                targets,
                positive_weight,
            },
            output,
        ),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training>(output))
}

/// log σ(-x).
#[inline(always)]
fn negative(x: f32) -> f32 {
    -(x.max(0.0) + ln_1p(exp(-x.abs())))
}

/// Elements that a thread takes at once.
const PART: usize = GRAIN / CURVE;

/// `f` of each two elements.
fn by_element(x: &FlexTensor, y: &FlexTensor, f: impl Fn(f32, f32) -> f32 + Sync) -> FlexTensor {
    let (all_x, all_y) = (elements(x), elements(y));
    let found = filled(all_x.len(), PART, CURVE, |part, out| {
        let (x, y) = (&all_x[part * PART..], &all_y[part * PART..]);
        vectorized!({
            for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
                *out = f(*x, *y);
            }
        });
    });
    tensor(found, x.layout().shape().clone())
}

#[derive(Debug)]
struct CrossEntropy;

#[derive(Clone, Debug)]
struct State {
    logits: FlexTensor,
    targets: FlexTensor,
    positive_weight: f32,
}

impl Backward<Flex, 2> for CrossEntropy {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let State {
            logits,
            targets,
            positive_weight,
        } = ops.state;
        let [logits_parent, targets_parent] = ops.parents;
        if let Some(parent) = logits_parent {
            let slope = by_element(&logits, &targets, |x, t| {
                (1.0 + (positive_weight - 1.0) * t) * sigmoid(x) - positive_weight * t
            });
            let found = by_element(&slope, &gradient, |slope, gradient| slope * gradient);
            gradients.register::<Flex>(parent.id, found);
        }
        if let Some(parent) = targets_parent {
            let slope = by_element(&logits, &targets, |x, _| {
                -((positive_weight - 1.0) * negative(x) + positive_weight * x)
            });
            let found = by_element(&slope, &gradient, |slope, gradient| slope * gradient);
            gradients.register::<Flex>(parent.id, found);
        }
    }
}
