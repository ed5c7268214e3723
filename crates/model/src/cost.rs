//! Parameters and GFLOPs by arithmetic on shapes; no tensor is made.
//!
//! Two conventions are counted side by side. *Exact* is 2 × the multiply-accumulates of every convolution and matrix product,
//! however it is called. *Published* is what the model tables of the YOLO papers and repositories print: the profiler behind
//! them (THOP) sees modules only, so it counts 2 × (multiply-accumulates of convolution and linear modules, 4 for each output
//! element of a batch normalisation, 1 for each output element of an upsampling module), and nothing for a functional call.
//!
//! Nothing here wraps: counts stop at the largest number that there is, and a row that comes anywhere near is refused by [`Tally::check`].

use serde::Serialize;

use crate::graph::{Graph, GraphError};

/// Channels, height and width of a feature map, without the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    pub c: usize,
    pub h: usize,
    pub w: usize,
}

impl Shape {
    pub fn new(c: usize, h: usize, w: usize) -> Self {
        Self { c, h, w }
    }

    /// Elements of one feature map.
    pub fn elements(&self) -> u64 {
        self.area().saturating_mul(self.c as u64)
    }

    /// Positions of one channel.
    pub fn area(&self) -> u64 {
        (self.h as u64).saturating_mul(self.w as u64)
    }

    /// The map with both sides multiplied.
    pub fn enlarged(self, factor: usize) -> Self {
        Self {
            h: self.h.saturating_mul(factor),
            w: self.w.saturating_mul(factor),
            ..self
        }
    }

    /// Refuses a map that no network has: one without a position, such as that of a kernel larger than its input, and one of absurd size.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { c, h, w } = *self;
        match (1..=MAX_CHANNELS).contains(&c)
            && [h, w].iter().all(|side| (1..=MAX_SIDE).contains(side))
        {
            true => Ok(()),
            false => Err(format!(
                "a map of {c} channels, {h}×{w}; 1 to {MAX_CHANNELS} channels and sides of 1 to {MAX_SIDE} would be right"
            )),
        }
    }
}

/// Bounds on what one row may make and cost: far above any detector's, and low enough for a thousand rows to be added up.
const MAX_CHANNELS: usize = 1 << 20;
const MAX_SIDE: usize = 1 << 16;
const MAX_PARAMS: u64 = 10_000_000_000;
const MAX_MACS: u64 = 1_000_000_000_000_000;

/// Counts what a block costs while its forward pass is traced on shapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Trainable parameters.
    pub params: u64,
    /// Multiply-accumulates of every convolution and matrix product.
    pub macs: u64,
    /// What the published convention counts; twice this are its FLOPs.
    pub published: u64,
}

/// A convolution's geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    pub c_in: usize,
    pub c_out: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub groups: usize,
    pub dilation: usize,
}

impl ConvShape {
    /// Square kernel with the padding that keeps the size at stride 1.
    pub fn new(c_in: usize, c_out: usize, kernel: usize, stride: usize) -> Self {
        Self {
            c_in,
            c_out,
            kernel,
            stride,
            padding: kernel / 2,
            groups: 1,
            dilation: 1,
        }
    }

    pub fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// The geometry that a convolution's forward pass takes.
    pub fn geometry(&self) -> ablate_kernels::Conv2d {
        ablate_kernels::Conv2d {
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
        }
    }

    /// Weights of the kernel, without bias.
    pub fn weights(&self) -> u64 {
        (self.c_out as u64).saturating_mul(self.fan_in() as u64)
    }

    /// Weights of one output channel: what an output's value is summed of.
    pub fn fan_in(&self) -> usize {
        (self.c_in / self.groups)
            .saturating_mul(self.kernel)
            .saturating_mul(self.kernel)
    }

    /// Output shape for an input shape; sides of 0 where the kernel does not fit in.
    pub fn output(&self, x: Shape) -> Shape {
        let kernel = self
            .dilation
            .saturating_mul(self.kernel - 1)
            .saturating_add(1);
        let padding = self.padding.saturating_mul(2);
        let side = |n: usize| {
            n.saturating_add(padding)
                .checked_sub(kernel)
                .map_or(0, |steps| (steps / self.stride).saturating_add(1))
        };
        Shape::new(self.c_out, side(x.h), side(x.w))
    }

    /// Multiply-accumulates for an output shape.
    fn macs(&self, y: Shape) -> u64 {
        self.weights().saturating_mul(y.area())
    }
}

impl Tally {
    /// A convolution module; gives its output shape.
    pub fn conv(&mut self, conv: ConvShape, bias: bool, x: Shape) -> Shape {
        let y = conv.output(x);
        self.parameters(conv.weights());
        self.parameters(if bias { conv.c_out as u64 } else { 0 });
        self.functional_macs(conv.macs(y));
        self.publish(1, conv.macs(y));
        y
    }

