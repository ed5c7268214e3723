//! Weights as the sums read them.

use std::ops::Range;

use rayon::prelude::*;

use crate::{ops::packed, simd::Isa};

/// Vectors of output channels that are computed together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub first: usize,
    pub vectors: usize,
}

impl Group {
    /// All of so many channels, in groups as a plan's convolutions have them.
    pub fn all(isa: Isa, channels: usize) -> Vec<Self> {
        let groups = packed::together(isa, channels.div_ceil(isa.lanes())).into_iter();
        groups
            .map(|[first, vectors]| Self { first, vectors })
            .collect()
    }

    /// Which of so many channels it has.
    pub fn channels(self, lanes: usize, all: usize) -> Range<usize> {
        self.first * lanes..all.min((self.first + self.vectors) * lanes)
    }
}

/// Weights of a sum: where each is in memory.
pub struct Weights<'a> {
    pub floats: &'a [f32],
    /// From an output channel's to the next's, and from an input channel's.
    pub out: usize,
    pub channel: usize,
    /// Of each tap, row by row, that of the first channels.
    pub taps: Vec<usize>,
    /// Columns of taps.
    pub columns: usize,
}

/// For each group of vectors, for each row of taps and each of its columns' channels, a float of each output
/// channel of the group.
pub struct Panels {
    pub groups: Vec<Group>,
    pub lanes: usize,
    /// Rows of taps, and numbers under one.
    pub rows: usize,
    pub run: usize,
    /// Of each group.
    floats: Vec<Vec<f32>>,
}

/// Channels of either side whose weights, read in one order and written in another, all stay in the first cache.
pub const TOGETHER: usize = 16;

impl Panels {
    /// For each of some sums over `c_in` channels to `c_out`.
    pub fn all(isa: Isa, [c_in, c_out]: [usize; 2], sums: &[Weights]) -> Vec<Self> {
        let lanes = isa.lanes();
        let groups = Group::all(isa, c_out);
        let all: Vec<(&Weights, &Group)> = sums
            .iter()
            .flat_map(|of| groups.iter().map(move |group| (of, group)))
            .collect();
        let weights: usize = sums.iter().map(|of| of.taps.len() * c_in * c_out).sum();
        let least = (4096 * all.len()).div_ceil(weights.max(1));
        let floats: Vec<Vec<f32>> = all
            .into_par_iter()
            .with_min_len(least)
            .map(|(of, group)| of.panel(*group, lanes, [c_in, c_out]))
            .collect();
        let mut floats = floats.into_iter();
        sums.iter()
            .map(|of| Self {
                groups: groups.clone(),
                lanes,
                rows: of.taps.len().checked_div(of.columns).unwrap_or(0),
                run: if of.taps.is_empty() {
                    0
                } else {
                    of.columns * c_in
                },
                floats: floats.by_ref().take(groups.len()).collect(),
            })
            .collect()
    }

    /// Each group's weights.
    pub fn groups(&self) -> impl Iterator<Item = (Group, &[f32])> {
        self.groups
            .iter()
            .copied()
            .zip(self.floats.iter().map(Vec::as_slice))
    }
}

impl Weights<'_> {
    fn panel(&self, group: Group, lanes: usize, [c_in, c_out]: [usize; 2]) -> Vec<f32> {
        let wide = group.vectors * lanes;
        let outs = group.channels(lanes, c_out);
        let mut panel = vec![0.0; self.taps.len() * c_in * wide];
        let blocks = |range: Range<usize>| {
            let end = range.end;
            range
                .step_by(TOGETHER)
                .map(move |first| first..end.min(first + TOGETHER))
        };
        for outputs in blocks(outs.clone()) {
            for channels in blocks(0..c_in) {
                for (number, tap) in self.taps.iter().enumerate() {
                    for channel in channels.clone() {
                        let from = outputs.start * self.out + channel * self.channel + tap;
                        let from = &self.floats[from..];
                        let to = (number * c_in + channel) * wide + outputs.start - outs.start;
                        let to = &mut panel[to..][..outputs.len()];
                        for (output, to) in to.iter_mut().enumerate() {
                            *to = from[output * self.out];
                        }
                    }
                }
            }
        }
        panel
    }
}
