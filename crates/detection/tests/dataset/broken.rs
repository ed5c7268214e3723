//! Broken images: made from whole ones, the same for a seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Breaks images that it is given.
pub struct Breaker(ChaCha8Rng);

impl Breaker {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    /// Cuts off, flips bits, overwrites bytes, takes some out or doubles some, or goes on with
    /// `other`; `bytes` must not be empty.
    pub fn broken(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut new = bytes.to_vec();
        let (kind, at) = (self.below(6), self.below(bytes.len()));
        // Headers are where the traps are.
        let early = self.below(bytes.len().min(64));
        match kind {
            0 => new.truncate(at),
            1 => {
                for _ in 0..=self.below(8) {
                    let at = self.below(new.len());
                    new[at] ^= 1 << self.below(8);
                }
            }
            2 => {
                for place in [early, at] {
                    let end = (place + 1 + self.below(4)).min(new.len());
                    self.0.fill_bytes(&mut new[place..end]);
                }
            }
            3 => {
                let end = (at + self.below(64)).min(new.len());
                new.drain(at..end);
            }
            4 => {
                let end = (at + self.below(64)).min(new.len());
                let again = new[at..end].to_vec();
                new.splice(at..at, again);
            }
            _ => {
                new.truncate(at);
                new.extend_from_slice(&other[self.below(other.len())..]);
            }
        }
        new
    }
}
