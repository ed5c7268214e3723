//! `ablate`: is this change to a YOLO detector worth it?

#![warn(missing_docs)]

mod checked;
pub mod cli;
pub mod cluster;
mod code;
pub mod commands;
mod curves;
pub mod device;
pub mod environment;
pub mod guard;
pub mod interrupt;
pub mod libraries;
pub mod measure;
pub mod progress;
pub mod sweep;
