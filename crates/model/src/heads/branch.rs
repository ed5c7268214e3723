//! The branches of an anchor-free head.

use burn::{module::Module, nn::conv::Conv2d};

use crate::{
    blocks::conv::{Conv, ConvConfig, conv2d, convolve},
    fuse::Fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// Two stages and a bare 1×1 convolution.
pub(super) type Branch = (Stage, Stage, Conv2d);

/// A step of a branch.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub(super) enum Stage {
    /// A 3×3 Conv.
    Conv(Conv),
    /// A depthwise 3×3 Conv and a 1×1 Conv.
    Separable((Conv, Conv)),
}

impl Fuse for Stage {
    fn fuse(&mut self) {
        match self {
            Self::Conv(conv) => conv.fuse(),
            Self::Separable((depthwise, pointwise)) => {
                depthwise.fuse();
                pointwise.fuse();
            }
        }
    }
}

impl Fuse for Branch {
    fn fuse(&mut self) {
        self.0.fuse();
        self.1.fuse();
    }
}

impl Stage {
    fn forward<M: FeatureMap>(&self, x: M) -> M {
        match self {
            Self::Conv(conv) => conv.forward(x),
            Self::Separable((depthwise, pointwise)) => pointwise.forward(depthwise.forward(x)),
        }
    }
}

/// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
pub(super) fn forward<M: FeatureMap>((first, second, last): &Branch, x: M) -> M {
    convolve(last, second.forward(first.forward(x)))
}

/// A branch's convolutions.
pub(super) struct BranchConfig {
    stages: [StageConfig; 2],
    last: ConvShape,
}

enum StageConfig {
    Conv(ConvConfig),
    Separable(ConvConfig, ConvConfig),
}

impl BranchConfig {
    pub fn new(c_in: usize, hidden: usize, c_out: usize) -> Self {
        let stage = |c_in| StageConfig::Conv(ConvConfig::new(c_in, hidden, 3, 1));
        Self {
            stages: [stage(c_in), stage(hidden)],
            last: ConvShape::new(hidden, c_out, 1, 1),
        }
    }

    /// The same with depthwise separable convolutions.
    pub fn separable(c_in: usize, hidden: usize, c_out: usize) -> Self {
        let stage = |c_in| {
            let pointwise = ConvConfig::new(c_in, hidden, 1, 1);
            StageConfig::Separable(ConvConfig::depthwise(c_in, 3, 1), pointwise)
        };
        Self {
            stages: [stage(c_in), stage(hidden)],
            last: ConvShape::new(hidden, c_out, 1, 1),
        }
    }

    pub fn trace(&self, x: Shape, tally: &mut Tally) -> Shape {
        let step = |x, stage: &StageConfig| match stage {
            StageConfig::Conv(conv) => conv.trace_one(x, tally),
            StageConfig::Separable(depthwise, pointwise) => {
                let x = depthwise.trace_one(x, tally);
                pointwise.trace_one(x, tally)
            }
        };
        let x = self.stages.iter().fold(x, step);
        tally.conv(self.last, true, x)
    }

    /// The last bias is `prior` everywhere; fresh weights if None.
    pub fn init(&self, prior: Option<f64>, init: &Initializer) -> Branch {
        let stage = |stage: &StageConfig| match stage {
            StageConfig::Conv(conv) => Stage::Conv(Conv::new(conv, init)),
            StageConfig::Separable(depthwise, pointwise) => {
                Stage::Separable((Conv::new(depthwise, init), Conv::new(pointwise, init)))
            }
        };
        let [first, second] = &self.stages;
        let (first, second) = (stage(first), stage(second));
        let mut last = conv2d(self.last, true, init);
        if let Some(prior) = prior {
            last.bias = Some(init.constant([self.last.c_out], prior as f32));
        }
        (first, second, last)
    }
}
