//! Detection heads: the last row of a table. A head is a block whose outputs are the raw maps of its levels.

mod anchor_free;
mod anchors;
mod asff;
mod detect;
mod proto;
mod segment;

pub use anchor_free::AnchorFreeDetect;
pub use anchors::AnchorDetect;
pub use asff::{Asff, AsffDetect, AsffDetectConfig, AsffOrder};
pub use detect::{BoxCoding, Detect, DetectConfig, MaskConfig};
pub use segment::{Segment, SegmentConfig};
