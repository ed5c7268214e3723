//! Softmax attention: what each query sees of the values, some queries at a time.

use std::{cell::RefCell, ops::Range};

use super::{
    Buffer, Kernel, Memory, Plane, clear_halo,
    panels::Packed,
    planes,
    tile::{Ahead, Part, Place, Segment, tile},
};
use crate::{
    activation::exp,
    heads::Attention,
    simd::{Isa, Many, Simd, Task, dispatch},
    view::View,
};

/// Queries at a time: tables repeat their last entry so often.
const ROWS: usize = 12;

/// Vectors of scores that are taken together.
const TOGETHER: usize = 4;

/// A score that counts for nothing.
const NONE: f32 = -1e30;

/// Most vectors of a panel.
const BLOCKS: usize = 4;

/// See the module.
pub struct Attend {
    isa: Isa,
    packed: Packed,
    areas: usize,
    scale: f32,
    /// The panels of keys and values: the first vector, and how many there are.
    panels: [Vec<(usize, usize)>; 2],
    /// Where the panels are.
    source: Buffer,
    /// Of each head: where its queries' channels begin in the memory, and how many follow each
    /// other.
    queries: Vec<Vec<(usize, usize)>>,
    input: Vec<u32>,
    output: Vec<u32>,
    to: Buffer,
    borders: Vec<Range<usize>>,
    /// Floats of a row of queries, scores and values in the scratch memory.
    rows: [usize; 3],
    /// Where rows begin in it.
    tables: [[u32; ROWS]; 3],
    /// Queries of a job.
    chunk: usize,
}

impl Attend {
    /// From queries and a buffer of panels to a buffer whose blocks each head begins anew.
    pub fn new(
        (isa, threads): (Isa, usize),
        (
            Attention {
                areas,
                scale,
                heads,
            },
            packed,
        ): (Attention, Packed),
        queries: &View,
        source: &Buffer,
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        let [batch, _, height, width] = queries.shape;
        let planes = planes(queries, buffers);
        let lanes = isa.lanes();
        let together = TOGETHER * lanes;
        let rows = [
            packed.keys,
            packed.positions.next_multiple_of(together),
            packed.values.next_multiple_of(lanes),
        ];
        let mut start = 0;
        let tables = rows.map(|row| {
            let table = std::array::from_fn(|i| (start + i * row) as u32);
            start += ROWS * row;
            table
        });
        // A few jobs for each thread.
        let parts = batch * heads * areas;
        let jobs = (4 * threads).div_ceil(parts).max(1);
        Self {
            isa,
            packed,
            areas,
            scale,
            panels: packed.panels(isa),
            source: source.clone(),
            queries: (0..heads)
                .map(|head| runs(&planes, head * packed.keys..(head + 1) * packed.keys))
                .collect(),
            input: planes[0].geometry.table([height, width], 1, ROWS),
            output: output.geometry.table([height, width], 1, ROWS),
            to: output.clone(),
            borders: output.geometry.borders(),
            rows,
            tables,
            chunk: packed.positions.div_ceil(jobs).next_multiple_of(ROWS),
        }
    }

    fn jobs_of_part(&self) -> usize {
        self.packed.positions.div_ceil(self.chunk)
    }
}

/// Where channels begin, and how many follow each other.
fn runs(planes: &[Plane], channels: Range<usize>) -> Vec<(usize, usize)> {
    let mut starts = vec![0; channels.len()];
    for plane in planes {
        for (lane, channel) in &plane.channels {
            if channels.contains(channel) {
                starts[channel - channels.start] = plane.start + lane;
            }
        }
    }
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for start in starts {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == start => *count += 1,
            _ => runs.push((start, 1)),
        }
    }
    runs
}

impl Kernel for Attend {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn jobs(&self) -> usize {
        self.source.blocks * self.to.geometry.batch * self.jobs_of_part()
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        thread_local! {
            /// Rows of queries, scores and values.
            static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
        }
        let len = self.rows.iter().sum::<usize>() * ROWS;
        let (part, chunk) = (job / self.jobs_of_part(), job % self.jobs_of_part());
        let batch = self.to.geometry.batch;
        let (part, image) = (part / batch, part % batch);
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.len() < len {
                scratch.resize(len, 0.0);
            }
            dispatch(
                self.isa,
                Job {
                    of: self,
                    memory: memory.arena,
                    scratch: &mut scratch[..len],
                    image,
                    head: part / self.areas,
                    area: part % self.areas,
                    first: chunk * self.chunk,
                },
            );
        });
    }
}

struct Job<'a> {
    of: &'a Attend,
    memory: *mut f32,
    scratch: &'a mut [f32],
    image: usize,
    head: usize,
    area: usize,
    /// The first query.
    first: usize,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(mut self) {
        let (of, positions) = (self.of, self.of.packed.positions);
        let blocks = of.to.blocks / of.queries.len();
        if self.first == 0 && self.area == 0 && self.image == 0 {
            for block in 0..blocks {
                let plane = of.to.plane(self.head * blocks + block);
                // SAFETY: the plane is one of this kernel's outputs; the halo is this job's.
                unsafe { clear_halo(self.memory, plane, &of.borders) };
            }
        }
        let part = self.head * of.areas + self.area;
        let keys = of.source.plane(part) + of.source.geometry.pixel(self.image, 0, 0);
        let panels = [keys, keys + of.packed.keys_len()];
        let start = (self.image * of.areas + self.area) * positions;
        let end = (self.first + of.chunk).min(positions);
        for row in (self.first..end).step_by(ROWS) {
            self.take::<S>(start + row);
            self.products::<S>(0, panels[0]);
            let sums = self.softmax::<S>();
            self.products::<S>(1, panels[1]);
            self.give::<S>(start + row, ROWS.min(end - row), sums);
        }
    }
}

