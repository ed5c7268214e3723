//! What the user wrote: model tables, variants and model names. Nothing here knows a block, a graph
//! or a tensor.

mod aliases;
mod anchors;
mod bounds;
mod name;
mod row;
mod scalar;
mod scaling;
mod step;
mod table;
mod tasks;
mod variant;
mod words;
mod written_step;
mod yaml;

pub use anchors::Anchors;
pub use name::{ModelName, NameError, VariantCall};
pub use row::{Arg, From, Row};
pub(crate) use row::{MAX_ARGS, MAX_REPEATS, MAX_ROWS};
pub use scaling::Scaling;
pub(crate) use step::{ANY, Insert, Neck, Replace, Selector, Set, Side, Step};
pub use table::{Section, Table, TableError};
pub(crate) use tasks::unsupported;
pub use variant::{Argument, PatchError, Variant};
pub use words::{in_our_words, unknown_key};
