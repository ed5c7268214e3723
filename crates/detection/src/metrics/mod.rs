//! How good a detector's boxes are.

pub mod coco;
