//! Ultralytics' anchor-free head, from YOLOv8 to YOLO26.

use burn::{
    module::{Module, Param},
    nn::conv::Conv2d,
    tensor::Tensor,
};

use super::{
    branch::{self, Branch, BranchConfig},
    proto::{Proto, ProtoConfig},
};
use crate::{
    blocks::conv::conv2d,
    coding::{BoxCoding, DetectConfig},
    fuse::Fuse,
    inference::{FeatureMap, Traced},
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// Cells over which the distance to a side is a distribution, unless the table says otherwise.
pub(super) const REG_MAX: usize = 16;

/// Ultralytics' anchor-free, decoupled head: branches of convolutions for each level, one to the
/// distances to the four sides, one to the classes, and one to mask coefficients if the head makes
/// masks. Source: Feng et al., TOOD, arXiv:2108.07755, and Li et al., Generalized Focal Loss,
/// arXiv:2006.04388, as YOLOv8 puts them together.
///
/// An end-to-end head has all branches twice. The one-to-many ones learn as YOLOv8's; the
/// one-to-one ones read the same maps without a gradient to them, learn to answer for each object
/// once, and are what inference runs. Source: Wang et al., YOLOv10, arXiv:2405.14458, section 3.1.
#[derive(Module, Debug)]
pub struct AnchorFreeDetect {
    cv2: Vec<Branch>,
    cv3: Vec<Branch>,
    cv4: Vec<Branch>,
    one2one_cv2: Vec<Branch>,
    one2one_cv3: Vec<Branch>,
    one2one_cv4: Vec<Branch>,
    dfl: Option<Expectation>,
    proto: Option<Proto>,
}

/// The distances 0, 1, 2 … as weights of a convolution, as the published checkpoints hold them.
/// They are not trained.
#[derive(Module, Debug)]
struct Expectation {
    conv: Conv2d,
}

impl Fuse for AnchorFreeDetect {
    fn fuse(&mut self) {
        let many = [&mut self.cv2, &mut self.cv3, &mut self.cv4];
        match self.one2one_cv2.is_empty() {
            true => many.into_iter().for_each(Fuse::fuse),
            // Inference runs without them.
            false => many.into_iter().for_each(Vec::clear),
        }
        self.one2one_cv2.fuse();
        self.one2one_cv3.fuse();
        self.one2one_cv4.fuse();
        self.proto.fuse();
    }
}

impl Expectation {
    fn new(reg_max: usize, init: &Initializer) -> Self {
        let mut conv = conv2d(ConvShape::new(reg_max, 1, 1, 1), false, init);
        let distances: Vec<f32> = (0..reg_max).map(|distance| distance as f32).collect();
        conv.weight = Param::from_tensor(
            Tensor::<1>::from_floats(distances.as_slice(), init.device())
                .reshape([1, reg_max, 1, 1]),
        );
        Self {
            conv: conv.no_grad(),
        }
    }
}

impl DetectConfig {
    /// The branches of a level, to the distances, the classes and, if there are any, the mask
    /// coefficients. All levels have the widths that follow from the finest one's.
    fn branches(&self, level: usize) -> Vec<BranchConfig> {
        let (finest, c_in, sides) = (self.channels[0], self.channels[level], self.box_outputs());
        let classes = finest.max(self.nc.min(100));
        let mut branches = vec![
            BranchConfig::new(c_in, (finest / 4).max(sides).max(16), sides),
            match self.separable {
                true => BranchConfig::separable(c_in, classes, self.nc),
                false => BranchConfig::new(c_in, classes, self.nc),
            },
        ];
        if let Some(masks) = self.masks {
            let hidden = (finest / 4).max(masks.coefficients);
            branches.push(BranchConfig::new(c_in, hidden, masks.coefficients));
        }
        branches
    }

    /// Cells of a distribution; None if the distances are plain.
    fn distribution(&self) -> Option<usize> {
        match self.coding {
            BoxCoding::Distances { reg_max } => Some(reg_max).filter(|cells| *cells > 1),
            BoxCoding::Anchors(_) | BoxCoding::Queries => None,
        }
    }

    fn proto(&self) -> Option<ProtoConfig> {
        self.masks
            .map(|masks| ProtoConfig::learnt(&self.channels, masks, self.nc))
    }

    pub(super) fn trace_anchor_free(&self, inputs: &[Shape], tally: &mut Tally) -> Vec<Shape> {
        let mut outputs = self.trace_branches(inputs, tally);
        if self.end2end {
            let mut one_to_many = Tally::default();
            self.trace_branches(inputs, &mut one_to_many);
            tally.left_out(one_to_many);
        }
        if let Some(reg_max) = self.distribution() {
            // The expectations of all distances, by one convolution.
            let positions = outputs.iter().map(|x| x.h * x.w).sum();
            let all = Shape::new(reg_max, 4, positions);
            tally.conv(ConvShape::new(reg_max, 1, 1, 1), false, all);
        }
        outputs.extend(self.proto().map(|proto| proto.trace(inputs, tally)));
        outputs
    }

    fn trace_branches(&self, inputs: &[Shape], tally: &mut Tally) -> Vec<Shape> {
        let level = |(level, x): (usize, &Shape)| {
            let branches = self.branches(level);
            let channels = branches.iter().map(|branch| branch.trace(*x, tally).c);
            Shape::new(channels.sum(), x.h, x.w)
        };
        inputs.iter().enumerate().map(level).collect()
    }

    /// Fresh branches of all levels by what they give, those to mask coefficients empty without
    /// masks; the biases say what is likely before anything is learnt: a distance of some cells,
    /// and five objects in an image of 640 pixels.
    fn init_branches(&self, init: &Initializer) -> [Vec<Branch>; 3] {
        let mut all: [Vec<Branch>; 3] = Default::default();
        for (level, stride) in self.strides.iter().enumerate() {
            let cells = (640.0 / *stride as f64).powi(2);
            let priors = [Some(2.0), Some((5.0 / self.nc as f64 / cells).ln()), None];
            let branches = self.branches(level).into_iter().zip(priors).zip(&mut all);
            branches.for_each(|((branch, prior), all)| all.push(branch.init(prior, init)));
        }
        all
    }
}

impl AnchorFreeDetect {
    /// Fresh weights; those of the one-to-one branches begin as the one-to-many ones'.
    pub(super) fn new(config: &DetectConfig, init: &Initializer) -> Self {
        let branches = || config.init_branches(init);
        let [[cv2, cv3, cv4], [one2one_cv2, one2one_cv3, one2one_cv4]] = match config.end2end {
            true => init.twice(branches),
            false => [branches(), Default::default()],
        };
        Self {
            cv2,
            cv3,
            cv4,
            one2one_cv2,
            one2one_cv3,
            one2one_cv4,
            dfl: (config.distribution()).map(|reg_max| Expectation::new(reg_max, init)),
            proto: config.proto().map(|proto| proto.init(init)),
        }
    }

    /// [`Self::forward`] at inference, on values of a graph.
    pub(super) fn lower(&self, levels: &[Traced]) -> Vec<Traced> {
        let branches = match self.one2one_cv2.is_empty() {
            true => [&self.cv2, &self.cv3, &self.cv4],
            false => [&self.one2one_cv2, &self.one2one_cv3, &self.one2one_cv4],
        };
        let mut outputs = forward(branches, levels);
        let protos = self.proto.as_ref();
        outputs.extend(protos.map(|proto| proto.forward(levels, false).0));
        outputs
    }

    /// A map `[batch, c, h, w]` for each level to its raw outputs,
    /// `[batch, 4 · reg_max + classes + coefficients, h, w]`, and mask prototypes; see
    /// [`Outputs`](crate::outputs::Outputs) for what a training device has after them.
    pub(super) fn forward(&self, levels: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let training = levels[0].device().is_autodiff();
        let many = [&self.cv2, &self.cv3, &self.cv4];
        let one = [&self.one2one_cv2, &self.one2one_cv3, &self.one2one_cv4];
        let end2end = !self.one2one_cv2.is_empty();
        let mut outputs = match (end2end, training) {
            (false, _) => forward(many, &levels),
            (true, false) => forward(one, &levels),
            (true, true) => {
                let apart: Vec<_> = levels.iter().map(|x| x.clone().detach()).collect();
                forward(one, &apart)
            }
        };
        let (protos, semantic) = match &self.proto {
            Some(proto) => {
                let (protos, semantic) = proto.forward(&levels, training);
                (Some(protos), semantic)
            }
            None => (None, None),
        };
        outputs.extend(protos);
        if end2end && training {
            outputs.extend(forward(many, &levels));
        }
        outputs.extend(semantic);
        outputs
    }
}

/// Each level's branches side by side.
fn forward<M: FeatureMap>(branches: [&Vec<Branch>; 3], levels: &[M]) -> Vec<M> {
    let level = |(level, x): (usize, &M)| {
        let branches = branches.iter().filter_map(|branch| branch.get(level));
        let outputs = branches.map(|branch| branch::forward(branch, x.clone()));
        M::concatenated(outputs.collect())
    };
    levels.iter().enumerate().map(level).collect()
}
