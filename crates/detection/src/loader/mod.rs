//! Batches: in an order that the seed fixes, made ahead on threads of their own.

mod batch;
mod eval;
mod prefetch;
mod resize;
mod train;

pub use batch::Batch;
pub use eval::{EvalBatch, EvalLoader, Frame, InputShape};
pub use prefetch::Batches;
pub use train::{LoaderConfig, TrainLoader};
