use burn::{
    module::{Module, Param},
    nn::conv::Conv2d,
    tensor::Tensor,
};

use crate::{
    Initializer,
    blocks::{Block, RowReader, conv2d, convolve},
    cost::{ConvShape, Shape, Tally},
    spec::Arg,
};

/// YOLOv5's anchor-based head: a 1×1 convolution for each level, to (classes + 5) numbers for each anchor: box, objectness,
/// classes. Row: `[nc, anchors]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectConfig {
    pub nc: usize,
    /// Channels of each level, finest first.
    pub channels: Vec<usize>,
    /// Pixels of the image for each cell, by level.
    pub strides: Vec<usize>,
    /// Width and height in pixels, by level.
    pub anchors: Vec<Vec<[f64; 2]>>,
}

/// See [`DetectConfig`].
#[derive(Module, Debug)]
pub struct Detect {
    pub(super) m: Vec<Conv2d>,
}

impl DetectConfig {
    /// Reads the first two arguments of a row, which may have more.
    pub(super) fn read_row(row: &RowReader) -> Result<Self, String> {
        let nc = match row.arg(0) {
            Some(Arg::Text(word)) if word == "nc" => row.nc(),
            Some(Arg::Int(nc)) if *nc == row.nc() as i64 => row.nc(),
            _ => return Err("the first argument is not nc; [nc, anchors] would be right".into()),
        };
        match row.arg(1) {
            Some(Arg::Text(word)) if word == "anchors" => (),
            _ => return Err("the second argument is not anchors; [nc, anchors] would be right".into()),
        }
        let anchors = row.anchors().ok_or("the table has no key 'anchors', which this head needs")?;
        let levels = row.inputs().len();
        if anchors.len() != levels {
            return Err(format!("it reads {levels} levels, and 'anchors' has {}", anchors.len()));
        }
        Ok(Self {
            nc,
            channels: row.inputs().iter().map(|input| input.c).collect(),
            strides: row.strides(),
            anchors: anchors.iter().map(|level| level.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()).collect(),
        })
    }

    /// Numbers for each anchor: centre x and y, width, height, objectness, classes.
    pub fn outputs(&self) -> usize {
        self.nc + 5
    }

    /// Anchors of each level.
    pub fn anchors_per_level(&self) -> usize {
        self.anchors[0].len()
    }

    fn conv(&self, level: usize) -> ConvShape {
        ConvShape::new(self.channels[level], self.anchors_per_level() * self.outputs(), 1, 1)
    }

    /// A convolution's fresh weights, with the bias that says what is likely before anything is learnt: eight objects in an
    /// image of 640 pixels, and each class with 0.6 of an even chance. Source: Lin et al., Focal Loss, arXiv:1708.02002, 3.3.
    fn init_level(&self, level: usize, init: &Initializer) -> Conv2d {
        let mut conv = conv2d(self.conv(level), true, init);
        let cells = (640.0 / self.strides[level] as f64).powi(2);
        let mut prior = vec![0.0; self.outputs()];
        prior[4] = (8.0 / cells).ln();
        prior[5..].fill((0.6 / (self.nc as f64 - 0.99999)).ln());
        let prior: Vec<f32> = prior.repeat(self.anchors_per_level()).into_iter().map(|p| p as f32).collect();
        let prior = Tensor::from_floats(prior.as_slice(), init.device());
        conv.bias = conv.bias.map(|bias| Param::from_tensor((bias.val() + prior).detach()));
        conv
    }
}

impl Block for DetectConfig {
    type Layer = Detect;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "nc, anchors")?;
        Self::read_row(row)
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(inputs.iter().enumerate().map(|(level, x)| tally.conv(self.conv(level), true, *x)).collect())
    }

    fn init(&self, init: &Initializer) -> Detect {
        Detect { m: (0..self.channels.len()).map(|level| self.init_level(level, init)).collect() }
    }

    fn forward(layer: &Detect, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        layer.forward(inputs)
    }

    fn arguments(&self) -> String {
        format!("[{}, {} anchors, {:?}]", self.nc, self.anchors_per_level(), self.channels)
    }

    fn detect(&self) -> Option<&DetectConfig> {
        Some(self)
    }
}

impl Detect {
    /// A map `[batch, c, h, w]` for each level to its raw outputs, `[batch, anchors · (classes + 5), h, w]`.
    pub fn forward(&self, levels: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        self.m.iter().zip(levels).map(|(conv, x)| convolve(conv, x)).collect()
    }
}
