//! Mask prototypes.

use ablate_kernels::ConvTranspose2d as Transposed;
use burn::{
    module::Module,
    nn::conv::{ConvTranspose2d, ConvTranspose2dConfig},
};

use super::branch::{self, Branch, BranchConfig};
use crate::{
    blocks::conv::{Conv, ConvConfig},
    coding::MaskConfig,
    fuse::Fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// Mask prototypes at twice the finest level's size: an object's mask is a sum of them, weighed by
/// its coefficients. They are made of the finest level's map, or, in YOLO26, of all levels' maps,
/// each brought to the finest one's channels and size and added to it.
/// Source: Bolya et al., YOLACT, arXiv:1904.02689, section 3.1; YOLO26 as Ultralytics publish it.
#[derive(Module, Debug)]
pub(super) struct Proto {
    cv1: Conv,
    /// Learnt by Ultralytics, nearest in YOLOv5.
    upsample: Option<ConvTranspose2d>,
    cv2: Conv,
    cv3: Conv,
    /// To the finest level's channels, from each of the others.
    feat_refine: Vec<Conv>,
    feat_fuse: Option<Conv>,
    /// To a map of classes, which is learnt beside the masks and left out of inference.
    semseg: Option<Branch>,
}

impl Fuse for Proto {
    fn fuse(&mut self) {
        let convs = [&mut self.cv1, &mut self.cv2, &mut self.cv3];
        convs.into_iter().for_each(Fuse::fuse);
        self.feat_refine.fuse();
        self.feat_fuse.fuse();
        self.semseg = None;
    }
}

/// The convolutions of a [`Proto`].
pub(super) struct ProtoConfig {
    /// Of the levels that it reads.
    channels: Vec<usize>,
    masks: MaskConfig,
    /// Whether its upsampling is learnt.
    learnt: bool,
    nc: usize,
}

impl ProtoConfig {
    /// Of a head with anchors.
    pub fn nearest(channels: &[usize], masks: MaskConfig) -> Self {
        Self {
            channels: channels.to_vec(),
            masks,
            learnt: false,
            nc: 0,
        }
    }

    /// Of a head without anchors, for `nc` classes.
    pub fn learnt(channels: &[usize], masks: MaskConfig, nc: usize) -> Self {
        Self {
            channels: channels.to_vec(),
            masks,
            learnt: true,
            nc,
        }
    }

    fn convs(&self) -> [ConvConfig; 3] {
        let MaskConfig {
            coefficients,
            hidden,
            all_levels,
        } = self.masks;
        let c_in = if all_levels { hidden } else { self.channels[0] };
        [
            ConvConfig::new(c_in, hidden, 3, 1),
            ConvConfig::new(hidden, hidden, 3, 1),
            ConvConfig::new(hidden, coefficients, 1, 1),
        ]
    }

    /// What makes one map of all levels: a convolution for each level after the finest, one over
    /// the sum, and the branch to the classes.
    fn joining(&self) -> Option<(Vec<ConvConfig>, ConvConfig, BranchConfig)> {
        let (finest, hidden) = (self.channels[0], self.masks.hidden);
        let refine = |c: &usize| ConvConfig::new(*c, finest, 1, 1);
        self.masks.all_levels.then(|| {
            (
                self.channels[1..].iter().map(refine).collect(),
                ConvConfig::new(finest, hidden, 3, 1),
                BranchConfig::new(finest, hidden, self.nc),
            )
        })
    }

    pub fn trace(&self, levels: &[Shape], tally: &mut Tally) -> Shape {
        let [cv1, cv2, cv3] = self.convs();
        let mut x = levels[0];
        if let Some((refine, fuse, classes)) = self.joining() {
            for (conv, level) in refine.iter().zip(&levels[1..]) {
                conv.trace_one(*level, tally);
            }
            let mut semantic = Tally::default();
            classes.trace(x, &mut semantic);
            // Training alone runs it, and profilers look at inference.
            tally.parameters(semantic.params);
            x = fuse.trace_one(x, tally);
        }
        let x = cv1.trace_one(x, tally);
        let large = x.enlarged(2);
        match self.learnt {
            true => tally.upsampling_conv(x),
            false => tally.upsample(large),
        };
        cv3.trace_one(cv2.trace_one(large, tally), tally)
    }

    pub fn init(&self, init: &Initializer) -> Proto {
        let [cv1, cv2, cv3] = self.convs().map(|conv| Conv::new(&conv, init));
        let upsample = || {
            let c = self.masks.hidden;
            let mut conv = ConvTranspose2dConfig::new([c, c], [2, 2])
                .with_stride([2, 2])
                .init(init.device());
            // PyTorch draws by the fan of the transposed kernel, the output's channels.
            conv.weight = init.uniform([c, c, 2, 2], 4 * c);
            conv.bias = Some(init.uniform([c], 4 * c));
            conv
        };
        let upsample = self.learnt.then(upsample);
        let (feat_refine, feat_fuse, semseg) = match self.joining() {
            None => Default::default(),
            Some((refine, fuse, classes)) => (
                refine.iter().map(|conv| Conv::new(conv, init)).collect(),
                Some(Conv::new(&fuse, init)),
                Some(classes.init(None, init)),
            ),
        };
        Proto {
            cv1,
            upsample,
            cv2,
            cv3,
            feat_refine,
            feat_fuse,
            semseg,
        }
    }
}

impl Proto {
    /// The levels' maps, finest first `[batch, c, h, w]`, to `[batch, coefficients, 2 h, 2 w]`; in
    /// training also the logits of classes, `[batch, classes, h, w]`, if the head learns them.
    pub fn forward<M: FeatureMap>(&self, levels: &[M], training: bool) -> (M, Option<M>) {
        let x = levels[0].clone();
        let Some(fuse) = &self.feat_fuse else {
            return (self.enlarge(x), None);
        };
        let [_, _, height, _] = x.shape();
        let coarser = self.feat_refine.iter().zip(&levels[1..]);
        let x = coarser.fold(x, |sum, (conv, level)| {
            let factor = height / level.shape()[2];
            sum + conv.forward(level.clone()).enlarged(factor)
        });
        let semseg = self.semseg.as_ref().filter(|_| training);
        let semantic = semseg.map(|branch| branch::forward(branch, x.clone()));
        (self.enlarge(fuse.forward(x)), semantic)
    }

    fn enlarge<M: FeatureMap>(&self, x: M) -> M {
        let x = self.cv1.forward(x);
        let large = match &self.upsample {
            Some(conv) => {
                let bias = conv.bias.as_ref().map(|bias| bias.val());
                x.transposed(conv.weight.val(), bias, Transposed::new(2))
            }
            None => x.enlarged(2),
        };
        self.cv3.forward(self.cv2.forward(large))
    }
}
