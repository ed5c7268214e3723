//! `ablate`: is this change to a YOLO detector worth it?

pub mod record;
pub mod report;
pub mod train;
