//! What is compared of objects and detections: their boxes or their masks.

use super::error::MetricsError;
use super::types::{DetectionBox, GroundTruth};
use crate::mask::Rle;

/// A shape that detections and objects have, with the overlaps that COCO gives it.
pub(super) trait Shape<'a>: Copy + Send {
    /// That of the object at an index, or what is wrong with it.
    fn of_object(truth: &'a GroundTruth, index: usize) -> Result<Self, MetricsError>;

    /// That of the detection at an index.
    fn of_detection(detections: &'a [DetectionBox], index: usize) -> Result<Self, MetricsError>;

    /// Intersection over union with an object; for a crowd, intersection over the detection's own
    /// area.
    fn overlap(self, object: Self, crowd: bool) -> f64;
}

/// A box x, y, width, height.
impl<'a> Shape<'a> for [f64; 4] {
    fn of_object(truth: &'a GroundTruth, index: usize) -> Result<Self, MetricsError> {
        Ok(truth.boxes()[index].bbox)
    }

    fn of_detection(detections: &'a [DetectionBox], index: usize) -> Result<Self, MetricsError> {
        Ok(detections[index].bbox)
    }

    fn overlap(self, object: Self, crowd: bool) -> f64 {
        let extent = |axis: usize| {
            (self[axis + 2] + self[axis]).min(object[axis + 2] + object[axis])
                - self[axis].max(object[axis])
        };
        let (width, height) = (extent(0), extent(1));
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let intersection = width * height;
        let area = |[_, _, width, height]: Self| width * height;
        let union = if crowd {
            area(self)
        } else {
            area(self) + area(object) - intersection
        };
        intersection / union
    }
}

impl<'a> Shape<'a> for &'a Rle {
    fn of_object(truth: &'a GroundTruth, index: usize) -> Result<Self, MetricsError> {
        let missing = || no_mask(truth.place(index) + ".segmentation");
        truth.boxes()[index]
            .mask
            .as_ref()
            .ok_or_else(|| truth.bad_masks.get(&index).cloned().unwrap_or_else(missing))
    }

    fn of_detection(detections: &'a [DetectionBox], index: usize) -> Result<Self, MetricsError> {
        detections[index]
            .mask
            .as_ref()
            .ok_or_else(|| no_mask(format!("[{index}].segmentation")))
    }

    fn overlap(self, object: Self, crowd: bool) -> f64 {
        self.iou(object, crowd)
    }
}

fn no_mask(place: String) -> MetricsError {
    MetricsError::at(
        place,
        "missing or empty: figures of masks need the mask of every object and detection",
    )
}
