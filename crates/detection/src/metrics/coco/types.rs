//! Ground truth and detections, as COCO keeps them: ids, boxes as top left corner, width and height
//! in `f64`, and masks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::error::MetricsError;
use crate::id::{Id, IdIndex};
use crate::mask::Rle;

/// The category of detections whose own the ground truth does not know.
pub(super) const UNKNOWN_CATEGORY: u64 = u64::MAX;

/// A class of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its id; a number in the order of the ids if they are not all whole numbers in their file.
    pub id: u64,
    /// Its name.
    pub name: String,
}

/// An object that is really there.
#[derive(Clone, Debug, PartialEq)]
pub struct GroundTruthBox {
    /// The image that it is in; a number in the order of the images' ids if they are not all whole
    /// numbers in their file.
    pub image_id: u64,
    /// Its category.
    pub category_id: u64,
    /// x, y of the top left corner, width, height, in pixels of the original image.
    pub bbox: [f64; 4],
    /// Area of the object in square pixels, which decides whether it is small, medium or large.
    /// Where it is not known: width × height.
    pub area: f64,
    /// A crowd region: it may match any number of detections, and neither it nor they count.
    pub crowd: bool,
    /// Its pixels; only the figures of masks need them.
    pub mask: Option<Rle>,
}

/// A box that the detector reports.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectionBox {
    /// The image that it is in; a number in the order of the images' ids if they are not all whole
    /// numbers in their file.
    pub image_id: u64,
    /// Its category.
    pub category_id: u64,
    /// x, y of the top left corner, width, height, in pixels of the original image.
    pub bbox: [f64; 4],
    /// In square pixels, which decides whether it is small, medium or large. As in pycocotools,
    /// that of its box, for boxes and masks alike, and that of its mask only where it was given
    /// without a box.
    pub area: f64,
    /// Confidence; only the order matters.
    pub score: f64,
    /// Its pixels; only the figures of masks need them.
    pub mask: Option<Rle>,
}

/// What the detections are compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct GroundTruth {
    /// Every image that was looked at, ascending; images without a box count, as detections in them
    /// are wrong.
    images: Vec<u64>,
    /// Ascending by id.
    categories: Vec<Category>,
    boxes: Vec<GroundTruthBox>,
    /// What the file calls images and categories.
    pub(super) image_ids: IdIndex,
    pub(super) category_ids: IdIndex,
    /// Places of the boxes in the file; empty if they did not come from one.
    pub(super) origins: Vec<usize>,
    /// The boxes whose annotation id is 0, of which only the reader knows. pycocotools marks an
    /// unmatched detection by 0 and so takes a detection that matched such a box for a wrong one;
    /// figures that are to be equal must do the same.
    pub(super) id_zero: BTreeSet<usize>,
    /// Height and width of the images in pixels, where the file that was read has them.
    pub(super) sizes: HashMap<u64, (usize, usize)>,
    /// What is wrong with segmentations that could not be read, by the index of their box: an error
    /// only if mask metrics are asked for.
    pub(super) bad_masks: BTreeMap<usize, MetricsError>,
}

impl GroundTruth {
    /// Ids that come twice are taken once (the last name wins). The order of `boxes` within an
    /// image decides ties.
    ///
    /// # Errors
    /// A box of an unknown image or category, or with a number that is not finite.
    pub fn new(
        images: Vec<u64>,
        categories: Vec<Category>,
        boxes: Vec<GroundTruthBox>,
    ) -> Result<Self, MetricsError> {
        let images: BTreeSet<u64> = images.into_iter().collect();
        let categories: BTreeMap<u64, String> = categories
            .into_iter()
            .map(|category| (category.id, category.name))
            .collect();
        for (index, truth) in boxes.iter().enumerate() {
            let problem = |key: &str, problem: String| {
                Err(MetricsError::at(
                    format!("annotations[{index}].{key}"),
                    problem,
                ))
            };
            if !images.contains(&truth.image_id) {
                return problem(
                    "image_id",
                    format!("no image has the id {}", truth.image_id),
                );
            }
            if !categories.contains_key(&truth.category_id) {
                return problem(
                    "category_id",
                    format!("no category has the id {}", truth.category_id),
                );
            }
            if !truth.bbox.iter().all(|value| value.is_finite()) {
                return problem(
                    "bbox",
                    format!("{:?} is not four finite numbers", truth.bbox),
                );
            }
            if !truth.area.is_finite() {
                return problem("area", format!("{} is not a finite number", truth.area));
            }
        }
        let own = |ids: Vec<u64>| IdIndex::new(ids.into_iter().map(Id::from).collect());
        Ok(Self {
            image_ids: own(images.iter().copied().collect()),
            category_ids: own(categories.keys().copied().collect()),
            origins: Vec::new(),
            images: images.into_iter().collect(),
            categories: categories
                .into_iter()
                .map(|(id, name)| Category { id, name })
                .collect(),
            boxes,
            id_zero: BTreeSet::new(),
            sizes: HashMap::new(),
            bad_masks: BTreeMap::new(),
        })
    }

    /// Ids of the images, ascending.
    pub fn images(&self) -> &[u64] {
        &self.images
    }

    /// The categories, ascending by id.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The boxes in the order in which they were given.
    pub fn boxes(&self) -> &[GroundTruthBox] {
        &self.boxes
    }

    /// What errors call a box: `annotations[3]`.
    pub(super) fn place(&self, index: usize) -> String {
        let origin = self.origins.get(index).copied().unwrap_or(index);
        format!("annotations[{origin}]")
    }
}
