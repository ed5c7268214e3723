//! The layer types that a table's rows can name. A block is one file: how its row is read, how it
//! changes shapes, what it costs, its burn module, its source.

pub mod batch_norm;
pub mod block;
pub mod bottleneck;
pub mod c2f;
pub mod c3;
pub mod concat;
pub mod conv;
pub mod csp;
pub mod dwconv;
pub mod dynamic_conv;
pub mod fasternet;
pub mod ghost;
pub mod ghost_bottleneck;
pub mod gs_bottleneck;
pub mod gsconv;
pub mod gsconvns;
pub mod index;
pub mod inverted_residual;
pub mod repvgg;
pub mod row;
pub mod sppf;
pub mod stem;
pub mod upsample;
pub mod vovgscsp;
