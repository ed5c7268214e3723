//! Readers of the two JSON files of COCO: ground truth, and the results of a detector.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::counted::{Counted, counted};
use super::error::MetricsError;
use super::evaluate::check_numbers;
use super::read_mask::read_mask;
use super::repeated::repeated;
use super::types::{Category, DetectionBox, GroundTruth, GroundTruthBox, UNKNOWN_CATEGORY};
use crate::dataset::visible;
use crate::id::{Id, IdIndex};
use crate::json::{self, Flag, lenient_number};
use crate::mask::Rle;

impl GroundTruth {
    /// Reads a COCO annotation file: `images` (`id`), `categories` (`id`, `name`) and `annotations`
    /// (`id`, `image_id`, `category_id`, `bbox`; `iscrowd` is 0 where absent, `area` is width ×
    /// height). Other keys are passed over. Ids may be numbers or text.
    ///
    /// As in pycocotools, annotations of an image or category that the file does not list don't
    /// count, and of annotations, images or categories with one id the last stands for all; this is
    /// logged.
    ///
    /// A `segmentation` becomes a mask; as polygons it needs the `height` and `width` of its image.
    /// One that can't be read is an error only once figures of masks are asked for.
    ///
    /// # Errors
    /// An unreadable file, a missing key, a value of the wrong shape: each with index and key.
    pub fn read(file: &Path) -> Result<Self, MetricsError> {
        Self::from_json(&bytes(file)?).map_err(|error| error.in_file(file))
    }

    /// [`GroundTruth::read`] from the file's content.
    pub fn from_json(json: &[u8]) -> Result<Self, MetricsError> {
        let shape = "an annotation file is {images: […], categories: […], annotations: […]}";
        if json::is_list(json) {
            let problem = format!("{shape}; this file is a list, as detections are saved");
            return Err(MetricsError::at("", problem));
        }
        let raw: RawGroundTruth = parse(json, shape)?;
        let repeats = [
            repeated("images", raw.images.iter().map(|image| &image.id)),
            repeated("categories", raw.categories.iter().map(|own| &own.id)),
        ];
        for repeat in repeats.into_iter().flatten() {
            tracing::warn!("{repeat}");
        }
        let images = IdIndex::new(raw.images.iter().map(|image| image.id.clone()).collect());
        let categories = raw.categories.iter().map(|category| category.id.clone());
        let categories = IdIndex::new(categories.collect());
        let sizes: HashMap<u64, (usize, usize)> = (0..raw.images.len())
            .filter_map(|place| Some((images.number_at(place), raw.images[place].size()?)))
            .collect();
        let counted = counted(&raw.annotations, &images, &categories);
        let (boxes, bad_masks): (Vec<_>, Vec<_>) = counted
            .par_iter()
            .enumerate()
            .map(|(index, counted)| {
                let place = format!("annotations[{}].segmentation", counted.origin);
                let annotation = &raw.annotations[counted.origin];
                let size = sizes.get(&counted.image_id).copied();
                let (mask, bad) = match read_mask(&annotation.segmentation, size, &place) {
                    Ok(mask) => (mask, None),
                    Err(error) => (None, Some((index, error))),
                };
                (annotation.to_box(counted, mask), bad)
            })
            .unzip();
        let names = raw.categories.into_iter().enumerate();
        let names = names.map(|(place, RawCategory { id, name })| Category {
            id: categories.number_at(place),
            name: visible(match name {
                Value::Null => id.to_text(),
                Value::String(name) => name,
                other => other.to_string(),
            }),
        });
        let numbers = (0..raw.images.len()).map(|place| images.number_at(place));
        let mut truth = Self::new(numbers.collect(), names.collect(), boxes)?;
        truth.sizes = sizes;
        truth.bad_masks = bad_masks.into_iter().flatten().collect();
        let is_zero = |counted: &Counted| {
            let id = raw.annotations[counted.origin].id.as_ref();
            id.is_some_and(|id| id.meaning() == Id::from(0_u64))
        };
        truth.id_zero = (0..counted.len())
            .filter(|&index| is_zero(&counted[index]))
            .collect();
        if let Some(first) = truth.id_zero.first() {
            tracing::warn!(
                "annotations[{}].id is 0: pycocotools, and so these figures, count a detection that matches it as wrong; number annotations from 1",
                counted[*first].origin
            );
        }
        truth.origins = counted.iter().map(|counted| counted.origin).collect();
        (truth.image_ids, truth.category_ids) = (images, categories);
        Ok(truth)
    }
}

