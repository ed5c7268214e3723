//! Shapes of feature maps, and how a convolution changes them.

use serde::Serialize;

/// Channels, height and width of a feature map, without the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Channels.
    pub c: usize,
    /// Height.
    pub h: usize,
    /// Width.
    pub w: usize,
}

impl Shape {
    /// `c` channels of `h` × `w`.
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

    /// Refuses a map that no network has: one without a position, such as that of a kernel larger
    /// than its input, and one of absurd size.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { c, h, w } = *self;
        match (1..=MAX_CHANNELS).contains(&c)
            && [h, w].iter().all(|side| (1..=MAX_SIDE).contains(side))
        {
            true => Ok(()),
            false => Err(format!(
                "expected 1 to {MAX_CHANNELS} channels and sides of 1 to {MAX_SIDE}, found a map of {c} channels, {h}×{w}"
            )),
        }
    }
}

/// A convolution's geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Step of the kernel.
    pub stride: usize,
    /// Zeros above and below, and left and right.
    pub padding: [usize; 2],
    /// Groups of channels that are convolved apart.
    pub groups: usize,
    /// Step between the kernel's elements.
    pub dilation: usize,
}

impl ConvShape {
    /// Square kernel with the padding that keeps the size at stride 1.
    pub fn new(c_in: usize, c_out: usize, kernel: usize, stride: usize) -> Self {
        Self::rectangle(c_in, c_out, [kernel; 2], stride)
    }

    /// The same of a kernel given by height and width.
    pub fn rectangle(c_in: usize, c_out: usize, kernel: [usize; 2], stride: usize) -> Self {
        Self {
            c_in,
            c_out,
            kernel,
            stride,
            padding: kernel.map(|side| side / 2),
            groups: 1,
            dilation: 1,
        }
    }

    /// The same with another padding, on all sides.
    pub fn padding(self, padding: usize) -> Self {
        Self {
            padding: [padding; 2],
            ..self
        }
    }

    /// The same in groups of channels.
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

    /// The kernel as a printed table shows it: `3`, or `[1, 3]` if it is no square.
    pub(crate) fn kernel_text(&self) -> String {
        match self.kernel {
            [height, width] if height == width => height.to_string(),
            [height, width] => format!("[{height}, {width}]"),
        }
    }

    /// Weights of the kernel, without bias.
    pub fn weights(&self) -> u64 {
        (self.c_out as u64).saturating_mul(self.fan_in() as u64)
    }

    /// Weights of one output channel: what an output's value is summed of.
    pub fn fan_in(&self) -> usize {
        let [height, width] = self.kernel;
        (self.c_in / self.groups)
            .saturating_mul(height)
            .saturating_mul(width)
    }

    /// Output shape for an input shape; sides of 0 if the kernel does not fit.
    pub fn output(&self, x: Shape) -> Shape {
        let side = |n: usize, i: usize| {
            let reach = (self.dilation.saturating_mul(self.kernel[i] - 1)).saturating_add(1);
            n.saturating_add(self.padding[i].saturating_mul(2))
                .checked_sub(reach)
                .map_or(0, |steps| (steps / self.stride).saturating_add(1))
        };
        Shape::new(self.c_out, side(x.h, 0), side(x.w, 1))
    }

    /// Multiply-accumulates for an output shape.
    pub(crate) fn macs(&self, y: Shape) -> u64 {
        self.weights().saturating_mul(y.area())
    }
}

/// A transposed convolution's geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransposedShape {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the kernel over the output.
    pub stride: usize,
    /// Rows and columns cut from each side of the output.
    pub padding: usize,
    /// Rows and columns added at the output's end.
    pub output_padding: usize,
    /// Groups of channels that are convolved apart.
    pub groups: usize,
    /// Step between the kernel's elements.
    pub dilation: usize,
}

impl TransposedShape {
    /// Nothing cut, added or dilated, one group.
    pub fn new(c_in: usize, c_out: usize, kernel: usize, stride: usize) -> Self {
        Self {
            c_in,
            c_out,
            kernel,
            stride,
            padding: 0,
            output_padding: 0,
            groups: 1,
            dilation: 1,
        }
    }

    /// The geometry that the forward pass takes.
    pub fn geometry(&self) -> ablate_kernels::ConvTranspose2d {
        ablate_kernels::ConvTranspose2d {
            stride: self.stride,
            padding: self.padding,
            output_padding: self.output_padding,
            dilation: self.dilation,
            groups: self.groups,
        }
    }

    /// Weights of the kernel, without bias.
    pub fn weights(&self) -> u64 {
        (self.c_in as u64).saturating_mul(self.fan_out() as u64)
    }

    /// Weights of one input channel, by which PyTorch draws the first ones.
    pub fn fan_out(&self) -> usize {
        (self.c_out / self.groups)
            .saturating_mul(self.kernel)
            .saturating_mul(self.kernel)
    }

    /// Output shape for an input shape; sides of 0 if nothing is left of it.
    pub fn output(&self, x: Shape) -> Shape {
        let reach = self.dilation.saturating_mul(self.kernel - 1);
        let side = |n: usize| {
            (n.saturating_sub(1).saturating_mul(self.stride))
                .saturating_add(reach)
                .saturating_add(self.output_padding + 1)
                .saturating_sub(self.padding.saturating_mul(2))
        };
        Shape::new(self.c_out, side(x.h), side(x.w))
    }

    /// Multiply-accumulates for an input shape: each of its elements meets the whole kernel.
    pub(crate) fn macs(&self, x: Shape) -> u64 {
        self.weights().saturating_mul(x.area())
    }
}

/// Bounds on one map: far above any detector's, and low enough that nothing computed from them
/// overflows.
const MAX_CHANNELS: usize = 1 << 20;
const MAX_SIDE: usize = 1 << 16;
