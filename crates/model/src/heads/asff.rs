//! Levels fused before detection.

use ablate_kernels::Activation;
use burn::{module::Module, nn::conv::Conv2d, tensor::Tensor};

use super::{anchor_based::AnchorDetect, anchor_free::AnchorFreeDetect, detect::Detect};
use crate::{
    blocks::{
        batch_norm::BatchNorm2d,
        block::Block,
        conv::{conv_norm_act, conv2d, convolve},
        row::RowReader,
    },
    coding::DetectConfig,
    fuse::Fuse,
    inference::{FeatureMap, Traced},
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// Adaptively spatial feature fusion before detection: each of the three levels becomes a sum of
/// all three, weighted at every position by a softmax over weights that are computed from the maps
/// themselves. Row: as of Detect, then `order, rfb`.
/// Source: Liu et al., arXiv:1911.09516, section 3.2.
#[derive(Clone, Debug, PartialEq)]
pub struct AsffDetectConfig {
    /// The head on the fused maps.
    pub detect: DetectConfig,
    /// From which maps a level is fused.
    pub order: AsffOrder,
    /// Halves the channels of the weight branches.
    pub rfb: bool,
}

/// From which maps a level is fused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsffOrder {
    /// All from the unfused ones: the paper's.
    Parallel,
    /// Coarsest first, each from the levels fused before it: that of a well-known YOLOv5
    /// adaptation.
    Sequential,
}

/// See [`AsffDetectConfig`].
#[derive(Module, Debug)]
pub struct AsffDetect {
    /// Coarsest level first.
    asffs: Vec<Asff>,
    m: Predictor,
    #[module(skip)]
    order: AsffOrder,
}

/// What makes predictions of the fused maps.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
enum Predictor {
    Anchors(Vec<Conv2d>),
    AnchorFree(AnchorFreeDetect),
}

/// The fusion of one level. Levels count from the coarsest here, as in the paper.
#[derive(Module, Debug)]
pub struct Asff {
    compress_level_0: Option<Unit>,
    compress_level_1: Option<Unit>,
    stride_level_1: Option<Unit>,
    stride_level_2: Option<Unit>,
    weight_level_0: Unit,
    weight_level_1: Unit,
    weight_level_2: Unit,
    weight_levels: Conv2d,
    expand: Unit,
    level: usize,
}

/// Convolution, batch normalisation, LeakyReLU.
#[derive(Module, Debug)]
struct Unit {
    conv: Conv2d,
    batch_norm: BatchNorm2d,
}

impl Fuse for AsffDetect {
    fn fuse(&mut self) {
        for asff in &mut self.asffs {
            let resize = [
                &mut asff.compress_level_0,
                &mut asff.compress_level_1,
                &mut asff.stride_level_1,
                &mut asff.stride_level_2,
            ];
            let weigh = [
                &mut asff.weight_level_0,
                &mut asff.weight_level_1,
                &mut asff.weight_level_2,
                &mut asff.expand,
            ];
            resize
                .into_iter()
                .flatten()
                .chain(weigh)
                .for_each(|Unit { conv, batch_norm }| batch_norm.fold_into(conv));
        }
        match &mut self.m {
            Predictor::Anchors(_) => {}
            Predictor::AnchorFree(head) => Fuse::fuse(head),
        }
    }
}

/// One level's convolutions: those that bring the other levels to its channels and size, by source
/// level, and those that weigh.
struct LevelConfig {
    level: usize,
    /// Into this level from levels 0, 1 and 2; None for itself.
    resize: [Option<ConvShape>; 3],
    weight: ConvShape,
    levels: ConvShape,
    expand: ConvShape,
}

impl AsffDetectConfig {
    fn level(&self, level: usize) -> LevelConfig {
        let channels: Vec<usize> = self.detect.channels.iter().rev().copied().collect();
        let own = channels[level];
        let compress = if self.rfb { 8 } else { 16 };
        let resize = std::array::from_fn(|source| match source.cmp(&level) {
            // A coarser level: its channels are brought down, then it is upsampled.
            std::cmp::Ordering::Less => Some(ConvShape::new(channels[source], own, 1, 1)),
            std::cmp::Ordering::Equal => None,
            // A finer level: a strided convolution halves it.
            std::cmp::Ordering::Greater => Some(ConvShape::new(channels[source], own, 3, 2)),
        });
        LevelConfig {
            level,
            resize,
            weight: ConvShape::new(own, compress, 1, 1),
            levels: ConvShape::new(3 * compress, 3, 1, 1),
            expand: ConvShape::new(own, own, 3, 1),
        }
    }
}

