//! Statistics of a comparison: several models against one baseline.
//!
//! Numbers in, numbers out: nothing here knows what a model, a seed's training or a record is.

#![warn(missing_docs)]

mod between;
mod contrasts;
mod describe;
mod dunnett;
mod paired;
mod pool;
mod seeds;

pub use between::{AtSameCost, Between, Gain};
pub use contrasts::{Arm, Comparison, Contrast};
pub use describe::{Spread, mean, mean_by_place, quantile, standard_deviation};
pub use dunnett::critical;
pub use paired::{Shift, middle, middle_variance, shift};
pub use pool::Spreads;
pub use seeds::{Needed, seeds_for_width, seeds_to_tell};

/// The probability that all claims of a table are right, which it promises.
pub const CONFIDENCE: f64 = 0.95;

/// How sure each of so many claims that share no chance must be, for all of them to be right with
/// [`CONFIDENCE`]. Of claims that share some, it is more than enough.
pub fn confidence_of_each(claims: usize) -> f64 {
    CONFIDENCE.powf(1.0 / claims.max(1) as f64)
}
