//! How a detection head's numbers stand for boxes and masks.

/// Detection on the levels of a pyramid: YOLOv5's head if the row names anchors,
/// `[nc, anchors]`, Ultralytics' if it does not, `[nc]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectConfig {
    /// Number of classes.
    pub nc: usize,
    /// Channels of each level, finest first.
    pub channels: Vec<usize>,
    /// Pixels of the image for each cell, by level.
    pub strides: Vec<usize>,
    /// How its numbers stand for a box.
    pub coding: BoxCoding,
    /// For a head that makes masks, too.
    pub masks: Option<MaskConfig>,
    /// Whether it classifies by depthwise convolutions, as the anchor-free heads from YOLOv10 on.
    pub separable: bool,
    /// Whether it has branches that answer for each object once, so that nothing is suppressed.
    pub end2end: bool,
}

/// Mask prototypes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskConfig {
    /// Prototypes, and numbers for each box that weigh them.
    pub coefficients: usize,
    /// Channels of the prototypes' convolutions.
    pub hidden: usize,
    /// Whether prototypes are made of all levels, with a map of classes beside them in training, as
    /// YOLO26 has it; else of the finest.
    pub all_levels: bool,
}

/// How a head's numbers stand for a box.
#[derive(Clone, Debug, PartialEq)]
pub enum BoxCoding {
    /// As factors of an anchor's width and height, which are given here in pixels, by level; with
    /// objectness.
    Anchors(Vec<Vec<[f64; 2]>>),
    /// As the distances from a cell's centre to the four sides, each a distribution over so many
    /// cells; without objectness.
    Distances {
        /// Cells of a distribution; with 1 there is none, and the number is the distance.
        reg_max: usize,
    },
    /// As centre and size in pixels, of queries in place of cells; without objectness.
    Queries,
}

impl DetectConfig {
    /// Boxes that a cell can hold.
    pub fn boxes_per_cell(&self) -> usize {
        match &self.coding {
            BoxCoding::Anchors(anchors) => anchors[0].len(),
            BoxCoding::Distances { .. } | BoxCoding::Queries => 1,
        }
    }

    /// Maps that hold its boxes: one for each level, or one of all queries.
    pub fn maps(&self) -> usize {
        match self.coding {
            BoxCoding::Queries => 1,
            BoxCoding::Anchors(_) | BoxCoding::Distances { .. } => self.strides.len(),
        }
    }

    /// Numbers for each box: centre, size, objectness and classes, or distances and classes; then
    /// mask coefficients.
    pub fn outputs(&self) -> usize {
        self.box_outputs() + self.nc + self.coefficients()
    }

    /// Numbers for each box before those of its classes.
    pub(crate) fn box_outputs(&self) -> usize {
        match self.coding {
            BoxCoding::Anchors(_) => 5,
            BoxCoding::Distances { reg_max } => 4 * reg_max,
            BoxCoding::Queries => 4,
        }
    }

    /// Mask coefficients of each box.
    pub fn coefficients(&self) -> usize {
        self.masks.map_or(0, |masks| masks.coefficients)
    }
}
