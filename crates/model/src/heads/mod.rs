//! Detection heads: the last row of a table. A head is a block whose outputs are the raw maps of
//! its levels.

pub mod anchor_based;
pub mod anchor_free;
pub mod asff;
mod branch;
pub mod deformable;
pub mod detect;
mod first_boxes;
mod proto;
pub mod query_decoder;
pub mod rtdetr;
pub mod segment;
pub mod v10;
