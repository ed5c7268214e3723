//! Loops that the compiler turns into vector instructions: AVX2 where the machine has it, whatever
//! the build was for.

/// Runs a loop compiled for AVX2 where the machine has it. What it calls must be inlined.
///
/// `pulp::Arch` would do the same, but knows AVX2 only with a feature of pulp's that no dependency
/// asks for.
#[inline(always)]
pub(crate) fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if let Some(v3) = pulp::x86::V3::try_new() {
        return pulp::Simd::vectorize(v3, f);
    }
    f()
}
