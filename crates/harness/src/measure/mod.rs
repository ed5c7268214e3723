//! What is measured on a network: the time of a forward pass or a training step, peak memory, and
//! rounding errors.

pub mod auto_batch;
pub mod detect;
pub mod forward;
pub mod load;
pub mod memory;
pub mod mode;
pub mod precision;
pub mod rounds;
pub mod statistics;
pub mod timing;
pub mod train_step;