impl LevelConfig {
    fn trace(&self, coarse_first: &[Shape], tally: &mut Tally) -> Result<(), String> {
        let own = coarse_first[self.level];
        let mut unit = |conv: ConvShape, x: Shape| {
            let y = tally.conv(conv, false, x);
            tally.batch_norm(y)
        };
        for (source, conv) in self.resize.iter().enumerate() {
            if let Some(conv) = conv {
                let x = coarse_first[source];
                // From two levels finer, a max pool halves the map first.
                let pooled = if source == self.level + 2 {
                    Shape::new(x.c, x.h.div_ceil(2), x.w.div_ceil(2))
                } else {
                    x
                };
                let y = unit(*conv, pooled);
                let factor = 1 << self.level.saturating_sub(source);
                if (y.h * factor, y.w * factor) != (own.h, own.w) {
                    return Err(format!(
                        "expected levels that halve in size, found one of {}×{} and one of {}×{}",
                        x.h, x.w, own.h, own.w
                    ));
                }
            }
        }
        for _ in 0..3 {
            unit(self.weight, own);
        }
        unit(self.expand, own);
        tally.conv(
            self.levels,
            true,
            Shape::new(self.levels.c_in, own.h, own.w),
        );
        Ok(())
    }

    fn init(&self, init: &Initializer) -> Asff {
        let unit = |conv: ConvShape| Unit {
            conv: conv2d(conv, false, init),
            batch_norm: BatchNorm2d::new(conv.c_out, init),
        };
        let [from_0, from_1, from_2] = self.resize;
        let (compress_level_1, stride_level_1) = match self.level {
            0 => (None, from_1.map(unit)),
            _ => (from_1.map(unit), None),
        };
        Asff {
            compress_level_0: from_0.map(unit),
            compress_level_1,
            stride_level_1,
            stride_level_2: from_2.map(unit),
            weight_level_0: unit(self.weight),
            weight_level_1: unit(self.weight),
            weight_level_2: unit(self.weight),
            weight_levels: conv2d(self.levels, true, init),
            expand: unit(self.expand),
            level: self.level,
        }
    }
}

impl Block for AsffDetectConfig {
    type Layer = AsffDetect;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        let (detect, taken) = DetectConfig::read_row(row)?;
        row.at_most(taken + 2, "nc, anchors, order, rfb] or [nc, order, rfb")?;
        if detect.channels.len() != 3 {
            return Err(format!(
                "expected three levels, found {}",
                detect.channels.len()
            ));
        }
        Ok(Self {
            detect,
            order: match row.word(taken, "parallel", "order")? {
                "parallel" => AsffOrder::Parallel,
                "sequential" => AsffOrder::Sequential,
                other => {
                    return Err(format!(
                        "order: expected parallel or sequential, found '{other}'"
                    ));
                }
            },
            rfb: row.flag(taken + 1, false, "rfb")?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let coarse_first: Vec<Shape> = inputs.iter().rev().copied().collect();
        (0..3).try_for_each(|level| self.level(level).trace(&coarse_first, tally))?;
        self.detect.trace(inputs, tally)
    }

    fn init(&self, init: &Initializer) -> AsffDetect {
        let m = match self.detect.init(init) {
            Detect::Anchors(AnchorDetect { m }) => Predictor::Anchors(m),
            Detect::AnchorFree(head) => Predictor::AnchorFree(head),
        };
        AsffDetect {
            asffs: (0..3).map(|level| Asff::new(self, level, init)).collect(),
            m,
            order: self.order,
        }
    }

    fn forward(layer: &AsffDetect, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        layer.forward(inputs)
    }

    fn lower(layer: &AsffDetect, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        let (fused, _) = layer.fuse_levels(inputs);
        Some(match &layer.m {
            Predictor::Anchors(convs) => predicted(convs, fused),
            Predictor::AnchorFree(head) => head.lower(&fused),
        })
    }

    fn arguments(&self) -> String {
        let order = match self.order {
            AsffOrder::Parallel => "parallel",
            AsffOrder::Sequential => "sequential",
        };
        let rfb = if self.rfb { ", rfb" } else { "" };
        format!("[{}, {order}{rfb}]", self.detect.printed())
    }

    fn detect(&self) -> Option<&DetectConfig> {
        Some(&self.detect)
    }
}

impl AsffDetect {
    /// A map `[batch, c, h, w]` for each level, finest first, to its raw outputs, as of a
    /// [`Detect`] on the fused maps.
    pub fn forward(&self, levels: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let (fused, _) = self.fuse_levels(levels);
        match &self.m {
            Predictor::Anchors(convs) => predicted(convs, fused),
            Predictor::AnchorFree(head) => head.forward(fused),
        }
    }

