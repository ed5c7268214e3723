//! 3×3 convolutions of stride 1 with fewer multiplications.
//!
//! A tile of 2×2 outputs sees 4×4 inputs. In another basis its convolution is 16 products for each
//! pair of channels in place of 36; to the basis and back it is sums and differences, which keep
//! float precision. Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks,
//! arXiv:1509.09308, F(2×2, 3×3).

mod basis;
mod job;

use std::cell::RefCell;

use super::{
    Buffer, Kernel, Memory,
    ending::Ending,
    packed::{Aligned, together},
    planes,
    tile::Segment,
};
use crate::{
    conv2d::Conv2d,
    simd::{Isa, dispatch},
    view::View,
};
use basis::{SPOTS, transformed};
use job::Job;

/// Floats of transformed inputs and products that stay in the second cache.
const CHUNK: usize = 32 * 1024;

/// What a job's inputs cost to transform: as much as the products of so many output channels.
const TO_BASIS: usize = 6;

/// Tiles of which all sets of instructions take a multiple at a time, and as the largest number.
const STEP: usize = 6;
const LARGEST: usize = 12;

/// See the module.
pub struct Winograd {
    isa: Isa,
    /// Where the input's planes begin.
    inputs: Vec<usize>,
    input_row: usize,
    tiles: Vec<Spot>,
    /// Tiles of a job.
    chunk: usize,
    /// The first block, and the number, of those that are computed together.
    groups: Vec<[usize; 2]>,
    /// Groups of a job.
    share: usize,
    /// For each spot and group a vector for each input channel and block of the group.
    weights: Aligned,
    /// For each spot, a job's transformed inputs.
    segments: Vec<Vec<Segment>>,
    /// Floats from a spot's transformed inputs to the next's, and products, which come after them.
    input_step: usize,
    product_step: usize,
    products: usize,
    /// Where each tile of a job begins in a plane of transformed inputs or of products.
    table: Vec<u32>,
    ending: Ending,
}

/// A tile's place.
struct Spot {
    input: usize,
    image: usize,
    y: usize,
    x: usize,
}

impl Winograd {
    /// Whether it is the way for a convolution: a view whose blocks are full, with channels enough
    /// that the products outweigh the sums.
    pub fn suits(isa: Isa, conv: &Conv2d, input: &View) -> bool {
        let lanes = isa.lanes();
        let [c_out, c_in, tall, wide] = conv.shape;
        [tall, wide, conv.stride, conv.dilation, conv.groups] == [3, 3, 1, 1, 1]
            && conv.padding == [1, 1]
            && c_in.min(c_out) >= 16
            && input.is_plain()
            && input
                .blocks()
                .iter()
                .all(|block| block.channels.len() == lanes)
    }

    /// Pixels of halo that tiles see: a tile at an odd edge goes over it.
    pub fn halo([.., height, width]: [usize; 4]) -> usize {
        if height.is_multiple_of(2) && width.is_multiple_of(2) {
            1
        } else {
            2
        }
    }

