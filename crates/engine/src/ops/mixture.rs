//! Kernels that are mixed for each image: sums of experts' kernels by shares that the network
//! computes.

use super::{Buffer, planes};
use crate::{simd::Simd, view::View};

/// Where the shares are.
pub struct Mixture {
    /// The first image's, one for each expert.
    shares: Vec<usize>,
    /// Floats from an image's to the next's.
    step: usize,
}

impl Mixture {
    /// Of shares `[batch, experts, 1, 1]`.
    pub fn new(shares: &View, buffers: &[Buffer]) -> Self {
        let mut places = vec![0; shares.shape[1]];
        let mut step = 0;
        for plane in planes(shares, buffers) {
            for (lane, expert) in &plane.channels {
                places[*expert] = plane.start + plane.geometry.pixel(0, 0, 0) + lane;
            }
            // All planes of a step's view have one geometry.
            step = plane.geometry.image();
        }
        Self {
            shares: places,
            step,
        }
    }

    pub fn experts(&self) -> usize {
        self.shares.len()
    }

    /// An image's first `len` weights, a multiple of a vector, to the beginning of `mixed`. Each
    /// expert's are so many floats after those of the expert before.
    ///
    /// # Safety
    /// The memory is the plan's, and nobody writes the shares now.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub unsafe fn mix<S: Simd>(
        &self,
        memory: *mut f32,
        image: usize,
        (experts, each): (&[f32], usize),
        len: usize,
        mixed: &mut Vec<f32>,
    ) {
        assert!(len.is_multiple_of(S::LANES) && len <= mixed.capacity());
        assert!((self.shares.len() - 1) * each + len <= experts.len());
        for first in (0..len).step_by(S::LANES) {
            let mut sum = S::splat(0.0);
            for (expert, share) in self.shares.iter().enumerate() {
                // SAFETY: the share by the caller; the weights, and below the room for the mixed
                // ones, by the assertions.
                sum = unsafe {
                    let share = S::broadcast(memory.add(share + image * self.step));
                    S::load(experts.as_ptr().add(expert * each + first)).mul_add(share, sum)
                };
            }
            unsafe { sum.store(mixed.as_mut_ptr().add(first)) };
        }
        // SAFETY: all of it has been written, within the capacity.
        unsafe { mixed.set_len(len) };
    }
}
