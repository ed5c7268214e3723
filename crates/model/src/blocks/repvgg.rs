//! RepVGG.

use ablate_kernels::Activation;
use burn::{
    module::{Module, Param},
    nn::conv::Conv2d,
    tensor::Tensor,
};

use super::{
    batch_norm::BatchNorm2d,
    block::{Block, on_maps, only},
    conv::{conv2d, convolve, convolve_act},
    row::RowReader,
};
use crate::{
    fuse::{Fuse, absorb},
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// A 3×3 convolution that trains as the sum of three branches - 3×3, 1×1 and identity, each under
/// batch normalisation - and is one convolution at inference. ReLU. Row:
/// `[channels, kernel, stride]`, kernel 3.
///
/// Parameters and published GFLOPs are those of the three branches, which a checkpoint holds and a
/// profiler sees; the exact GFLOPs are those of the one convolution that runs.
/// Source: Ding et al., RepVGG, arXiv:2101.03697.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepVggConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Step of the kernel.
    pub stride: usize,
}

/// See [`RepVggConfig`].
#[derive(Module, Debug)]
pub struct RepVgg {
    rbr_dense: Branch,
    rbr_1x1: Branch,
    /// Where the input can be added: as many channels, stride 1.
    rbr_identity: Option<BatchNorm2d>,
}

/// Convolution and batch normalisation.
#[derive(Module, Debug)]
struct Branch {
    conv: Conv2d,
    bn: BatchNorm2d,
}

impl Fuse for RepVgg {
    /// The branches are linear, so their sum is one 3×3 convolution: the 1×1 kernel, and the
    /// identity's, are its centre.
    fn fuse(&mut self) {
        if self.rbr_dense.conv.bias.is_some() {
            return;
        }
        let mut centre = self.rbr_1x1.conv.clone();
        self.rbr_1x1.bn.fold_into(&mut centre);
        if let Some(bn) = &self.rbr_identity {
            let (scale, shift) = bn.affine();
            let channels = scale.dims()[0];
            let identity =
                Tensor::<2>::eye(channels, &scale.device()) * scale.reshape([channels, 1]);
            let identity = identity.reshape([channels, channels, 1, 1]);
            centre.weight = Param::from_tensor(centre.weight.val() + identity);
            let sum = centre.bias.map(|bias| bias.val() + shift);
            centre.bias = sum.map(Param::from_tensor);
        }
        self.rbr_dense.bn.fold_into(&mut self.rbr_dense.conv);
        absorb(&mut self.rbr_dense.conv, &centre);
    }
}

impl RepVggConfig {
    /// The 3×3 and the 1×1 convolution.
    fn convs(&self) -> [ConvShape; 2] {
        let Self {
            c_in,
            c_out,
            stride,
        } = *self;
        [
            ConvShape::new(c_in, c_out, 3, stride),
            ConvShape::new(c_in, c_out, 1, stride),
        ]
    }

    fn has_identity(&self) -> bool {
        self.c_in == self.c_out && self.stride == 1
    }
}

impl Block for RepVggConfig {
    type Layer = RepVgg;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(3, "channels, kernel, stride")?;
        match row.cells(1, 3, "kernel")? {
            3 => Ok(Self {
                c_in: row.channels_in()?,
                c_out: row.channels_out()?,
                stride: row.cells(2, 1, "stride")?,
            }),
            kernel => Err(format!("kernel: expected 3, found {kernel}")),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        for conv in self.convs() {
            let y = tally.branch(conv, inputs[0]);
            tally.batch_norm(y);
        }
        let y = tally.functional_conv(self.convs()[0], inputs[0]);
        if self.has_identity() {
            tally.batch_norm(y);
        }
        Ok(vec![y])
    }

    fn init(&self, init: &Initializer) -> RepVgg {
        let branch = |conv: ConvShape| Branch {
            conv: conv2d(conv, false, init),
            bn: BatchNorm2d::new(conv.c_out, init),
        };
        let [rbr_dense, rbr_1x1] = self.convs().map(branch);
        RepVgg {
            rbr_dense,
            rbr_1x1,
            rbr_identity: self
                .has_identity()
                .then(|| BatchNorm2d::new(self.c_out, init)),
        }
    }

    on_maps!(layer: RepVgg, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        format!("[{}, {}, 3, {}]", self.c_in, self.c_out, self.stride)
    }
}

impl RepVgg {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        match self.rbr_dense.conv.bias.is_some() {
            true => convolve_act(&self.rbr_dense.conv, Activation::Relu, x),
            false => self.forward_branches(x).activated(Activation::Relu),
        }
    }

    fn forward_branches<M: FeatureMap>(&self, x: M) -> M {
        let branch = |branch: &Branch| branch.bn.forward(convolve(&branch.conv, x.clone()));
        let sum = branch(&self.rbr_dense) + branch(&self.rbr_1x1);
        match &self.rbr_identity {
            Some(bn) => sum + bn.forward(x),
            None => sum,
        }
    }
}
