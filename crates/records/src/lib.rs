//! What a stage of a sweep's cell measured, the key that it is found by, and the folder that it is kept in.
//!
//! Records are the only thing that passes from measuring to reporting.

pub mod files;
mod record;
pub mod store;

pub use record::*;
pub use store::{Index, IndexRow, Reference, Store, key};
