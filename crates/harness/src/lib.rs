//! `ablate`: is this change to a YOLO detector worth it?

pub mod record;
pub mod train;
