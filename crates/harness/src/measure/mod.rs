//! What is measured on a network: how long a forward pass takes, how well it detects.

pub mod evaluate;
pub mod latency;
pub mod memory;
pub mod statistics;
pub mod training;
