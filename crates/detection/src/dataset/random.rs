//! Random numbers that are the same on every machine and for every version of our dependencies:
//! ChaCha8 streams, and only such arithmetic as IEEE 754 fixes to the last bit.

use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A source of random bits that its key fixes.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

/// A stream of its own for every key, so that what is drawn for one image doesn't depend on who
/// drew before.
pub fn stream(seed: u64, purpose: u64, a: u64, b: u64) -> Stream {
    let mut key = [0; 32];
    for (bytes, part) in key.chunks_exact_mut(8).zip([seed, purpose, a, b]) {
        bytes.copy_from_slice(&part.to_le_bytes());
    }
    Stream(ChaCha8Rng::from_seed(key))
}

// Not inlined: ChaCha is a lot of code, and a copy at each draw costs the compiler minutes.
impl RngCore for Stream {
    #[inline(never)]
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    #[inline(never)]
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    #[inline(never)]
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// The few distributions that we need.
pub trait Draw: RngCore {
    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in [low, high).
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// An integer in 0..n; n > 0. The bias, n/2³², is of no consequence here.
    fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.next_u32()) * n as u64) >> 32) as usize
    }

    /// True with this probability.
    fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Fisher-Yates.
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

impl<R: RngCore + ?Sized> Draw for R {}