    /// The weights of the fusion, for display: for each level, finest first, `[batch, 3, h, w]`,
    /// whose channels are the shares of the coarsest, the middle and the finest level and add up to
    /// 1.
    pub fn fusion_weights(&self, levels: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        self.fuse_levels(levels).1
    }

    /// The fused levels and their weights, finest first.
    fn fuse_levels<M: FeatureMap>(&self, mut levels: Vec<M>) -> (Vec<M>, Vec<M>) {
        levels.reverse();
        let mut fused = Vec::with_capacity(3);
        let mut weights = Vec::with_capacity(3);
        for asff in &self.asffs {
            let (map, weight) = asff.forward(&levels);
            if self.order == AsffOrder::Sequential {
                levels[asff.level] = map.clone();
            }
            fused.push(map);
            weights.push(weight);
        }
        fused.reverse();
        weights.reverse();
        (fused, weights)
    }
}

/// Each level's raw outputs.
fn predicted<M: FeatureMap>(convs: &[Conv2d], levels: Vec<M>) -> Vec<M> {
    let both = convs.iter().zip(levels);
    both.map(|(conv, x)| convolve(conv, x)).collect()
}

impl Asff {
    /// The fusion of one level, counted from the coarsest.
    pub fn new(config: &AsffDetectConfig, level: usize, init: &Initializer) -> Self {
        config.level(level).init(init)
    }

    /// Three maps, coarsest first, to this level's fused map `[batch, c, h, w]` and its weights
    /// `[batch, 3, h, w]`.
    pub fn forward<M: FeatureMap>(&self, coarse_first: &[M]) -> (M, M) {
        let maps: [M; 3] =
            std::array::from_fn(|source| self.resize(source, coarse_first[source].clone()));
        let weighing = [
            &self.weight_level_0,
            &self.weight_level_1,
            &self.weight_level_2,
        ];
        let weighed = weighing
            .iter()
            .zip(&maps)
            .map(|(unit, map)| unit.forward(map.clone()))
            .collect();
        let weights = convolve(&self.weight_levels, M::concatenated(weighed)).shares();
        let share = |i: usize| weights.clone().channels(i, 1);
        let [coarse, middle, fine] = maps;
        let sum = coarse.times(share(0)) + middle.times(share(1)) + fine.times(share(2));
        (self.expand.forward(sum), weights)
    }

    /// A level's map in the channels and size of this one.
    fn resize<M: FeatureMap>(&self, source: usize, x: M) -> M {
        let units = match source {
            0 => [&self.compress_level_0, &None],
            1 => [&self.compress_level_1, &self.stride_level_1],
            _ => [&self.stride_level_2, &None],
        };
        let Some(unit) = units.into_iter().flatten().next() else {
            return x;
        };
        let x = match source == self.level + 2 {
            true => x.max_pooled(3, 2, 1),
            false => x,
        };
        match self.level.saturating_sub(source) {
            0 => unit.forward(x),
            steps => unit.forward(x).enlarged(1 << steps),
        }
    }
}

impl Unit {
    fn forward<M: FeatureMap>(&self, x: M) -> M {
        conv_norm_act(&self.conv, &self.batch_norm, Activation::LeakyRelu(0.1), x)
    }
}
