//! A convolution's input as a matrix: a column for each place of the output, a row for each element
//! of the kernel.

use std::ops::Range;

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

    /// Shape of the output.
    pub fn output(&self) -> [usize; 4] {
        [
            self.batch,
            self.groups * self.c_out,
            self.out_height(),
            self.out_width(),
        ]
    }

    /// Elements of a kernel over a group's channels: rows of the matrix.
    pub fn rows(&self) -> usize {
        self.c_in * self.kernel * self.kernel
    }

    /// Whether the input is the matrix already.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == 0
    }

    /// Outputs along an axis of `size` for which an offset in the kernel meets the input,
    /// `first..last`, and the input that the first meets.
    pub fn overlap(&self, offset: usize, size: usize, out: usize) -> (usize, usize, usize) {
        let first = self
            .padding
            .saturating_sub(offset)
            .div_ceil(self.stride)
            .min(out);
        let last = (size + self.padding)
            .saturating_sub(offset)
            .div_ceil(self.stride)
            .min(out)
            .max(first);
        (
            first,
            last,
            (first * self.stride + offset).saturating_sub(self.padding),
        )
    }

    /// Where each channel's rows of the matrix have their elements from.
    fn channel_rows(&self) -> Vec<Row> {
        (0..self.kernel * self.kernel)
            .map(|offset| self.row(offset))
            .collect()
    }

    fn row(&self, offset: usize) -> Row {
        let (top, bottom, y) = self.overlap(offset / self.kernel, self.height, self.out_height());
        let (left, right, x) = self.overlap(offset % self.kernel, self.width, self.out_width());
        Row {
            lines: top..bottom,
            y,
            places: left..right,
            x,
        }
    }
}

/// The element of the kernel that a row stands for: which lines and places of the output it meets
/// the input at, and where the first do.
struct Row {
    lines: Range<usize>,
    y: usize,
    places: Range<usize>,
    x: usize,
}

impl Row {
    /// Where the input's line begins that a line of the output meets; None in the padding.
    fn source(&self, g: &Geometry, line: usize) -> Option<usize> {
        let meets = self.lines.contains(&line) && !self.places.is_empty();
        meets.then(|| (self.y + (line - self.lines.start) * g.stride) * g.width + self.x)
    }
}

/// Fills the matrix of some images' group of channels, `x`, and some lines of their output:
/// `rows × (images · lines · out_width)`.
pub fn columns(g: &Geometry, x: &[f32], lines: Range<usize>, matrix: &mut [f32]) {
    let (out_width, image) = (g.out_width(), g.c_in * g.area());
    if x.len() > image {
        return small_columns(g, x, matrix);
    }
    let (row_len, rows) = (matrix.len() / g.rows(), g.channel_rows());
    for (index, out) in matrix.chunks_exact_mut(row_len).enumerate() {
        let (channel, row) = (index / rows.len(), &rows[index % rows.len()]);
        for (x, out) in x
            .chunks_exact(image)
            .zip(out.chunks_exact_mut(lines.len() * out_width))
        {
            let plane = &x[channel * g.area()..][..g.area()];
            for (line, out) in lines.clone().zip(out.chunks_exact_mut(out_width)) {
                let Some(source) = row.source(g, line) else {
                    out.fill(0.0);
                    continue;
                };
                out[..row.places.start].fill(0.0);
                out[row.places.end..].fill(0.0);
                let out = &mut out[row.places.clone()];
                match g.stride {
                    1 => out.copy_from_slice(&plane[source..][..out.len()]),
                    stride => out
                        .iter_mut()
                        .zip(plane[source..].iter().step_by(stride))
                        .for_each(|(out, x)| *out = *x),
                }
            }
        }
    }
}

/// The way back: adds the matrix's elements to the places of the input that they were taken from.
pub fn add_columns(g: &Geometry, matrix: &[f32], lines: Range<usize>, x: &mut [f32]) {
    let (out_width, image) = (g.out_width(), g.c_in * g.area());
    if x.len() > image {
        return add_small_columns(g, matrix, x);
    }
    let (row_len, rows) = (matrix.len() / g.rows(), g.channel_rows());
    for (index, from) in matrix.chunks_exact(row_len).enumerate() {
        let (channel, row) = (index / rows.len(), &rows[index % rows.len()]);
        for (x, from) in x
            .chunks_exact_mut(image)
            .zip(from.chunks_exact(lines.len() * out_width))
        {
            let plane = &mut x[channel * g.area()..][..g.area()];
            for (line, from) in lines.clone().zip(from.chunks_exact(out_width)) {
                let Some(source) = row.source(g, line) else {
                    continue;
                };
                let from = &from[row.places.clone()];
                match g.stride {
                    1 => plane[source..]
                        .iter_mut()
                        .zip(from)
                        .for_each(|(x, m)| *x += m),
                    stride => plane[source..]
                        .iter_mut()
                        .step_by(stride)
                        .zip(from)
                        .for_each(|(x, m)| *x += m),
                }
            }
        }
    }
}

impl Geometry {
    /// For each element of the kernel, the places of an output map that meet the input, and where they
    /// meet it.
    fn meetings(&self) -> Vec<Vec<[usize; 2]>> {
        let width = self.out_width();
        let of_row = |row: Row| {
            let lines =
                (0..self.out_height()).filter_map(|line| Some((line, row.source(self, line)?)));
            let of_line = |(line, source)| {
                let places = row.places.clone().enumerate();
                places.map(move |(i, place)| [line * width + place, source + i * self.stride])
            };
            lines.flat_map(of_line).collect()
        };
        self.channel_rows().into_iter().map(of_row).collect()
    }
}

/// [`columns`] of whole maps of several images: they are so small that lines are not worth loops.
fn small_columns(g: &Geometry, x: &[f32], matrix: &mut [f32]) {
    let (row_len, meetings) = (matrix.len() / g.rows(), g.meetings());
    for (index, out) in matrix.chunks_exact_mut(row_len).enumerate() {
        let (channel, meetings) = (index / meetings.len(), &meetings[index % meetings.len()]);
        if meetings.len() < g.out_area() {
            out.fill(0.0);
        }
        let planes = x.chunks_exact(g.area()).skip(channel).step_by(g.c_in);
        for (plane, out) in planes.zip(out.chunks_exact_mut(g.out_area())) {
            for &[to, from] in meetings {
                out[to] = plane[from];
            }
        }
    }
}

/// [`add_columns`] to whole maps of several images.
fn add_small_columns(g: &Geometry, matrix: &[f32], x: &mut [f32]) {
    let (row_len, meetings) = (matrix.len() / g.rows(), g.meetings());
    for (index, from) in matrix.chunks_exact(row_len).enumerate() {
        let (channel, meetings) = (index / meetings.len(), &meetings[index % meetings.len()]);
        let planes = x.chunks_exact_mut(g.area()).skip(channel).step_by(g.c_in);
        for (plane, from) in planes.zip(from.chunks_exact(g.out_area())) {
            for &[at, to] in meetings {
                plane[to] += from[at];
            }
        }
    }
}
