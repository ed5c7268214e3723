//! How a detection head's numbers stand for boxes and masks.

/// Detection on the levels of a pyramid: YOLOv5's head if the row names anchors,
/// `[nc, anchors]`, YOLOv8's if it does not, `[nc]`.
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
}

/// Mask prototypes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskConfig {
    /// Prototypes, and numbers for each box that weigh them.
    pub coefficients: usize,
    /// Channels of the prototypes' convolutions.
    pub hidden: usize,
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
        /// Cells of a distribution.
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
        let boxes = match self.coding {
            BoxCoding::Anchors(_) => 5,
            BoxCoding::Distances { reg_max } => 4 * reg_max,
            BoxCoding::Queries => 4,
        };
        boxes + self.nc + self.coefficients()
    }

    /// Mask coefficients of each box.
    pub fn coefficients(&self) -> usize {
        self.masks.map_or(0, |masks| masks.coefficients)
    }
}