    /// A convolution whose kernel is computed: its operations count, its kernel is nobody's parameter, and profilers miss it.
    pub fn functional_conv(&mut self, conv: ConvShape, x: Shape) -> Shape {
        let y = conv.output(x);
        self.functional_macs(conv.macs(y));
        y
    }

    /// A transposed 2×2 convolution of stride 2 with bias, which keeps the channels. Each output meets one place of the kernel; the profiler counts all
    /// four.
    pub fn upsampling_conv(&mut self, x: Shape) -> Shape {
        let y = x.enlarged(2);
        let pairs = (x.c as u64).saturating_mul(x.c as u64);
        let macs = pairs.saturating_mul(y.area());
        self.parameters(pairs.saturating_mul(4));
        self.parameters(x.c as u64);
        self.functional_macs(macs);
        self.publish(4, macs);
        y
    }

    /// A convolution module that is folded into another at inference: a profiler counts it, but it never runs.
    pub fn branch(&mut self, conv: ConvShape, x: Shape) -> Shape {
        let y = conv.output(x);
        self.parameters(conv.weights());
        self.publish(1, conv.macs(y));
        y
    }

    /// A matrix product that is no module, of so many multiply-accumulates.
    pub fn functional_macs(&mut self, macs: u64) {
        self.macs = self.macs.saturating_add(macs);
    }

    /// A linear module with bias, for one vector.
    pub fn linear(&mut self, inputs: usize, outputs: usize) {
        let weights = (inputs as u64).saturating_mul(outputs as u64);
        self.parameters(weights);
        self.parameters(outputs as u64);
        self.functional_macs(weights);
        self.publish(1, weights);
    }

    /// A batch normalisation of a feature map.
    pub fn batch_norm(&mut self, x: Shape) -> Shape {
        self.parameters((x.c as u64).saturating_mul(2));
        self.publish(4, x.elements());
        x
    }

    /// An upsampling module by its output.
    pub fn upsample(&mut self, y: Shape) -> Shape {
        self.publish(1, y.elements());
        y
    }

    /// Parameters of no operation that is counted.
    pub fn parameters(&mut self, n: u64) {
        self.params = self.params.saturating_add(n);
    }

    /// What the published convention counts `times` over.
    fn publish(&mut self, times: u64, operations: u64) {
        self.published = self
            .published
            .saturating_add(operations.saturating_mul(times));
    }

    /// Refuses what no row of a detector costs.
    pub(crate) fn check(&self) -> Result<(), String> {
        let counts = [
            (self.params, MAX_PARAMS, "parameters"),
            (
                self.macs.max(self.published),
                MAX_MACS,
                "multiply-accumulates",
            ),
        ];
        match counts.into_iter().find(|(count, most, _)| count > most) {
            Some((_, most, what)) => Err(format!(
                "more than {most} {what}; smaller kernels or fewer channels would be right"
            )),
            None => Ok(()),
        }
    }

    /// FLOPs / 1e9, published convention.
    pub fn gflops(&self) -> f64 {
        2.0 * self.published as f64 / 1e9
    }

    /// FLOPs / 1e9 of every convolution and matrix product.
    pub fn gflops_exact(&self) -> f64 {
        2.0 * self.macs as f64 / 1e9
    }

    pub(crate) fn minus(&self, before: &Self) -> Self {
        Self {
            params: self.params - before.params,
            macs: self.macs - before.macs,
            published: self.published - before.published,
        }
    }
}

/// What a model costs for one image, in total and row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    pub total: Tally,
    /// A tally and the output shapes for each node of the graph.
    pub nodes: Vec<(Tally, Vec<Shape>)>,
}

impl Cost {
    /// For one image of `height` × `width` pixels.
    ///
    /// # Errors
    /// Where the size does not fit the graph, as when two maps that are concatenated come out different.
    pub fn of(graph: &Graph, height: usize, width: usize) -> Result<Self, GraphError> {
        let mut total = Tally::default();
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        let mut outputs: Vec<Vec<Shape>> = Vec::with_capacity(graph.nodes.len());
        let image = Shape::new(3, height, width);
        for node in &graph.nodes {
            let before = total;
            let inputs = node.inputs(image, &outputs)?;
            let shapes = node.trace(&inputs, &mut total)?;
            nodes.push((total.minus(&before), shapes.clone()));
            outputs.push(shapes);
        }
        Ok(Self { total, nodes })
    }

    /// Trainable parameters.
    pub fn params(&self) -> u64 {
        self.total.params
    }

    /// GFLOPs in the published convention.
    pub fn gflops(&self) -> f64 {
        self.total.gflops()
    }

    /// GFLOPs of every convolution and matrix product.
    pub fn gflops_exact(&self) -> f64 {
        self.total.gflops_exact()
    }
}
