//! FasterNet, a whole backbone.

use ablate_kernels::Activation;
use burn::{
    module::{Module, Param},
    nn::conv::Conv2d,
    tensor::{Distribution, Tensor},
};

use super::{
    batch_norm::BatchNorm2d,
    block::{Block, on_maps, only},
    conv::{conv_norm_act, conv2d, convolve},
    row::RowReader,
};
use crate::{
    fuse::Fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    spec::Arg,
    tally::Tally,
};

/// The FasterNet backbone: a 4×4 patch embedding and four stages of partial-convolution blocks with
/// 2×2 merging between them; four outputs at strides 4, 8, 16 and 32, each under a batch
/// normalisation of its own. Row: `[size, layer scale]`.
/// Source: Chen et al., arXiv:2303.03667, figure 4 and table 7.
#[derive(Clone, Debug, PartialEq)]
pub struct FasterNetConfig {
    /// Its size.
    pub size: FasterNetSize,
}

/// A published size, or one of one's own.
#[derive(Clone, Debug, PartialEq)]
pub struct FasterNetSize {
    /// The name that rows give it.
    pub name: &'static str,
    /// Channels of the first stage; they double with each.
    pub embed: usize,
    /// Blocks of each stage.
    pub depths: [usize; 4],
    /// Drop probability of the last block's residual branch; it grows from 0 over the blocks.
    pub drop_path: f64,
    /// The activation between a perceptron's convolutions.
    pub activation: Activation,
    /// What each channel of a residual branch is multiplied by before anything is learnt; 0 for no
    /// such weights, as published.
    pub layer_scale: f32,
}

/// The six published sizes.
const SIZES: [FasterNetSize; 6] = {
    use Activation::{Gelu, Relu};
    const fn size(
        name: &'static str,
        embed: usize,
        depths: [usize; 4],
        drop_path: f64,
        activation: Activation,
    ) -> FasterNetSize {
        FasterNetSize {
            name,
            embed,
            depths,
            drop_path,
            activation,
            layer_scale: 0.0,
        }
    }
    [
        size("t0", 40, [1, 2, 8, 2], 0.0, Gelu),
        size("t1", 64, [1, 2, 8, 2], 0.02, Gelu),
        size("t2", 96, [1, 2, 8, 2], 0.05, Relu),
        size("s", 128, [1, 2, 13, 2], 0.1, Relu),
        size("m", 144, [3, 4, 18, 3], 0.2, Relu),
        size("l", 192, [3, 4, 18, 3], 0.3, Relu),
    ]
};

/// The share of channels that a partial convolution works on: one in four.
const PARTIAL: usize = 4;
/// Hidden channels of a block's perceptron for each channel.
const MLP_RATIO: usize = 2;
/// Standard deviation of fresh weights, as published.
const WEIGHT_STD: f32 = 0.02;

/// See [`FasterNetConfig`].
#[derive(Module, Debug)]
pub struct FasterNet {
    patch_embed: PatchEmbed,
    stages: Vec<Stage>,
    norm0: BatchNorm2d,
    norm2: BatchNorm2d,
    norm4: BatchNorm2d,
    norm6: BatchNorm2d,
}

impl Fuse for FasterNet {
    fn fuse(&mut self) {
        self.patch_embed.norm.fold_into(&mut self.patch_embed.proj);
        for stage in &mut self.stages {
            match stage {
                Stage::Merging(PatchMerging { reduction, norm }) => norm.fold_into(reduction),
                Stage::Blocks(BasicStage { blocks }) => blocks.iter_mut().for_each(
                    |MlpBlock {
                         mlp: (up, norm, ..),
                         ..
                     }| norm.fold_into(up),
                ),
            }
        }
    }
}

#[derive(Module, Debug)]
struct PatchEmbed {
    proj: Conv2d,
    norm: BatchNorm2d,
}

/// Stages and the mergings between them, in turn.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // burn's derive takes no boxes, and there are seven of them
enum Stage {
    Blocks(BasicStage),
    Merging(PatchMerging),
}

#[derive(Module, Debug)]
struct BasicStage {
    blocks: Vec<MlpBlock>,
}

#[derive(Module, Debug)]
struct PatchMerging {
    reduction: Conv2d,
    norm: BatchNorm2d,
}

#[derive(Module, Debug)]
struct MlpBlock {
    spatial_mixing: PartialConv,
    /// Up, normalisation, a place without weights for the activation, down.
    mlp: (Conv2d, BatchNorm2d, Weightless, Conv2d),
    layer_scale: Option<Param<Tensor<1>>>,
    #[module(skip)]
    activation: Activation,
    drop_path: f64,
}

