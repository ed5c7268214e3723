//! Keys and values of attention as the products read them.

use super::{Buffer, Kernel, Memory, Plane, packed::together, planes};
use crate::{heads::Attention, simd::Isa, view::View};

/// The sizes of one head's part of an area: what attends apart.
#[derive(Clone, Copy, Debug)]
pub struct Packed {
    lanes: usize,
    /// Channels of a query and a key.
    pub keys: usize,
    /// Channels of a value.
    pub values: usize,
    /// Positions.
    pub positions: usize,
}

impl Packed {
    /// Of an attention with these queries and this shape of its values.
    pub fn new(
        isa: Isa,
        Attention { heads, areas, .. }: Attention,
        queries: &View,
        [_, channels, height, width]: [usize; 4],
    ) -> Self {
        Self {
            lanes: isa.lanes(),
            keys: queries.shape[1] / heads,
            values: channels / heads,
            positions: height * width / areas,
        }
    }

    /// Floats of the keys' panels, which come first.
    pub fn keys_len(&self) -> usize {
        self.positions.next_multiple_of(self.lanes) * self.keys
    }

    /// Floats of all panels.
    pub fn len(&self) -> usize {
        self.keys_len() + self.values.next_multiple_of(self.lanes) * self.positions
    }

    /// The panels of the keys, by position, and of the values, by channel: the first vector of each
    /// and how many it has.
    pub fn panels(&self, isa: Isa) -> [Vec<(usize, usize)>; 2] {
        [self.positions, self.values].map(|numbers| {
            let vectors = numbers.div_ceil(self.lanes);
            let panels = together(isa, vectors).into_iter();
            panels.map(|[first, blocks]| (first, blocks)).collect()
        })
    }
}

/// Copies keys and values into panels: of the keys one for some vectors of positions, which has
/// them for each channel; of the values one for some vectors of channels, for each position.
pub struct Panels {
    packed: Packed,
    panels: [Vec<(usize, usize)>; 2],
    /// Where each channel begins in the memory.
    keys: Vec<usize>,
    values: Vec<usize>,
    /// Where the positions are in a plane: of keys, of values.
    tables: [Vec<u32>; 2],
    batch: usize,
    output: Buffer,
}

fn channels(planes: &[Plane], count: usize) -> Vec<usize> {
    let mut starts = vec![0; count];
    for plane in planes {
        for (lane, channel) in &plane.channels {
            starts[*channel] = plane.start + lane;
        }
    }
    starts
}

impl Panels {
    /// From plain views, each with planes of one geometry, to a buffer with a plane for each area of
    /// each head.
    pub fn new(
        isa: Isa,
        packed: Packed,
        [keys, values]: [&View; 2],
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        let [batch, _, height, width] = keys.shape;
        let [keys, values] = [keys, values].map(|view| {
            let planes = planes(view, buffers);
            let table = planes[0].geometry.table([height, width], 1, 0);
            (channels(&planes, view.shape[1]), table)
        });
        Self {
            packed,
            panels: packed.panels(isa),
            keys: keys.0,
            values: values.0,
            tables: [keys.1, values.1],
            batch,
            output: output.clone(),
        }
    }
}

impl Kernel for Panels {
    fn name(&self) -> &'static str {
        "panels"
    }

    fn jobs(&self) -> usize {
        self.output.blocks * self.batch
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        let (part, image) = (job / self.batch, job % self.batch);
        let Packed {
            lanes,
            keys,
            values,
            positions,
        } = self.packed;
        let heads = self.keys.len() / keys;
        let areas = self.output.blocks / heads;
        let (head, area) = (part / areas, part % areas);
        let first = image * areas * positions + area * positions;
        let [of_keys, of_values] = &self.tables;
        let start = self.output.plane(part) + self.output.geometry.pixel(image, 0, 0);
        // SAFETY: this job's part of the output; below floats of the inputs' pixels, which nobody
        // writes now.
        let out =
            unsafe { std::slice::from_raw_parts_mut(memory.arena.add(start), self.packed.len()) };
        let (out_keys, out_values) = out.split_at_mut(self.packed.keys_len());
        let mut rest = out_keys;
        for (vector, blocks) in &self.panels[0] {
            let (panel, after) = rest.split_at_mut(blocks * lanes * keys);
            rest = after;
            let from = vector * lanes;
            let count = (blocks * lanes).min(positions - from);
            let pixels = &of_keys[first + from..][..count];
            for (row, channel) in panel
                .chunks_exact_mut(blocks * lanes)
                .zip(&self.keys[head * keys..])
            {
                for (out, pixel) in row.iter_mut().zip(pixels) {
                    *out = unsafe { *memory.arena.add(channel + *pixel as usize) };
                }
                row[count..].fill(0.0);
            }
        }
        let mut rest = out_values;
        for (vector, blocks) in &self.panels[1] {
            let (panel, after) = rest.split_at_mut(blocks * lanes * positions);
            rest = after;
            let from = vector * lanes;
            let count = (blocks * lanes).min(values - from);
            let channels = &self.values[head * values + from..][..count];
            for (row, pixel) in panel
                .chunks_exact_mut(blocks * lanes)
                .zip(&of_values[first..])
            {
                for (out, channel) in row.iter_mut().zip(channels) {
                    *out = unsafe { *memory.arena.add(channel + *pixel as usize) };
                }
                row[count..].fill(0.0);
            }
        }
    }
}
