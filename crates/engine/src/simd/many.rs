//! Some vectors side by side. One vector's way through a long function is a chain of operations
//! that wait for each other; side by side the processor has others to do meanwhile.

#![allow(unsafe_code)]

use super::Simd;

#[derive(Clone, Copy)]
pub struct Many<S, const N: usize>(pub [S; N]);

impl<S: Simd, const N: usize> Many<S, N> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(S, S) -> S) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }

    /// The vectors at these places.
    ///
    /// # Safety
    /// A vector can be read at each.
    #[inline(always)]
    pub unsafe fn gather(at: [*mut f32; N]) -> Self {
        // SAFETY: by the caller.
        Self(at.map(
            #[inline(always)]
            |at| unsafe { S::load(at) },
        ))
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

impl<S: Simd, const N: usize> Simd for Many<S, N> {
    const LANES: usize = N * S::LANES;
    const REGISTERS: usize = S::REGISTERS / N;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: by the caller.
        Self(std::array::from_fn(|i| unsafe {
            S::load(from.add(i * S::LANES))
        }))
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
    fn add(self, other: Self) -> Self {
        self.zip(other, S::add)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, S::sub)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, S::mul)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, S::div)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, S::max)
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, S::min)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i].mul_add(factor.0[i], term.0[i])
        }))
    }

    #[inline(always)]
    fn if_negative(self, below: Self, above: Self) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i].if_negative(below.0[i], above.0[i])
        }))
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(self.0.map(
            #[inline(always)]
            |x| x.power_of_two(),
        ))
    }
}
