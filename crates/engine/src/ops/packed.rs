//! The weights of a convolution in the order in which tiles read them.

use super::{Plane, tile::Segment};
use crate::{conv2d::Conv2d, simd::Isa};

/// Floats of weights that stay in the first cache while all pixels of a job pass by.
const PART: usize = 4096;

/// Kernels of one shape, each in the order of the same groups.
pub struct Packed {
    pub groups: Vec<Group>,
    pub weights: Aligned,
    /// Floats of a kernel.
    pub each: usize,
}

/// Output blocks that are computed together.
pub struct Group {
    pub first: usize,
    pub blocks: usize,
    pub parts: Vec<GroupPart>,
    /// Every segment is a whole block.
    pub full: bool,
}

/// A part of a group's sum, and where its weights are within a kernel.
pub struct GroupPart {
    pub segments: Vec<Segment>,
    pub weights: usize,
    pub len: usize,
}

/// The first block, and the number, of those that are computed together.
pub fn together(isa: Isa, blocks: usize) -> Vec<[usize; 2]> {
    let mut groups = Vec::new();
    let mut first = 0;
    while first < blocks {
        let some = match blocks - first {
            4.. if isa == Isa::Neon => 4,
            2.. => 2,
            _ => 1,
        };
        groups.push([first, some]);
        first += some;
    }
    groups
}

impl Packed {
    /// Of convolutions that differ in their weights alone, from these planes to so many blocks.
    pub fn new(isa: Isa, kernels: &[Conv2d], input: &[Plane], blocks: usize) -> Self {
        let (conv, lanes) = (&kernels[0], isa.lanes());
        let [c_out, per_group, ..] = conv.shape;
        let out_per_group = c_out / conv.groups;
        let terms = terms(conv, input);
        let mut packed = vec![Vec::new(); kernels.len()];
        let mut groups = Vec::new();
        for [first, blocks] in together(isa, blocks) {
            let outputs = first * lanes..((first + blocks) * lanes).min(c_out);
            let sees = outputs.start / out_per_group * per_group
                ..((outputs.end - 1) / out_per_group + 1) * per_group;
            let seen = |term: &&Term| term.channels.iter().any(|c| sees.contains(c));
            let seen: Vec<&Term> = terms.iter().filter(seen).collect();
            let parts = parts(&seen, lanes, blocks, packed[0].len());
            for (conv, weights) in kernels.iter().zip(&mut packed) {
                for term in &seen {
                    for out in first * lanes..(first + blocks) * lanes {
                        let weight = |channel: &usize| conv.weight(out, *channel, term.tap);
                        weights.push(term.channels.iter().map(weight).sum());
                    }
                }
            }
            let mut segments = parts.iter().flat_map(|part| &part.segments);
            groups.push(Group {
                first,
                blocks,
                full: segments.all(|segment| segment.len == lanes),
                parts,
            });
        }
        Self {
            groups,
            each: packed[0].len(),
            weights: Aligned::new(&packed.concat()),
        }
    }
}

/// The terms of a group as segments; weights begin at `weights`, a vector for each block.
fn parts(terms: &[&Term], lanes: usize, blocks: usize, weights: usize) -> Vec<GroupPart> {
    let part = |weights| GroupPart {
        segments: Vec::new(),
        weights,
        len: 0,
    };
    let mut parts = vec![part(weights)];
    for Term { offset, .. } in terms {
        let last = parts.last_mut().expect("never empty");
        match last.segments.last_mut() {
            Some(segment)
                if segment.offset + segment.len as isize == *offset && segment.len < lanes =>
            {
                segment.len += 1;
            }
            _ => {
                if last.len + blocks * lanes * lanes > PART {
                    let weights = last.weights + last.len;
                    parts.push(part(weights));
                }
                let last = parts.last_mut().expect("never empty");
                last.segments.push(Segment {
                    offset: *offset,
                    len: 1,
                });
            }
        }
        parts.last_mut().expect("never empty").len += blocks * lanes;
    }
    parts
}

/// A float of each pixel of a plane under one tap: its place and the channels and tap that it is
/// for.
struct Term {
    offset: isize,
    channels: Vec<usize>,
    tap: usize,
}

/// All terms of a sum, in the order of the planes and taps. What is neighbouring is a segment.
fn terms(conv: &Conv2d, input: &[Plane]) -> Vec<Term> {
    let [_, _, tall, wide] = conv.shape;
    let mut terms = Vec::new();
    for plane in input {
        let geometry = plane.geometry;
        for tap in 0..tall * wide {
            let (y, x) = (tap / wide * conv.dilation, tap % wide * conv.dilation);
            let offset = (plane.start + y * geometry.row() + x * geometry.lanes) as isize
                - (conv.padding[0] * geometry.row() + conv.padding[1] * geometry.lanes) as isize;
            for (lane, channel) in &plane.channels {
                let offset = offset + *lane as isize;
                match terms.last_mut() {
                    Some(Term {
                        offset: last,
                        channels,
                        tap: of,
                    }) if (*last, *of) == (offset, tap) => channels.push(*channel),
                    _ => terms.push(Term {
                        offset,
                        channels: vec![*channel],
                        tap,
                    }),
                }
            }
        }
    }
    terms
}

/// Floats that begin at a cache line.
pub struct Aligned {
    floats: Vec<f32>,
    skip: usize,
}

impl Aligned {
    pub fn new(floats: &[f32]) -> Self {
        let mut padded = vec![0.0; floats.len() + 16];
        let skip = (padded.as_ptr() as usize).wrapping_neg() % 64 / 4;
        padded[skip..][..floats.len()].copy_from_slice(floats);
        Self {
            floats: padded,
            skip,
        }
    }

    pub fn get(&self) -> &[f32] {
        &self.floats[self.skip..][..self.floats.len() - 16]
    }

    /// Moves them to other memory.
    pub fn relocate(&mut self) {
        *self = Self::new(self.get());
    }
}
