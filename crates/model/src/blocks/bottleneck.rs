//! The residual bottleneck, and what can stand in its place in a chain.

use burn::{
    module::{Module, ModuleDisplay},
    tensor::Tensor,
};

use super::{
    block::{Block, on_map, on_maps, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{
    fuse::Fuse,
    inference::{FeatureMap, Traced},
    initializer::Initializer,
    shape::{ConvShape, Shape},
    spec::Arg,
    tally::Tally,
};

/// What a C3 or a C2f chains: a block that keeps its channels. The plain one is
/// [`BottleneckConfig`].
pub trait Link: Copy + std::fmt::Debug + PartialEq {
    /// The burn module.
    type Layer: Module + ModuleDisplay;

    /// In place of this bottleneck; it may ignore its kernels, shortcut and groups.
    fn new(bottleneck: BottleneckConfig) -> Self;

    /// Refuses channels that it can't have.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Output shape; the cost goes to the tally.
    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape;

    /// The module with fresh weights.
    fn init(&self, init: &Initializer) -> Self::Layer;

    /// `[batch, channels, h, w]` to the same shape.
    fn forward(layer: &Self::Layer, x: Tensor<4>) -> Tensor<4>;

    /// The same on a value of a graph: see [`Block::lower`].
    fn lower(_: &Self::Layer, _: Traced) -> Option<Traced> {
        None
    }
}

/// Two convolutions with a residual connection around them. Row:
/// `[channels, shortcut, groups, kernels, expansion]`, the kernels a list of two, each a side or
/// `[height, width]`; or, as YOLOv5 has it, `[channels, shortcut, groups, expansion]`. The kernels
/// are 3×3 unless they are given, the first 1×1 in a table with anchors, as YOLOv5's are.
/// Source: He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385, as YOLO has
/// it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BottleneckConfig {
    /// Input channels.
    pub c_in: usize,
    /// Channels between the two convolutions.
    pub hidden: usize,
    /// Output channels.
    pub c_out: usize,
    /// Height and width of the two kernels.
    pub kernels: [[usize; 2]; 2],
    /// Whether the input is added to the output, if that has as many channels.
    pub shortcut: bool,
    /// Of the second convolution.
    pub groups: usize,
}

/// Sides of the kernels that a row does not name: YOLOv5's tables have anchors, Ultralytics' none.
pub(super) fn usual_kernels(row: &RowReader) -> [usize; 2] {
    match row.table().anchors {
        Some(_) => [1, 3],
        None => [3, 3],
    }
}

/// A bottleneck whose first convolution is an `M`; see [`BottleneckConfig`].
#[derive(Module, Debug)]
pub struct Bottleneck<M: Module> {
    cv1: M,
    cv2: Conv,
    #[module(skip)]
    shortcut: bool,
}

impl<M: Module + Fuse> Fuse for Bottleneck<M> {
    fn fuse(&mut self) {
        self.cv1.fuse();
        self.cv2.fuse();
    }
}

impl BottleneckConfig {
    fn adds(&self) -> bool {
        self.shortcut && self.c_in == self.c_out
    }

    fn first(&self) -> ConvConfig {
        let conv = ConvShape::rectangle(self.c_in, self.hidden, self.kernels[0], 1);
        ConvConfig::of(conv)
    }

    /// The second convolution.
    pub(super) fn second(&self) -> ConvConfig {
        let conv = ConvShape::rectangle(self.hidden, self.c_out, self.kernels[1], 1);
        ConvConfig::of(conv).groups(self.groups)
    }

    /// The module around a first convolution.
    pub(super) fn around<M: Module>(&self, cv1: M, init: &Initializer) -> Bottleneck<M> {
        Bottleneck {
            cv1,
            cv2: Conv::new(&self.second(), init),
            shortcut: self.adds(),
        }
    }
}

impl<M: Module> Bottleneck<M> {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`, given the first convolution's forward pass.
    pub(super) fn forward<F: FeatureMap>(&self, first: impl Fn(&M, F) -> F, x: F) -> F {
        let y = self.cv2.forward(first(&self.cv1, x.clone()));
        if self.shortcut { x + y } else { y }
    }
}

impl Link for BottleneckConfig {
    type Layer = Bottleneck<Conv>;

    fn new(bottleneck: BottleneckConfig) -> Self {
        bottleneck
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let x = self.first().trace_one(x, tally);
        self.second().trace_one(x, tally)
    }

    fn init(&self, init: &Initializer) -> Bottleneck<Conv> {
        self.around(Conv::new(&self.first(), init), init)
    }

    on_map!(layer: Bottleneck<Conv>, x => layer.forward(Conv::forward, x));
}

impl Block for BottleneckConfig {
    type Layer = Bottleneck<Conv>;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(5, "channels, shortcut, groups, kernels, expansion")?;
        let c_out = row.channels_out()?;
        let usual = usual_kernels(row).map(|side| [side; 2]);
        // YOLOv5 has the expansion where Ultralytics has the kernels.
        let (kernels, expansion) = match row.arg(3) {
            Some(Arg::Int(_) | Arg::Float(_)) => (usual, 3),
            _ => (row.windows(3, usual, "kernels")?, 4),
        };
        let config = Self {
            c_in: row.channels_in()?,
            hidden: (c_out as f64 * row.number(expansion, 0.5, "expansion")?) as usize,
            c_out,
            kernels,
            shortcut: row.flag(1, true, "shortcut")?,
            groups: row.positive(2, Some(1), "groups")?,
        };
        let Self { hidden, groups, .. } = config;
        let odd = config
            .kernels
            .as_flattened()
            .iter()
            .all(|side| side % 2 == 1);
        if config.adds() && !odd {
            return Err("kernels: expected odd sides, so that the input can be added".into());
        }
        let divides = |channels: usize| channels > 0 && channels.is_multiple_of(groups);
        match divides(hidden) && divides(c_out) {
            true => Ok(config),
            false => Err(format!(
                "expected {hidden} hidden and {c_out} output channels to divide into {groups} groups"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.trace_one(inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> Bottleneck<Conv> {
        Link::init(self, init)
    }

    on_maps!(layer: Bottleneck<Conv>, inputs => vec![layer.forward(Conv::forward, only(inputs))]);

    fn arguments(&self) -> String {
        let shortcut = if self.shortcut { "" } else { ", False" };
        format!("[{}, {}{shortcut}]", self.c_in, self.c_out)
    }
}
