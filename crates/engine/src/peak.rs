//! What the machine can do at most.

use crate::simd::{Isa, Simd, Task, dispatch};

/// Floating-point operations of so many rounds of multiply-adds in registers, which it does; how
/// long they take says the machine's peak.
pub fn multiply_adds(isa: Isa, rounds: usize) -> u64 {
    dispatch(isa, Rounds(rounds))
}

struct Rounds(usize);

impl Task for Rounds {
    type Output = u64;

    #[inline(always)]
    fn run<S: Simd>(self) -> u64 {
        /// As many as hide the time that one takes.
        const SUMS: usize = 12;
        let factor = std::hint::black_box(0.5);
        let mut sums = [S::splat(factor); SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = sum.mul_add(S::splat(factor), S::splat(factor));
            }
        }
        let mut out = [0.0; 16];
        for sum in sums {
            // SAFETY: no vector has more than 16 floats.
            #[allow(unsafe_code)]
            unsafe {
                sum.store(out.as_mut_ptr())
            };
            std::hint::black_box(out);
        }
        (self.0 * SUMS * S::LANES * 2) as u64
    }
}
