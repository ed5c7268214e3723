//! What the user wrote: model tables, variants and model names. Nothing here knows a tensor.

mod catalog;
mod name;
mod patch;
mod table;
mod yaml;

pub use catalog::{Catalog, CatalogError, ResolvedModel};
pub use name::{ModelName, NameError, VariantCall};
pub use patch::{Argument, PatchError, Variant};
pub(crate) use table::MAX_REPEATS;
pub use table::{Arg, From, Row, Scaling, Section, Table, TableError};
