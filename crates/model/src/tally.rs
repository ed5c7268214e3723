//! Counts of parameters and operations, in two conventions side by side.
//!
//! *Exact* is 2 × the multiply-accumulates of every convolution and matrix product, however it is
//! called. *Published* is what the model tables of the YOLO papers and repositories print: the
//! profiler behind them (THOP) sees modules only, so it counts 2 × (multiply-accumulates of
//! convolution and linear modules, 4 for each output element of a batch or layer normalization, 1
//! for each output element of an upsampling module), and nothing for a functional call, nor for
//! PyTorch's multi-head attention, whose projections are none of these modules.
//!
//! Both are of a network as it is built, so of all branches of an end-to-end head, as the packages
//! print it; of its two sets of branches inference runs one
//! ([`inference_macs`](Tally::inference_macs)).
//!
//! Counts saturate instead of wrapping; `Tally::check` refuses a row that comes anywhere near.

use crate::shape::{ConvShape, Shape, TransposedShape};

/// Bounds on what one row may cost: far above any detector's, and low enough that a thousand rows
/// add up.
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
    /// Those of `macs` that inference leaves out: convolutions that are folded into others, and
    /// branches that only training needs.
    pub left_out: u64,
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

    /// A convolution whose kernel is computed: its operations count, its kernel is nobody's
    /// parameter, and profilers miss it.
    pub fn functional_conv(&mut self, conv: ConvShape, x: Shape) -> Shape {
        let y = conv.output(x);
        self.functional_macs(conv.macs(y));
        y
    }

    /// A transposed 2×2 convolution of stride 2 with bias, which keeps the channels.
    pub fn upsampling_conv(&mut self, x: Shape) -> Shape {
        self.transposed_conv(TransposedShape::new(x.c, x.c, 2, 2), true, x)
    }

    /// A transposed convolution module. The profiler counts the whole kernel for each output, of
    /// which a step of the stride meets a part.
    pub fn transposed_conv(&mut self, conv: TransposedShape, bias: bool, x: Shape) -> Shape {
        let y = self.unseen_transposed_conv(conv, bias, x);
        let inputs = (conv.c_in / conv.groups) as u64;
        let kernel = (conv.kernel as u64).saturating_mul(conv.kernel as u64);
        self.publish(inputs.saturating_mul(kernel), y.elements());
        y
    }

    /// The same as a module that profilers don't know.
    pub fn unseen_transposed_conv(&mut self, conv: TransposedShape, bias: bool, x: Shape) -> Shape {
        self.parameters(conv.weights());
        self.parameters(if bias { conv.c_out as u64 } else { 0 });
        self.functional_macs(conv.macs(x));
        conv.output(x)
    }

    /// A convolution module that is folded into another at inference: a profiler counts it, but it
    /// never runs.
    pub fn branch(&mut self, conv: ConvShape, x: Shape) -> Shape {
        let y = conv.output(x);
        self.parameters(conv.weights());
        self.publish(1, conv.macs(y));
        y
    }

    /// A convolution module that the packages count like any other, and fold into another at
    /// inference.
    pub fn folded_conv(&mut self, conv: ConvShape, x: Shape) -> Shape {
        let y = self.conv(conv, false, x);
        self.left_out = self.left_out.saturating_add(conv.macs(y));
        y
    }

    /// A part that inference leaves out: the one-to-many branches of a head that has one-to-one
    /// branches beside them. The packages' counts, published and exact, are of both.
    pub fn left_out(&mut self, part: Self) {
        self.parameters(part.params);
        self.functional_macs(part.macs);
        self.publish(1, part.published);
        self.left_out = self.left_out.saturating_add(part.macs);
    }

    /// Multiply-accumulates of a matrix product that is not a module.
    pub fn functional_macs(&mut self, macs: u64) {
        self.macs = self.macs.saturating_add(macs);
    }

    /// A matrix product that is not a module, `m × k` times `k × n`, so many times over.
    pub fn product(&mut self, [m, k, n]: [usize; 3], times: usize) {
        let sides = [m, k, n, times].map(|side| side as u64);
        self.functional_macs(sides.into_iter().fold(1, u64::saturating_mul));
    }

    /// A linear module for so many vectors.
    pub fn linear(&mut self, inputs: usize, outputs: usize, bias: bool, vectors: u64) {
        let weights = (inputs as u64).saturating_mul(outputs as u64);
        self.parameters(weights);
        self.parameters(if bias { outputs as u64 } else { 0 });
        self.functional_macs(weights.saturating_mul(vectors));
        self.publish(1, weights.saturating_mul(vectors));
    }

    /// A layer normalisation of so many vectors.
    pub fn layer_norm(&mut self, channels: usize, vectors: u64) {
        self.parameters((channels as u64).saturating_mul(2));
        self.publish(4, (channels as u64).saturating_mul(vectors));
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

    /// The same of a bilinear one.
    pub fn bilinear_upsample(&mut self, y: Shape) -> Shape {
        self.publish(11, y.elements());
        y
    }

    /// A module that takes the mean of each channel: the profiler counts a sum and a division.
    pub fn global_pool(&mut self, x: Shape) -> Shape {
        self.publish(1, x.elements().saturating_add(x.c as u64));
        Shape::new(x.c, 1, 1)
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
            Some((count, most, what)) => Err(format!(
                "expected at most {most} {what}, found {count}; use smaller kernels or fewer channels"
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

    /// Multiply-accumulates that run at inference.
    pub fn inference_macs(&self) -> u64 {
        self.macs - self.left_out
    }

    pub(crate) fn minus(&self, before: &Self) -> Self {
        Self {
            params: self.params - before.params,
            macs: self.macs - before.macs,
            published: self.published - before.published,
            left_out: self.left_out - before.left_out,
        }
    }
}
