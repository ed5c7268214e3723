//! What a stage of a sweep's cell measured, the key that it is found by, and the folder that it is
//! kept in.
//!
//! Records are the only link between measuring and reporting.

#![warn(missing_docs)]

mod account;
mod image_size;
mod parallel;
mod progress;
mod record;
pub mod sharing;
mod status;
pub mod store;

pub use account::{DataAccount, LeftOut, LeftOutReason};
pub use image_size::ImageSize;
pub use progress::{Progress, RunningCells, StageProgress};
pub use record::*;
pub use status::Status;
pub use store::{Judging, Manifest, ManifestEntry, Reference, Store, VariantNote, key};
