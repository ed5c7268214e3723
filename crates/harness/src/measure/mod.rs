//! What is measured on a network: how long a forward pass and a training step take, how well it detects.

pub mod auto_batch;
pub mod memory;
pub mod precision;
pub mod statistics;
pub mod timing;
pub mod train_step;