impl Job<'_> {
    /// Queries times the scale, into the scratch memory.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn take<S: Simd>(&mut self, first: usize) {
        let of = self.of;
        let rows = self.scratch.chunks_exact_mut(of.rows[0]);
        for (row, pixel) in rows.zip(&of.input[first..][..ROWS]) {
            let mut rest = row;
            for (start, count) in &of.queries[self.head] {
                let (run, after) = rest.split_at_mut(*count);
                rest = after;
                let at = start + *pixel as usize;
                let (vectors, last) = run.split_at_mut(count - count % S::LANES);
                for (i, out) in vectors.chunks_exact_mut(S::LANES).enumerate() {
                    // SAFETY: floats of a pixel of the input, and a vector's room.
                    unsafe {
                        let x = S::load(self.memory.add(at + i * S::LANES));
                        x.mul(S::splat(of.scale)).store(out.as_mut_ptr());
                    }
                }
                for (i, out) in last.iter_mut().enumerate() {
                    // SAFETY: a float of a pixel of the input.
                    *out = of.scale * unsafe { *self.memory.add(at + vectors.len() + i) };
                }
            }
        }
    }

    /// Rows of queries by keys, or of shares by values.
    #[inline(always)]
    fn products<S: Simd>(&mut self, which: usize, panels: usize) {
        let wide = S::REGISTERS == 32;
        let of = self.of;
        for (first, blocks) in &of.panels[which] {
            match blocks {
                4 if S::LANES == 4 => self.panel::<S, 4, 6>(which, panels, *first),
                2 if wide => self.panel::<S, 2, 12>(which, panels, *first),
                2 => self.panel::<S, 2, 6>(which, panels, *first),
                _ => self.panel::<S, 1, 12>(which, panels, *first),
            }
        }
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn panel<S: Simd, const WIDE: usize, const P: usize>(
        &mut self,
        which: usize,
        panels: usize,
        first: usize,
    ) {
        let of = self.of;
        let len = [of.packed.keys, of.packed.positions][which];
        let zeros = [S::splat(0.0); BLOCKS];
        for row in (0..ROWS).step_by(P) {
            let place = Place {
                memory: self.scratch.as_mut_ptr(),
                input: of.tables[which][row..][..P].as_ptr(),
                output: of.tables[which + 1][row..][..P].as_ptr(),
                plane: first * S::LANES,
                step: S::LANES,
            };
            let segments = [Segment { offset: 0, len }];
            // SAFETY: rows of the scratch memory, which hold so many floats, and so many vectors
            // from the first on; the panel has vectors for each float.
            unsafe {
                let panel = self.memory.add(panels + first * S::LANES * len);
                let part = Part {
                    segments: &segments,
                    weights: panel.cast_const(),
                    bias: Some(zeros.as_ptr().cast()),
                };
                tile::<S, WIDE, P, false>(part, Ahead::NONE, place);
            }
        }
    }

    /// Rows of scores to exponentials relative to each row's largest; their sums.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn softmax<S: Simd>(&mut self) -> [f32; ROWS] {
        let (of, positions) = (self.of, self.of.packed.positions);
        let mut sums = [0.0; ROWS];
        for (sum, start) in sums.iter_mut().zip(of.tables[1]) {
            let row = &mut self.scratch[start as usize..][..of.rows[1]];
            // Whole steps are taken; what fills the last one counts for nothing.
            row[positions..].fill(NONE);
            let step = TOGETHER * S::LANES;
            // SAFETY: a row is a multiple of the step.
            unsafe {
                let start = row.as_mut_ptr();
                let steps = (0..row.len()).step_by(step).map(|i| start.add(i));
                let mut largest = Many::<S, TOGETHER>::splat(NONE);
                for at in steps.clone() {
                    largest = Many::<S, TOGETHER>::load(at).max(largest);
                }
                let largest = across(largest, f32::max);
                let mut total = Many::<S, TOGETHER>::splat(0.0);
                for at in steps {
                    let x = Many::<S, TOGETHER>::load(at);
                    let y = exp(x.sub(Many::splat(largest)));
                    y.store(at);
                    total = total.add(y);
                }
                *sum = across(total, |x, y| x + y);
            }
        }
        sums
    }

    /// Rows of values by the sums of their shares, to the output.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn give<S: Simd>(&mut self, first: usize, count: usize, sums: [f32; ROWS]) {
        let of = self.of;
        let vectors = of.rows[2] / S::LANES;
        let plane = of.to.plane(self.head * vectors);
        for (row, sum) in sums.iter().enumerate().take(count) {
            let share = S::splat(1.0 / sum);
            let from = &self.scratch[of.tables[2][row] as usize..][..of.rows[2]];
            let to = plane + of.output[first + row] as usize;
            for (vector, from) in from.chunks_exact(S::LANES).enumerate() {
                // SAFETY: a vector of the scratch memory, and a pixel of one of the output's
                // planes.
                unsafe {
                    let y = S::load(from.as_ptr()).mul(share);
                    y.store(self.memory.add(to + vector * of.to.geometry.plane()));
                }
            }
        }
    }
}

/// One number of all lanes.
#[inline(always)]
#[allow(unsafe_code)]
fn across<S: Simd>(all: Many<S, TOGETHER>, of_two: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; TOGETHER * 16];
    let lanes = &mut lanes[..TOGETHER * S::LANES];
    // SAFETY: there is room for all lanes.
    unsafe { all.store(lanes.as_mut_ptr()) };
    lanes
        .iter()
        .copied()
        .reduce(of_two)
        .expect("a vector has lanes")
}
