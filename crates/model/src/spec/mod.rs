//! What the user wrote: model tables, variants and model names. Nothing here knows a block, a graph
//! or a tensor.

mod aliases;
mod bounds;
mod name;
mod table;
mod variant;
mod yaml;

pub use name::{ModelName, NameError, VariantCall};
pub use table::{Anchors, Arg, From, Row, Scaling, Section, Table, TableError};
pub(crate) use table::{MAX_ARGS, MAX_REPEATS};
pub use variant::{Argument, PatchError, Variant};
pub(crate) use variant::{Neck, Replace, Step};