impl DetectionBox {
    /// Reads a COCO results file, a list of `{image_id, category_id, bbox, segmentation, score}`,
    /// that belongs to `truth`.
    ///
    /// One of `bbox` and `segmentation` is enough: without `bbox` a detection has the box around
    /// its mask, and its mask's area.
    ///
    /// # Errors
    /// An unreadable file, a missing key, a value of the wrong shape, a score that is not a finite
    /// number, an image that `truth` does not know, run lengths of another size than the image:
    /// each with index and key. Detections of a category that it does not know don't count, as in
    /// pycocotools; they are logged.
    pub fn read_all(file: &Path, truth: &GroundTruth) -> Result<Vec<Self>, MetricsError> {
        Self::all_from_json(&bytes(file)?, truth).map_err(|error| error.in_file(file))
    }

    /// [`DetectionBox::read_all`] from the file's content.
    pub fn all_from_json(json: &[u8], truth: &GroundTruth) -> Result<Vec<Self>, MetricsError> {
        let raw: Vec<Vec<RawDetection>> = json::parse_list(
            json,
            "a results file is a list of {image_id, category_id, bbox or segmentation, score}",
        )
        .map_err(|error| MetricsError::at(error.place, error.problem))?;
        let mut count = 0;
        let parts: Vec<(usize, Vec<RawDetection>)> = raw
            .into_iter()
            .map(|part| {
                let first = count;
                count += part.len();
                (first, part)
            })
            .collect();
        // Each part is freed as soon as it is read, since they are as large as what comes of them.
        let parts: Vec<Result<Part, MetricsError>> = parts
            .into_par_iter()
            .map(|(first, raw)| Part::of(raw, first, truth))
            .collect();
        // The first error, whichever thread comes first.
        let parts: Vec<Part> = parts.into_iter().collect::<Result<_, _>>()?;
        let unknown: BTreeSet<&Id> = parts.iter().flat_map(|part| &part.unknown).collect();
        if let Some(first) = unknown.first() {
            let without: usize = parts.iter().map(|part| part.without_category).sum();
            tracing::warn!(
                "the ground truth has no category with the id {first}; {without} detections of {} unknown categories don't count, as in pycocotools",
                unknown.len()
            );
        }
        let mut detections = Vec::with_capacity(count);
        for part in parts {
            detections.extend(part.detections);
        }
        Ok(detections)
    }
}

/// A part of a results file.
struct Part {
    detections: Vec<DetectionBox>,
    /// Categories that the ground truth does not know.
    unknown: BTreeSet<Id>,
    /// How many detections are of those.
    without_category: usize,
}

impl Part {
    /// `first` is the place of the part's first detection in the file.
    fn of(raw: Vec<RawDetection>, first: usize, truth: &GroundTruth) -> Result<Self, MetricsError> {
        let mut part = Self {
            detections: Vec::with_capacity(raw.len()),
            unknown: BTreeSet::new(),
            without_category: 0,
        };
        // Detections of one image mostly follow each other.
        let mut last: Option<(&Id, u64)> = None;
        for (index, raw) in (first..).zip(&raw) {
            let known = last.filter(|(id, _)| **id == raw.image_id);
            let image_id = match known {
                Some((_, number)) => number,
                None => truth.image_ids.number(&raw.image_id).ok_or_else(|| {
                    MetricsError::at(
                        format!("[{index}].image_id"),
                        format!("the ground truth has no image with the id {}", raw.image_id),
                    )
                })?,
            };
            last = Some((&raw.image_id, image_id));
            let category_id = truth.category_ids.number(&raw.category_id);
            if category_id.is_none() {
                part.unknown.insert(raw.category_id.clone());
                part.without_category += 1;
            }
            let category_id = category_id.unwrap_or(UNKNOWN_CATEGORY);
            let mut detection = raw.without_mask(image_id, category_id);
            check_numbers(&detection, index)?;
            raw.add_mask(&mut detection, &truth.sizes, index)?;
            part.detections.push(detection);
        }
        Ok(part)
    }
}

#[derive(Deserialize)]
struct RawGroundTruth {
    images: Vec<RawImage>,
    categories: Vec<RawCategory>,
    annotations: Vec<RawAnnotation>,
}

#[derive(Deserialize)]
struct RawImage {
    id: Id,
    // Only masks need the size, so it may be anything in a file without.
    #[serde(default)]
    height: Value,
    #[serde(default)]
    width: Value,
}

