//! Statistics of a comparison: several models against one baseline.
//!
//! Numbers in, numbers out: nothing here knows what a model, a seed's training or a record is.

#![warn(missing_docs)]

mod contrasts;
mod describe;
mod dunnett;
mod paired;
mod seeds;

pub use contrasts::{Arm, Comparison, Contrast, Spreads};
pub use describe::{Spread, mean, quantile, standard_deviation};
pub use dunnett::critical;
pub use paired::{Shift, middle, shift};
pub use seeds::{seeds_for_width, seeds_to_tell};
