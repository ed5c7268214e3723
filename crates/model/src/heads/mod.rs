//! Detection heads: the last row of a table. A head is a block whose outputs are the raw maps of its levels.

mod asff;
mod detect;

pub use asff::{Asff, AsffDetect, AsffDetectConfig, AsffOrder};
pub use detect::{Detect, DetectConfig};