#[derive(Module, Debug)]
struct PartialConv {
    partial_conv3: Conv2d,
}

#[derive(Module, Debug)]
struct Weightless {}

impl FasterNetSize {
    /// A published size by its name.
    fn by_name(name: &str) -> Result<Self, String> {
        SIZES
            .into_iter()
            .find(|size| size.name == name)
            .ok_or_else(|| {
                let names = SIZES.map(|size| size.name);
                format!(
                    "unknown FasterNet size '{name}'; known: {}",
                    names.join(", ")
                )
            })
    }

    fn channels(&self, stage: usize) -> usize {
        self.embed << stage
    }

    fn partial(&self, stage: usize) -> ConvShape {
        let part = self.channels(stage) / PARTIAL;
        ConvShape::new(part, part, 3, 1)
    }

    fn mlp(&self, stage: usize) -> [ConvShape; 2] {
        let c = self.channels(stage);
        [
            ConvShape::new(c, MLP_RATIO * c, 1, 1),
            ConvShape::new(MLP_RATIO * c, c, 1, 1),
        ]
    }

    /// The convolution into a stage: the patch embedding, or a merging.
    fn entry(&self, stage: usize) -> ConvShape {
        let (c_in, side) = match stage {
            0 => (3, 4),
            _ => (self.channels(stage - 1), 2),
        };
        ConvShape::new(c_in, self.channels(stage), side, side).padding(0)
    }
}

