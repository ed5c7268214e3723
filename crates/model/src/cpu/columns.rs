//! A convolution's input as a matrix: a column for each place of the output, a row for each element of the kernel.

use super::fill_parts;

/// Sizes of a convolution with a square kernel, for one group of its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub batch: usize,
    pub groups: usize,
    /// Channels of the input and the output in a group.
    pub c_in: usize,
    pub c_out: usize,
    pub height: usize,
    pub width: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Geometry {
    pub fn out_height(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel) / self.stride + 1
    }

    pub fn out_width(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Elements of a map of the input, and of the output.
    pub fn area(&self) -> usize {
        self.height * self.width
    }

    pub fn out_area(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// Elements of a kernel over a group's channels: rows of the matrix.
    pub fn rows(&self) -> usize {
        self.c_in * self.kernel * self.kernel
    }

    /// Outputs along an axis of `size` for which an offset in the kernel meets the input, `first..last`, and the input that the first meets.
    pub fn overlap(&self, offset: usize, size: usize, out: usize) -> (usize, usize, usize) {
        let first = self.padding.saturating_sub(offset).div_ceil(self.stride).min(out);
        let last = (size + self.padding).saturating_sub(offset).div_ceil(self.stride).min(out).max(first);
        (first, last, (first * self.stride + offset).saturating_sub(self.padding))
    }
}

/// Some images of a batch and a group of channels: what one matrix holds.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub first: usize,
    pub images: usize,
    pub group: usize,
}

impl Part {
    /// Number of a map in the input.
    fn plane(&self, g: &Geometry, image: usize, channel: usize) -> usize {
        ((self.first + image) * g.groups + self.group) * g.c_in + channel
    }
}

/// The matrix of a part, `rows × (images · out_area)`.
pub fn columns(g: &Geometry, x: &[f32], part: Part) -> Vec<f32> {
    let (out_width, out_area) = (g.out_width(), g.out_area());
    let mut matrix = vec![0.0; g.rows() * part.images * out_area];
    fill_parts(&mut matrix, part.images * out_area, |row, matrix| {
        let (channel, offset) = (row / (g.kernel * g.kernel), row % (g.kernel * g.kernel));
        let (top, bottom, y0) = g.overlap(offset / g.kernel, g.height, g.out_height());
        let (left, right, x0) = g.overlap(offset % g.kernel, g.width, out_width);
        for (image, matrix) in matrix.chunks_exact_mut(out_area).enumerate() {
            let plane = &x[part.plane(g, image, channel) * g.area()..][..g.area()];
            for (line, out) in matrix.chunks_exact_mut(out_width).take(bottom).skip(top).enumerate() {
                let source = &plane[(y0 + line * g.stride) * g.width..][..g.width];
                let out = &mut out[left..right];
                match (g.stride, out.len()) {
                    (_, 0) => {}
                    (1, len) => out.copy_from_slice(&source[x0..x0 + len]),
                    (stride, _) => out.iter_mut().zip(source[x0..].iter().step_by(stride)).for_each(|(out, x)| *out = *x),
                }
            }
        }
    });
    matrix
}

/// Adds the matrix of a part to the input's places that it was taken from. `x` is the part's images, all groups.
pub fn add_columns(g: &Geometry, matrix: &[f32], part: Part, x: &mut [f32]) {
    let (out_width, out_area) = (g.out_width(), g.out_area());
    let row_len = part.images * out_area;
    fill_parts(x, g.area(), |plane, x| {
        let (image, channel) = (plane / (g.groups * g.c_in), plane % (g.groups * g.c_in));
        let Some(channel) = channel.checked_sub(part.group * g.c_in).filter(|channel| *channel < g.c_in) else { return };
        for offset in 0..g.kernel * g.kernel {
            let (top, bottom, y0) = g.overlap(offset / g.kernel, g.height, g.out_height());
            let (left, right, x0) = g.overlap(offset % g.kernel, g.width, out_width);
            let row = &matrix[(channel * g.kernel * g.kernel + offset) * row_len + image * out_area..][..out_area];
            for (line, row) in row.chunks_exact(out_width).take(bottom).skip(top).enumerate() {
                let target = &mut x[(y0 + line * g.stride) * g.width..][..g.width];
                match g.stride {
                    _ if left == right => {}
                    1 => target[x0..].iter_mut().zip(&row[left..right]).for_each(|(x, m)| *x += m),
                    stride => target[x0..].iter_mut().step_by(stride).zip(&row[left..right]).for_each(|(x, m)| *x += m),
                }
            }
        }
    });
}
