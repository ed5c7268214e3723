//! What a stage of a sweep's cell measured, the key that it is found by, and the folder that it is
//! kept in.
//!
//! Records are the only link between measuring and reporting.

#![warn(missing_docs)]

pub mod files;
mod record;
pub mod store;

pub use record::*;
pub use store::{Manifest, ManifestEntry, Reference, Store, VariantNote, key};