    /// From a view to the buffer of its output; planes of the view have one geometry.
    pub fn new(
        (isa, threads): (Isa, usize),
        conv: &Conv2d,
        input: &View,
        ending: Ending,
        buffers: &[Buffer],
    ) -> Self {
        let lanes = isa.lanes();
        let planes_in = planes(input, buffers);
        let (from, to) = (planes_in[0].geometry, ending.output.geometry);
        let blocks_out = ending.output.blocks;
        let mut tiles = Vec::new();
        for image in 0..to.batch {
            for y in (0..to.height).step_by(2) {
                for x in (0..to.width).step_by(2) {
                    let input = from.pixel(image, y, x) - from.row() - from.lanes;
                    tiles.push(Spot { input, image, y, x });
                }
            }
        }
        let [c_out, c_in, ..] = conv.shape;
        let largest = CHUNK / (SPOTS * (c_in + c_out));
        let jobs = tiles
            .len()
            .div_ceil(largest.max(LARGEST))
            .next_multiple_of(threads);
        let chunk = tiles.len().div_ceil(jobs).next_multiple_of(STEP);
        let room = chunk.next_multiple_of(LARGEST);

        let groups = together(isa, blocks_out);
        let chunks = tiles.len().div_ceil(chunk);
        let channels_of_group = groups[0][1] * lanes;
        // It takes as long as the thread with most jobs, and each job has its inputs to transform,
        // however few outputs it makes of them.
        let time = |shares: &usize| {
            let channels = groups.len().div_ceil(*shares) * channels_of_group;
            (chunks * shares).div_ceil(threads) * (channels + TO_BASIS)
        };
        let shares = (1..=groups.len()).min_by_key(time).unwrap_or(1);
        let share = groups.len().div_ceil(shares);
        let kernel = |out: usize, channel: usize| {
            transformed(std::array::from_fn(|tap| {
                conv.weight(out, channel, tap).into()
            }))
        };
        let kernels: Vec<[f64; SPOTS]> = (0..blocks_out * lanes)
            .flat_map(|out| (0..c_in).map(move |channel| kernel(out, channel)))
            .collect();
        let channels: Vec<usize> = planes_in
            .iter()
            .flat_map(|plane| plane.channels.iter().map(|(_, channel)| *channel))
            .collect();
        let mut weights = Vec::new();
        for spot in 0..SPOTS {
            for [first, blocks] in &groups {
                for channel in &channels {
                    let outputs = first * lanes..(first + blocks) * lanes;
                    let number = |out: usize| &kernels[out * c_in + channel];
                    weights.extend(outputs.map(|out| number(out)[spot] as f32));
                }
            }
        }
        // An odd number of cache lines, so that the spots of a tile are in different sets.
        let step = |blocks: usize| (blocks * room * lanes).div_ceil(16) / 2 * 32 + 16;
        // The first group is the widest.
        let blocks_of_job = blocks_out.min(share * groups[0][1]);
        let [input_step, product_step] = [planes_in.len(), blocks_of_job].map(step);
        let segments = (0..SPOTS).map(|spot| {
            let plane = |i: usize| Segment {
                offset: (spot * input_step + i * room * lanes) as isize,
                len: lanes,
            };
            (0..planes_in.len()).map(plane).collect()
        });
        Self {
            isa,
            inputs: planes_in.iter().map(|plane| plane.start).collect(),
            input_row: from.row(),
            tiles,
            chunk,
            groups,
            share,
            weights: Aligned::new(&weights),
            segments: segments.collect(),
            input_step,
            product_step,
            products: SPOTS * input_step,
            table: (0..room).map(|tile| (tile * lanes) as u32).collect(),
            ending,
        }
    }

    /// Jobs of the same tiles.
    fn shares(&self) -> usize {
        self.groups.len().div_ceil(self.share)
    }
}

impl Kernel for Winograd {
    fn name(&self) -> &'static str {
        "winograd"
    }

    fn jobs(&self) -> usize {
        self.tiles.len().div_ceil(self.chunk) * self.shares()
    }

    fn weights(&mut self) -> Vec<&mut Aligned> {
        vec![&mut self.weights]
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        thread_local! {
            /// Transformed inputs and products of a job.
            static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
        }
        let len = self.products + SPOTS * self.product_step;
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.len() < len {
                scratch.resize(len, 0.0);
            }
            // The jobs of some tiles follow each other: threads read the same inputs.
            let (chunk, share) = (job / self.shares(), job % self.shares());
            let first = chunk * self.chunk;
            let group = share * self.share;
            dispatch(
                self.isa,
                Job {
                    of: self,
                    memory: memory.arena,
                    scratch: &mut scratch[..len],
                    tiles: &self.tiles[first..(first + self.chunk).min(self.tiles.len())],
                    groups: group..(group + self.share).min(self.groups.len()),
                    first: first == 0,
                },
            );
        });
    }
}
