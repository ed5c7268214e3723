//! NEON.

#![allow(unsafe_code)]

use std::arch::aarch64::*;

use super::{Simd, Task};

/// # Safety
/// The machine has NEON.
#[target_feature(enable = "neon")]
pub unsafe fn run<T: Task>(task: T) -> T::Output {
    task.run::<Neon>()
}

#[derive(Clone, Copy)]
pub struct Neon(float32x4_t);

// SAFETY of all blocks below: a value of this type, or a call of its functions, is only reached
// within `run`, whose caller vouches for the instructions; pointers are vouched for by the caller
// of the function itself.
impl Simd for Neon {
    const LANES: usize = 4;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> Self {
        Self(unsafe { vld1q_dup_f32(from) })
    }

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self(unsafe { vdupq_n_f32(x) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { vaddq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { vsubq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(unsafe { vmulq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(unsafe { vdivq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { vbslq_f32(vcgtq_f32(self.0, other.0), self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { vbslq_f32(vcltq_f32(self.0, other.0), self.0, other.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(unsafe { vfmaq_f32(term.0, self.0, factor.0) })
    }

    #[inline(always)]
    fn if_negative(self, below: Self, above: Self) -> Self {
        Self(unsafe { vbslq_f32(vcltzq_f32(self.0), below.0, above.0) })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe { vaddvq_f32(self.0) }
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(unsafe {
            let n = vaddq_s32(vreinterpretq_s32_f32(self.0), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(n))
        })
    }
}
