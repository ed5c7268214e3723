//! YOLOv8's anchor-free head.

use burn::{
    module::{Module, Param},
    nn::conv::Conv2d,
    tensor::Tensor,
};

use crate::{
    blocks::conv::{Conv, ConvConfig, conv2d, convolve},
    coding::DetectConfig,
    fuse::{Fuse, fuse},
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// Cells over which the distance to a side is a distribution.
pub(super) const REG_MAX: usize = 16;

/// YOLOv8's anchor-free, decoupled head: two branches of convolutions for each level, one to the
/// distributions of the distances to the four sides, one to the classes.
/// Source: Feng et al., TOOD, arXiv:2108.07755, and Li et al., Generalized Focal Loss,
/// arXiv:2006.04388, as YOLOv8 puts them together.
#[derive(Module, Debug)]
pub struct AnchorFreeDetect {
    cv2: Vec<Branch>,
    cv3: Vec<Branch>,
    dfl: Expectation,
}

fuse!(AnchorFreeDetect: cv2, cv3);

/// Two 3×3 convolutions and a bare 1×1.
pub(super) type Branch = (Conv, Conv, Conv2d);

impl Fuse for Branch {
    fn fuse(&mut self) {
        self.0.fuse();
        self.1.fuse();
    }
}

/// The distances 0 to 15 as weights of a convolution, as the published checkpoints hold them. They
/// are not trained.
#[derive(Module, Debug)]
pub(super) struct Expectation {
    conv: Conv2d,
}

/// A branch's convolutions.
struct BranchConfig {
    hidden: [ConvConfig; 2],
    last: ConvShape,
}

impl BranchConfig {
    fn new(c_in: usize, hidden: usize, c_out: usize) -> Self {
        let conv = |c_in| ConvConfig::new(c_in, hidden, 3, 1);
        Self {
            hidden: [conv(c_in), conv(hidden)],
            last: ConvShape::new(hidden, c_out, 1, 1),
        }
    }

    fn trace(&self, x: Shape, tally: &mut Tally) -> Shape {
        let x = self
            .hidden
            .iter()
            .fold(x, |x, conv| conv.trace_one(x, tally));
        tally.conv(self.last, true, x)
    }

    /// The last bias is `prior` everywhere; fresh weights if None.
    fn init(&self, prior: Option<f64>, init: &Initializer) -> Branch {
        let [first, second] = self.hidden.map(|conv| Conv::new(&conv, init));
        let mut last = conv2d(self.last, true, init);
        if let Some(prior) = prior {
            last.bias = Some(init.constant([self.last.c_out], prior as f32));
        }
        (first, second, last)
    }
}

impl Expectation {
    pub(super) fn new(init: &Initializer) -> Self {
        let mut conv = conv2d(ConvShape::new(REG_MAX, 1, 1, 1), false, init);
        let distances: Vec<f32> = (0..REG_MAX).map(|distance| distance as f32).collect();
        conv.weight = Param::from_tensor(
            Tensor::<1>::from_floats(distances.as_slice(), init.device())
                .reshape([1, REG_MAX, 1, 1]),
        );
        Self {
            conv: conv.no_grad(),
        }
    }
}

impl DetectConfig {
    /// The branches of a level, to the distances, the classes and the mask coefficients. All levels
    /// have the widths that follow from the finest one's.
    fn branches(&self, level: usize) -> [BranchConfig; 3] {
        let (finest, c_in, coefficients) =
            (self.channels[0], self.channels[level], self.coefficients());
        let (sides, classes) = ((finest / 4).max(4 * REG_MAX), finest.max(self.nc.min(100)));
        [
            BranchConfig::new(c_in, sides, 4 * REG_MAX),
            BranchConfig::new(c_in, classes, self.nc),
            BranchConfig::new(c_in, (finest / 4).max(coefficients), coefficients),
        ]
    }

    /// Whether there is a branch to mask coefficients.
    fn used(&self) -> usize {
        if self.masks.is_some() { 3 } else { 2 }
    }

    pub(super) fn trace_anchor_free(&self, inputs: &[Shape], tally: &mut Tally) -> Vec<Shape> {
        let mut positions = 0;
        let mut outputs = Vec::with_capacity(inputs.len());
        for (level, x) in inputs.iter().enumerate() {
            let channels = self
                .branches(level)
                .iter()
                .take(self.used())
                .map(|branch| branch.trace(*x, tally).c)
                .sum();
            outputs.push(Shape::new(channels, x.h, x.w));
            positions += x.h * x.w;
        }
        // The expectations of all distances, by one convolution.
        tally.conv(
            ConvShape::new(REG_MAX, 1, 1, 1),
            false,
            Shape::new(REG_MAX, 4, positions),
        );
        outputs
    }

    /// Fresh branches, the last ones empty without masks; the biases say what is likely before
    /// anything is learnt: a distance of some cells, and five objects in an image of 640 pixels.
    pub(super) fn init_branches(&self, init: &Initializer) -> [Vec<Branch>; 3] {
        let mut all: [Vec<Branch>; 3] = Default::default();
        for (level, stride) in self.strides.iter().enumerate() {
            let cells = (640.0 / *stride as f64).powi(2);
            let priors = [Some(1.0), Some((5.0 / self.nc as f64 / cells).ln()), None];
            let branches = self
                .branches(level)
                .into_iter()
                .zip(priors)
                .zip(&mut all)
                .take(self.used());
            branches.for_each(|((branch, prior), all)| all.push(branch.init(prior, init)));
        }
        all
    }
}

impl AnchorFreeDetect {
    pub(super) fn new(config: &DetectConfig, init: &Initializer) -> Self {
        let [cv2, cv3, _] = config.init_branches(init);
        Self {
            cv2,
            cv3,
            dfl: Expectation::new(init),
        }
    }

    /// A map `[batch, c, h, w]` for each level to its raw outputs,
    /// `[batch, 4 · 16 + classes, h, w]`.
    pub(super) fn forward(&self, levels: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        forward(&[&self.cv2, &self.cv3], levels)
    }
}

/// Each level's branches side by side.
pub(super) fn forward(branches: &[&Vec<Branch>], levels: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
    let level = |(level, x): (usize, Tensor<4>)| {
        let outputs = branches.iter().map(|branch| {
            let (first, second, last) = &branch[level];
            convolve(last, second.forward(first.forward(x.clone())))
        });
        Tensor::cat(outputs.collect(), 1)
    };
    levels.into_iter().enumerate().map(level).collect()
}