impl RawImage {
    /// Height and width in pixels.
    fn size(&self) -> Option<(usize, usize)> {
        let side = |value: &Value| {
            let side = lenient_number(value).ok().flatten()?;
            (side >= 1.0 && side.fract() == 0.0).then_some(side as usize)
        };
        side(&self.height).zip(side(&self.width))
    }
}

#[derive(Deserialize)]
struct RawCategory {
    id: Id,
    #[serde(default)]
    name: Value,
}

#[derive(Deserialize)]
pub(super) struct RawAnnotation {
    #[serde(default)]
    pub id: Option<Id>,
    pub image_id: Id,
    pub category_id: Id,
    #[serde(deserialize_with = "xywh")]
    bbox: [f64; 4],
    #[serde(default, deserialize_with = "lenient_number")]
    area: Option<f64>,
    #[serde(default)]
    iscrowd: Flag,
    #[serde(default)]
    segmentation: Value,
}

impl RawAnnotation {
    fn to_box(&self, ids: &Counted, mask: Option<Rle>) -> GroundTruthBox {
        GroundTruthBox {
            image_id: ids.image_id,
            category_id: ids.category_id,
            bbox: self.bbox,
            area: self.area.unwrap_or(self.bbox[2] * self.bbox[3]),
            crowd: self.iscrowd.0,
            mask,
        }
    }
}

#[derive(Deserialize)]
struct RawDetection {
    image_id: Id,
    category_id: Id,
    #[serde(default, deserialize_with = "some_xywh")]
    bbox: Option<[f64; 4]>,
    /// Few have one, and there may be millions of detections.
    #[serde(default)]
    segmentation: Option<Box<Value>>,
    score: f64,
}

impl RawDetection {
    /// With a box of zeros where there is none.
    fn without_mask(&self, image_id: u64, category_id: u64) -> DetectionBox {
        let bbox = self.bbox.unwrap_or_default();
        DetectionBox {
            image_id,
            category_id,
            bbox,
            area: bbox[2] * bbox[3],
            score: self.score,
            mask: None,
        }
    }

    /// `sizes` are the heights and widths of the images, where they are known.
    fn add_mask(
        &self,
        detection: &mut DetectionBox,
        sizes: &HashMap<u64, (usize, usize)>,
        index: usize,
    ) -> Result<(), MetricsError> {
        if let Some(segmentation) = &self.segmentation {
            let size = sizes.get(&detection.image_id).copied();
            detection.mask = read_mask(segmentation, size, &format!("[{index}].segmentation"))?;
        }
        if self.bbox.is_none() {
            let missing = || {
                MetricsError::at(
                    format!("[{index}]"),
                    "missing field `bbox`, or `segmentation` in its place",
                )
            };
            let mask = detection.mask.as_ref().ok_or_else(missing)?;
            (detection.bbox, detection.area) = (mask.bbox(), mask.area() as f64);
        }
        Ok(())
    }
}

fn some_xywh<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[f64; 4]>, D::Error> {
    xywh(deserializer).map(Some)
}

/// A number, which may stand in quotes.
struct Quoted(f64);

impl<'de> Deserialize<'de> for Quoted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let missing = || serde::de::Error::custom("expected a number, found null");
        lenient_number(deserializer)?.map(Self).ok_or_else(missing)
    }
}

/// A box as a list of exactly four numbers.
fn xywh<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 4], D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = [f64; 4];

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("four numbers [x, y, width, height]")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> Result<Self::Value, A::Error> {
            let (mut bbox, mut len) = ([0.0; 4], 0);
            while let Some(Quoted(value)) = list.next_element()? {
                if let Some(slot) = bbox.get_mut(len) {
                    *slot = value;
                }
                len += 1;
            }
            if len == bbox.len() {
                Ok(bbox)
            } else {
                Err(serde::de::Error::invalid_length(len, &self))
            }
        }
    }
    deserializer.deserialize_seq(Visitor)
}

fn bytes(file: &Path) -> Result<Vec<u8>, MetricsError> {
    fs::read(file).map_err(|error| MetricsError::at("", error.to_string()).in_file(file))
}

fn parse<T: serde::de::DeserializeOwned>(json: &[u8], shape: &str) -> Result<T, MetricsError> {
    json::parse(json, shape).map_err(|error| MetricsError::at(error.place, error.problem))
}
