//! Vectors of floats, one type for each set of instructions, and the choice among them at run time.
//!
//! What computes is written once, over [`Simd`], and compiled for each set by [`dispatch`].

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod many;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use std::{fmt, str::FromStr};

pub use many::Many;
use scalar::Scalar;

/// The environment variable that forces a set of instructions.
pub const VARIABLE: &str = "ABLATE_ISA";

/// A vector of `LANES` floats.
///
/// A value exists only within [`dispatch`], which has seen that the machine has the instructions.
#[allow(unsafe_code)]
pub trait Simd: Copy {
    /// Floats in a vector.
    const LANES: usize;
    /// Vector registers.
    const REGISTERS: usize;

    /// # Safety
    /// `LANES` floats can be read.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// `LANES` floats can be written.
    unsafe fn store(self, to: *mut f32);
    /// The float at this place in every lane.
    ///
    /// # Safety
    /// A float can be read.
    unsafe fn broadcast(from: *const f32) -> Self;
    fn splat(x: f32) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// `other` where one of the two is no number, in each lane.
    fn max(self, other: Self) -> Self;
    /// `other` where one of the two is no number, in each lane.
    fn min(self, other: Self) -> Self;
    /// `self · factor + term`.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `below` where `self` is less than zero, else `above`, in each lane.
    fn if_negative(self, below: Self, above: Self) -> Self;
    /// The sum of all lanes.
    fn sum(self) -> f32;
    /// Asks for the cache line at an address, which need not be one, to be in the second cache soon.
    /// Does nothing by default.
    #[inline(always)]
    fn prefetch(_at: *const f32) {}
    /// 2ⁿ for a float that holds 1.5 · 2²³ + n, as rounding by addition leaves it.
    fn power_of_two(self) -> Self;
}

/// Work that is compiled for every set of instructions.
pub trait Task {
    type Output;
    /// To be `#[inline(always)]`, with all that it calls.
    fn run<S: Simd>(self) -> Self::Output;
}

/// A set of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// None in particular: what the build was for.
    Scalar,
    /// AVX2 with FMA: x86-64 since 2013.
    Avx2,
    /// AVX-512F.
    Avx512,
    /// AArch64's.
    Neon,
}

impl Isa {
    /// All that this machine has, the narrowest first.
    pub fn available() -> Vec<Self> {
        let all = [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512];
        all.into_iter().filter(|isa| isa.here()).collect()
    }

    /// The widest that this machine has, or the one that the variable `ABLATE_ISA` names.
    ///
    /// # Errors
    /// The variable names none, or one that the machine lacks.
    pub fn detect() -> Result<Self, String> {
        let available = Self::available();
        let Ok(word) = std::env::var(VARIABLE) else {
            return Ok(*available.last().expect("scalar is everywhere"));
        };
        let isa: Self = word
            .parse()
            .map_err(|error| format!("{VARIABLE}: {error}"))?;
        match available.contains(&isa) {
            true => Ok(isa),
            false => Err(format!("{VARIABLE}: this machine has no {isa}")),
        }
    }

    fn here(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            _ => false,
        }
    }

    /// Floats in a vector: the channels of a block.
    pub fn lanes(self) -> usize {
        struct Lanes;
        impl Task for Lanes {
            type Output = usize;
            #[inline(always)]
            fn run<S: Simd>(self) -> usize {
                S::LANES
            }
        }
        dispatch(self, Lanes)
    }
}

const NAMES: [(Isa, &str); 4] = [
    (Isa::Scalar, "scalar"),
    (Isa::Avx2, "avx2"),
    (Isa::Avx512, "avx512"),
    (Isa::Neon, "neon"),
];

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = NAMES.iter().find(|(isa, _)| isa == self);
        f.write_str(name.expect("every set has a name").1)
    }
}

impl FromStr for Isa {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = NAMES.iter().find(|(_, name)| *name == word);
        known.map(|(isa, _)| *isa).ok_or_else(|| {
            let names = NAMES.map(|(_, name)| name).join(", ");
            format!("unknown set of instructions '{word}'; known: {names}")
        })
    }
}

/// Runs a task with the instructions of a set.
///
/// # Panics
/// If the machine lacks them.
pub fn dispatch<T: Task>(isa: Isa, task: T) -> T::Output {
    assert!(isa.here(), "this machine has no {isa}");
    match isa {
        Isa::Scalar => task.run::<Scalar>(),
        // SAFETY: the assertion above has seen that the machine has the instructions that the
        // functions are compiled for.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Isa::Avx2 => unsafe { avx2::run(task) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Isa::Avx512 => unsafe { avx512::run(task) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        #[allow(unsafe_code)]
        Isa::Neon => unsafe { neon::run(task) },
        #[allow(unreachable_patterns)]
        _ => unreachable!("asserted above"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for (isa, name) in NAMES {
            assert_eq!(isa.to_string(), name);
            assert_eq!(name.parse(), Ok(isa));
        }
        assert_eq!(
            "sse9".parse::<Isa>().unwrap_err(),
            "unknown set of instructions 'sse9'; known: scalar, avx2, avx512, neon"
        );
    }

    /// Every operation, lane by lane.
    struct Lanes;
    impl Task for Lanes {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            let x: Vec<f32> = (0..S::LANES).map(|i| i as f32 - 1.5).collect();
            let y: Vec<f32> = (0..S::LANES).map(|i| 3.0 - 0.5 * i as f32).collect();
            // SAFETY: both have LANES floats.
            #[allow(unsafe_code)]
            let [a, b] = unsafe { [S::load(x.as_ptr()), S::load(y.as_ptr())] };
            let check = |found: S, expected: &dyn Fn(f32, f32) -> f32| {
                let mut out = vec![0.0; S::LANES];
                // SAFETY: it has LANES floats.
                #[allow(unsafe_code)]
                unsafe {
                    found.store(out.as_mut_ptr())
                };
                for ((x, y), found) in x.iter().zip(&y).zip(out) {
                    assert_eq!(found, expected(*x, *y), "{x} {y}");
                }
            };
            check(a.add(b), &|x, y| x + y);
            check(a.sub(b), &|x, y| x - y);
            check(a.mul(b), &|x, y| x * y);
            check(a.div(S::splat(2.0)), &|x, _| x / 2.0);
            check(a.max(b), &f32::max);
            check(a.min(b), &f32::min);
            check(a.mul_add(b, S::splat(1.0)), &|x, y| x * y + 1.0);
            check(a.if_negative(b, a), &|x, y| if x < 0.0 { y } else { x });
            assert_eq!(a.sum(), x.iter().sum::<f32>());
            let round = S::splat(12_582_912.0);
            check(S::splat(3.0).add(round).power_of_two(), &|_, _| 8.0);
            check(S::splat(-2.0).add(round).power_of_two(), &|_, _| 0.25);
            // SAFETY: there is a second float.
            #[allow(unsafe_code)]
            let second = unsafe { S::broadcast(x.as_ptr().add(1)) };
            check(second, &|_, _| -0.5);
        }
    }

    #[test]
    fn lanes_compute_what_floats_do() {
        for isa in Isa::available() {
            dispatch(isa, Lanes);
        }
    }
}
