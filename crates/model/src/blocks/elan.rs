//! YOLOv9's blocks that keep every step: RepNCSPELAN4 and ELAN1.

use burn::module::{Module, ModuleDisplay};

use super::{
    block::{Block, on_maps, only},
    bottleneck::Bottleneck,
    c3::{C3, C3Config},
    conv::{Conv, ConvConfig},
    csp::CspConfig,
    repconv::{RepBottleneckConfig, RepConv},
    row::RowReader,
};
use crate::{
    fuse::Fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// One half of the channels goes through two steps one after another, and every step goes into the
/// output, as both halves do. A step ends in a 3×3 convolution: [`RepCspStep`], [`ConvStep`]. Row:
/// `[channels, hidden channels, channels of a step, …]`, only the first scaled by width; what
/// follows is the step's.
/// Source: Wang et al., ELAN, arXiv:2211.04800, as YOLOv9 has it, arXiv:2402.13616.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElanConfig<S> {
    c_in: usize,
    c_out: usize,
    /// Channels of both halves.
    hidden: usize,
    /// Channels that each step makes.
    step: usize,
    /// From a half, and from the first step.
    steps: [S; 2],
}

/// See [`ElanConfig`].
#[derive(Module, Debug)]
pub struct Elan<M: Module> {
    cv1: Conv,
    cv2: M,
    cv3: M,
    cv4: Conv,
}

impl<M: Module + Fuse> Fuse for Elan<M> {
    fn fuse(&mut self) {
        self.cv1.fuse();
        self.cv2.fuse();
        self.cv3.fuse();
        self.cv4.fuse();
    }
}

/// A step of an [`ElanConfig`].
pub trait Step: Copy + std::fmt::Debug + PartialEq {
    /// The burn module.
    type Layer: Module + ModuleDisplay;

    /// From a row's argument 3, which follows the channels.
    fn read(row: &RowReader, c_in: usize, c_out: usize) -> Result<Self, String>;

    /// Output shape; the cost goes to the tally.
    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Result<Shape, String>;

    /// The module with fresh weights.
    fn init(&self, init: &Initializer) -> Self::Layer;

    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
    fn forward<M: FeatureMap>(layer: &Self::Layer, x: M) -> M;
}

/// ELAN1's: a 3×3 convolution alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvStep(ConvConfig);

/// RepNCSPELAN4's: a C3 of bottlenecks that begin with a RepConv, then the convolution; the row's
/// last argument is how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepCspStep {
    csp: C3Config<RepBottleneckConfig>,
    conv: ConvConfig,
}

impl Step for ConvStep {
    type Layer = Conv;

    fn read(row: &RowReader, c_in: usize, c_out: usize) -> Result<Self, String> {
        row.at_most(3, "channels, hidden channels, channels of a step")?;
        Ok(Self(ConvConfig::new(c_in, c_out, 3, 1)))
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Result<Shape, String> {
        Ok(self.0.trace_one(x, tally))
    }

    fn init(&self, init: &Initializer) -> Conv {
        Conv::new(&self.0, init)
    }

    fn forward<M: FeatureMap>(layer: &Conv, x: M) -> M {
        layer.forward(x)
    }
}

impl Step for RepCspStep {
    type Layer = (C3<Bottleneck<RepConv>>, Conv);

    fn read(row: &RowReader, c_in: usize, c_out: usize) -> Result<Self, String> {
        row.at_most(
            4,
            "channels, hidden channels, channels of a step, bottlenecks",
        )?;
        let csp = CspConfig {
            c_in,
            c_out,
            bottlenecks: row.count(3, 1, "bottlenecks")?,
            shortcut: true,
            groups: 1,
            expansion: 0.5,
        };
        match csp.hidden() {
            0 => Err("channels of a step: expected at least 2, found 1".into()),
            _ => Ok(Self {
                csp: C3Config::new(csp),
                conv: ConvConfig::new(c_out, c_out, 3, 1),
            }),
        }
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Result<Shape, String> {
        let x = self.csp.trace(&[x], tally)?;
        Ok(self.conv.trace_one(x[0], tally))
    }

    fn init(&self, init: &Initializer) -> Self::Layer {
        (self.csp.init(init), Conv::new(&self.conv, init))
    }

    fn forward<M: FeatureMap>((csp, conv): &Self::Layer, x: M) -> M {
        let bottleneck = |m: &Bottleneck<RepConv>, x| Some(m.forward(RepConv::forward, x));
        let y = csp.forward(bottleneck, x);
        conv.forward(y.expect("every bottleneck gives a map"))
    }
}

impl<S: Step> ElanConfig<S> {
    /// The convolutions into both halves, and out of all steps.
    fn ends(&self) -> [ConvConfig; 2] {
        let all = self.hidden + 2 * self.step;
        [
            ConvConfig::new(self.c_in, self.hidden, 1, 1),
            ConvConfig::new(all, self.c_out, 1, 1),
        ]
    }
}

impl<S: Step> Block for ElanConfig<S> {
    type Layer = Elan<S::Layer>;

    fn read(row: &RowReader) -> Result<Self, String> {
        let hidden = row.positive(1, None, "hidden channels")?;
        let step = row.positive(2, None, "channels of a step")?;
        if !hidden.is_multiple_of(2) {
            return Err(format!(
                "hidden channels: expected an even number, found {hidden}"
            ));
        }
        Ok(Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            hidden,
            step,
            steps: [S::read(row, hidden / 2, step)?, S::read(row, step, step)?],
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv4] = self.ends();
        let Shape { h, w, .. } = cv1.trace_one(inputs[0], tally);
        let mut last = Shape::new(self.hidden / 2, h, w);
        for step in &self.steps {
            last = step.trace_one(last, tally)?;
        }
        Ok(vec![cv4.trace_one(Shape::new(cv4.conv.c_in, h, w), tally)])
    }

    fn init(&self, init: &Initializer) -> Elan<S::Layer> {
        let [cv1, cv4] = self.ends();
        let cv1 = Conv::new(&cv1, init);
        let [cv2, cv3] = self.steps.map(|step| step.init(init));
        Elan {
            cv1,
            cv2,
            cv3,
            cv4: Conv::new(&cv4, init),
        }
    }

    on_maps!(layer: Elan<S::Layer>, inputs => {
        let both = layer.cv1.forward(only(inputs));
        let half = both.shape()[1] / 2;
        let first = S::forward(&layer.cv2, both.clone().channels(half, half));
        let second = S::forward(&layer.cv3, first.clone());
        let all = FeatureMap::concatenated(vec![both, first, second]);
        vec![layer.cv4.forward(all)]
    });

    fn arguments(&self) -> String {
        let Self {
            c_in,
            c_out,
            hidden,
            step,
            ..
        } = self;
        format!("[{c_in}, {c_out}, {hidden}, {step}]")
    }
}