impl Block for FasterNetConfig {
    type Layer = FasterNet;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "size, layer scale")?;
        let layer_scale = match row.arg(1) {
            Some(Arg::Int(0)) => 0.0,
            _ => row.number(1, 0.0, "layer scale")? as f32,
        };
        match row.channels_in()? {
            3 => Ok(Self {
                size: FasterNetSize {
                    layer_scale,
                    ..FasterNetSize::by_name(row.word(0, "", "size")?)?
                },
            }),
            c => Err(format!(
                "expected an image of 3 channels, found {c} channels"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let mut x = inputs[0];
        let mut outputs = Vec::with_capacity(4);
        for (stage, depth) in self.size.depths.into_iter().enumerate() {
            x = tally.conv(self.size.entry(stage), false, x);
            tally.batch_norm(x);
            for _ in 0..depth {
                let part = self.size.partial(stage);
                tally.conv(part, false, Shape::new(part.c_in, x.h, x.w));
                let [up, down] = self.size.mlp(stage);
                let hidden = tally.conv(up, false, x);
                tally.batch_norm(hidden);
                tally.conv(down, false, hidden);
                if self.size.layer_scale != 0.0 {
                    tally.parameters(x.c as u64);
                }
            }
            outputs.push(tally.batch_norm(x));
        }
        Ok(outputs)
    }

    fn init(&self, init: &Initializer) -> FasterNet {
        FasterNet::new(&self.size, init)
    }

    on_maps!(layer: FasterNet, inputs => layer.forward(only(inputs)).into());

    fn arguments(&self) -> String {
        format!("[{}]", self.size.name)
    }
}

/// A convolution without bias, its weights drawn as published.
fn fresh(shape: ConvShape, init: &Initializer) -> Conv2d {
    let mut conv = conv2d(shape, false, init);
    conv.weight = init.normal(conv.weight.dims(), WEIGHT_STD);
    conv
}

impl FasterNet {
    /// Fresh weights, drawn as published.
    pub fn new(size: &FasterNetSize, init: &Initializer) -> Self {
        let norm = |stage: usize| BatchNorm2d::new(size.channels(stage), init);
        let mut stages = Vec::with_capacity(7);
        let blocks: usize = size.depths.iter().sum();
        let mut block = 0;
        for (stage, depth) in size.depths.into_iter().enumerate() {
            if stage > 0 {
                stages.push(Stage::Merging(PatchMerging {
                    reduction: fresh(size.entry(stage), init),
                    norm: norm(stage),
                }));
            }
            let mut chain = Vec::with_capacity(depth);
            for _ in 0..depth {
                let drop_path = size.drop_path * block as f64 / (blocks - 1).max(1) as f64;
                chain.push(MlpBlock::new(size, stage, drop_path, init));
                block += 1;
            }
            stages.push(Stage::Blocks(BasicStage { blocks: chain }));
        }
        Self {
            patch_embed: PatchEmbed {
                proj: fresh(size.entry(0), init),
                norm: norm(0),
            },
            stages,
            norm0: norm(0),
            norm2: norm(1),
            norm4: norm(2),
            norm6: norm(3),
        }
    }

    /// `[batch, 3, h, w]` to four maps of embed · (1, 2, 4, 8) channels at strides 4, 8, 16 and 32.
    pub fn forward<M: FeatureMap>(&self, image: M) -> [M; 4] {
        let mut x = conv_norm_act(
            &self.patch_embed.proj,
            &self.patch_embed.norm,
            Activation::Identity,
            image,
        );
        let mut ends = Vec::with_capacity(4);
        for stage in &self.stages {
            x = match stage {
                Stage::Merging(merging) => {
                    conv_norm_act(&merging.reduction, &merging.norm, Activation::Identity, x)
                }
                Stage::Blocks(stage) => {
                    let x = stage.blocks.iter().fold(x, |x, block| block.forward(x));
                    ends.push(x.clone());
                    x
                }
            };
        }
        let norms = [&self.norm0, &self.norm2, &self.norm4, &self.norm6];
        let mut ends = ends.into_iter();
        norms.map(|norm| norm.forward(ends.next().expect("four stages end")))
    }
}

impl MlpBlock {
    fn new(size: &FasterNetSize, stage: usize, drop_path: f64, init: &Initializer) -> Self {
        let [up, down] = size.mlp(stage);
        Self {
            spatial_mixing: PartialConv {
                partial_conv3: fresh(size.partial(stage), init),
            },
            mlp: (
                fresh(up, init),
                BatchNorm2d::new(up.c_out, init),
                Weightless {},
                fresh(down, init),
            ),
            layer_scale: (size.layer_scale != 0.0)
                .then(|| init.constant([size.channels(stage)], size.layer_scale)),
            activation: size.activation,
            drop_path,
        }
    }

    fn forward<M: FeatureMap>(&self, x: M) -> M {
        let mixed = self.spatial_mixing.forward(x.clone());
        let (up, norm, _, down) = &self.mlp;
        let branch = convolve(down, conv_norm_act(up, norm, self.activation, mixed));
        let branch = match &self.layer_scale {
            Some(scale) => branch.scaled(scale.val()),
            None => branch,
        };
        x + branch.trained(|branch| self.drop(branch))
    }

    /// In training, drops the whole branch of an image with probability `drop_path`, and scales the
    /// others to the same mean.
    fn drop(&self, branch: Tensor<4>) -> Tensor<4> {
        let device = branch.device();
        if self.drop_path == 0.0 || !device.is_autodiff() {
            return branch;
        }
        let keep = 1.0 - self.drop_path;
        let [batch, ..] = branch.dims();
        let kept: Tensor<4> =
            Tensor::random([batch, 1, 1, 1], Distribution::Bernoulli(keep), &device);
        branch * (kept / keep)
    }
}

impl PartialConv {
    /// Convolves the first quarter of the channels and leaves the others.
    fn forward<M: FeatureMap>(&self, x: M) -> M {
        let part = x.shape()[1] / PARTIAL;
        let mixed = convolve(&self.partial_conv3, x.clone().channels(0, part));
        x.begun_by(mixed)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;

    /// The branch, and nothing else, is multiplied.
    #[test]
    fn layer_scale_multiplies_the_branch() {
        let device = Device::flex();
        let block = |layer_scale| {
            let size = FasterNetSize {
                layer_scale,
                ..SIZES[0].clone()
            };
            MlpBlock::new(&size, 0, 0.0, &Initializer::new(3, &device))
        };
        let x = Tensor::<4>::random([1, 40, 4, 5], Distribution::Default, &device);
        let branch = |layer_scale| block(layer_scale).forward(x.clone()) - x.clone();
        (branch(0.0) * 0.25)
            .into_data()
            .assert_approx_eq::<f32>(&branch(0.25).into_data(), Tolerance::absolute(1e-6));
    }

    /// By slices at inference, by split and concatenation in training: the same sums.
    #[test]
    fn a_partial_convolution_is_the_same_in_both_forms() {
        let training = Device::flex().autodiff();
        let mixing = PartialConv {
            partial_conv3: conv2d(
                ConvShape::new(4, 4, 3, 1),
                false,
                &Initializer::new(0, &training),
            ),
        };
        let x = Tensor::<4>::random([2, 16, 5, 7], Distribution::Default, &training);
        let by_split = mixing.forward(x.clone()).inner();
        let by_slices = mixing.valid().forward(x.clone().inner());
        assert_ne!(by_split.to_data(), x.inner().into_data());
        by_split
            .into_data()
            .assert_approx_eq::<f32>(&by_slices.into_data(), Tolerance::absolute(1e-6));
    }
}
