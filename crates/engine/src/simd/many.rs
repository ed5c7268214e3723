//! Some vectors side by side. One vector's way through a long function is a chain of operations
//! that wait for each other; side by side the processor has others to do meanwhile.
//!
//! Loops here, not closures: a closure that is not inlined is compiled without the instructions.

#![allow(unsafe_code)]

use super::Simd;

#[derive(Clone, Copy)]
pub struct Many<S, const N: usize>(pub [S; N]);

impl<S: Simd, const N: usize> Many<S, N> {
    /// The vectors at these places.
    ///
    /// # Safety
    /// A vector can be read at each.
    #[inline(always)]
    pub unsafe fn gather(at: [*mut f32; N]) -> Self {
        let mut all = [S::splat(0.0); N];
        for (x, at) in all.iter_mut().zip(at) {
            // SAFETY: by the caller.
            *x = unsafe { S::load(at) };
        }
        Self(all)
    }

    /// The vectors to these places.
    ///
    /// # Safety
    /// A vector can be written at each.
    #[inline(always)]
    pub unsafe fn scatter(self, at: [*mut f32; N]) {
        for (x, at) in self.0.into_iter().zip(at) {
            // SAFETY: by the caller.
            unsafe { x.store(at) }
        }
    }
}

/// An operation of two, vector by vector.
macro_rules! by_vector {
    ($($name:ident),*) => {$(
        #[inline(always)]
        fn $name(mut self, other: Self) -> Self {
            for i in 0..N {
                self.0[i] = self.0[i].$name(other.0[i]);
            }
            self
        }
    )*};
}

impl<S: Simd, const N: usize> Simd for Many<S, N> {
    const LANES: usize = N * S::LANES;
    const REGISTERS: usize = S::REGISTERS / N;

    by_vector!(add, sub, mul, div, max, min);

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        let mut all = [S::splat(0.0); N];
        for (i, x) in all.iter_mut().enumerate() {
            // SAFETY: by the caller.
            *x = unsafe { S::load(from.add(i * S::LANES)) };
        }
        Self(all)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        for (i, x) in self.0.into_iter().enumerate() {
            // SAFETY: by the caller.
            unsafe { x.store(to.add(i * S::LANES)) }
        }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> Self {
        // SAFETY: by the caller.
        Self([unsafe { S::broadcast(from) }; N])
    }

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self([S::splat(x); N])
    }

    #[inline(always)]
    fn mul_add(mut self, factor: Self, term: Self) -> Self {
        for i in 0..N {
            self.0[i] = self.0[i].mul_add(factor.0[i], term.0[i]);
        }
        self
    }

    #[inline(always)]
    fn if_negative(mut self, below: Self, above: Self) -> Self {
        for i in 0..N {
            self.0[i] = self.0[i].if_negative(below.0[i], above.0[i]);
        }
        self
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let mut all = self.0[0];
        for x in &self.0[1..] {
            all = all.add(*x);
        }
        all.sum()
    }

    #[inline(always)]
    fn power_of_two(mut self) -> Self {
        for i in 0..N {
            self.0[i] = self.0[i].power_of_two();
        }
        self
    }
}
