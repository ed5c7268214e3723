//! Mask prototypes.

use ablate_kernels::{ConvTranspose2d as Transposed, conv_transpose2d};
use burn::{
    module::Module,
    nn::conv::{ConvTranspose2d, ConvTranspose2dConfig},
    tensor::Tensor,
};

use crate::{
    blocks::{
        conv::{Conv, ConvConfig},
        upsample::upsample_nearest,
    },
    coding::MaskConfig,
    fuse::fuse,
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// Mask prototypes from the finest level's map, at twice its size: an object's mask is a sum of
/// them, weighed by its coefficients.
/// Source: Bolya et al., YOLACT, arXiv:1904.02689, section 3.1.
#[derive(Module, Debug)]
pub(super) struct Proto {
    cv1: Conv,
    /// Learnt in YOLOv8, nearest in YOLOv5.
    upsample: Option<ConvTranspose2d>,
    cv2: Conv,
    cv3: Conv,
}

fuse!(Proto: cv1, cv2, cv3);

/// The convolutions of a [`Proto`], and whether its upsampling is learnt.
pub(super) struct ProtoConfig {
    c_in: usize,
    masks: MaskConfig,
    learnt: bool,
}

impl ProtoConfig {
    pub fn new(c_in: usize, masks: MaskConfig, learnt: bool) -> Self {
        Self {
            c_in,
            masks,
            learnt,
        }
    }

    fn convs(&self) -> [ConvConfig; 3] {
        let MaskConfig {
            coefficients,
            hidden,
        } = self.masks;
        [
            ConvConfig::new(self.c_in, hidden, 3, 1),
            ConvConfig::new(hidden, hidden, 3, 1),
            ConvConfig::new(hidden, coefficients, 1, 1),
        ]
    }

    pub fn trace(&self, x: Shape, tally: &mut Tally) -> Shape {
        let [cv1, cv2, cv3] = self.convs();
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
        Proto {
            cv1,
            upsample: self.learnt.then(upsample),
            cv2,
            cv3,
        }
    }
}

impl Proto {
    /// `[batch, c, h, w]` to `[batch, coefficients, 2 h, 2 w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.cv1.forward(x);
        let large = match &self.upsample {
            Some(conv) => {
                let bias = conv.bias.as_ref().map(|bias| bias.val());
                conv_transpose2d(x, conv.weight.val(), bias, Transposed::new(2))
            }
            None => upsample_nearest(x, 2),
        };
        self.cv3.forward(self.cv2.forward(large))
    }
}
