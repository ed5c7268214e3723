//! Readers of the two JSON files of COCO: ground truth, and the results of a detector.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::MetricsError;
use super::evaluate::check_detections;
use super::read_mask::read_mask;
use super::types::{Category, DetectionBox, GroundTruth, GroundTruthBox};
use crate::mask::Rle;

impl GroundTruth {
    /// Reads a COCO annotation file: `images` (`id`), `categories` (`id`, `name`) and `annotations`
    /// (`id`, `image_id`, `category_id`, `bbox`; `iscrowd` is 0 where absent, `area` is width ×
    /// height). Other keys are passed over.
    ///
    /// A `segmentation` becomes a mask; as polygons it needs the `height` and `width` of its image.
    /// One that can't be read is an error only once figures of masks are asked for.
    ///
    /// # Errors
    /// An unreadable file, a missing key, a value of the wrong shape, an unknown or repeated id:
    /// each with index and key.
    pub fn read(file: &Path) -> Result<Self, MetricsError> {
        Self::from_json(&bytes(file)?).map_err(|error| error.in_file(file))
    }

    /// [`GroundTruth::read`] from the file's content.
    pub fn from_json(json: &[u8]) -> Result<Self, MetricsError> {
        let raw: RawGroundTruth = parse(
            json,
            "an annotation file is {images: […], categories: […], annotations: […]}",
        )?;
        let mut seen = HashMap::with_capacity(raw.annotations.len());
        for (index, annotation) in raw.annotations.iter().enumerate() {
            if let Some(first) = seen.insert(annotation.id, index) {
                return Err(MetricsError::at(
                    format!("annotations[{index}].id"),
                    format!(
                        "{} is the id of annotations[{first}] already",
                        annotation.id
                    ),
                ));
            }
        }
        let sizes: HashMap<u64, (usize, usize)> = raw
            .images
            .iter()
            .filter_map(|image| Some((image.id, image.size()?)))
            .collect();
        let (boxes, bad_masks): (Vec<_>, Vec<_>) = raw
            .annotations
            .into_par_iter()
            .enumerate()
            .map(|(index, annotation)| {
                let size = sizes.get(&annotation.image_id).copied();
                let mask = read_mask(
                    &annotation.segmentation,
                    size,
                    &format!("annotations[{index}].segmentation"),
                );
                let (mask, bad) =
                    mask.map_or_else(|error| (None, Some((index, error))), |mask| (mask, None));
                (annotation.into_box(mask), bad)
            })
            .unzip();
        let mut truth = Self::new(
            raw.images.into_iter().map(|image| image.id).collect(),
            raw.categories
                .into_iter()
                .map(|RawCategory { id, name }| Category {
                    id,
                    name: name.unwrap_or_else(|| id.to_string()),
                })
                .collect(),
            boxes,
        )?;
        truth.sizes = sizes;
        truth.bad_masks = bad_masks.into_iter().flatten().collect();
        truth.id_zero = seen.get(&0).copied();
        if let Some(index) = truth.id_zero {
            tracing::warn!(
                "annotations[{index}].id is 0: pycocotools, and so these figures, count a detection that matches it as wrong; number annotations from 1"
            );
        }
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
    /// number, an id that `truth` does not know, run lengths of another size than the image: each
    /// with index and key.
    pub fn read_all(file: &Path, truth: &GroundTruth) -> Result<Vec<Self>, MetricsError> {
        Self::all_from_json(&bytes(file)?, truth).map_err(|error| error.in_file(file))
    }

    /// [`DetectionBox::read_all`] from the file's content.
    pub fn all_from_json(json: &[u8], truth: &GroundTruth) -> Result<Vec<Self>, MetricsError> {
        let raw: Vec<RawDetection> = parse(
            json,
            "a results file is a list of {image_id, category_id, bbox or segmentation, score}",
        )?;
        let mut detections = raw
            .iter()
            .map(RawDetection::without_mask)
            .collect::<Vec<_>>();
        check_detections(truth, &detections)?;
        // The first error, whichever thread comes first.
        let error = detections
            .par_iter_mut()
            .zip(&raw)
            .enumerate()
            .find_map_first(|(index, (detection, raw))| {
                let size = truth.sizes.get(&raw.image_id).copied();
                raw.add_mask(detection, size, &format!("[{index}]")).err()
            });
        error.map_or(Ok(detections), Err)
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
    id: u64,
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
            value
                .as_u64()
                .and_then(|side| usize::try_from(side).ok())
                .filter(|&side| side > 0)
        };
        side(&self.height).zip(side(&self.width))
    }
}

#[derive(Deserialize)]
struct RawCategory {
    id: u64,
    name: Option<String>,
}

#[derive(Deserialize)]
struct RawAnnotation {
    id: u64,
    image_id: u64,
    category_id: u64,
    #[serde(deserialize_with = "xywh")]
    bbox: [f64; 4],
    area: Option<f64>,
    #[serde(default)]
    iscrowd: Flag,
    #[serde(default)]
    segmentation: Value,
}

impl RawAnnotation {
    fn into_box(self, mask: Option<Rle>) -> GroundTruthBox {
        GroundTruthBox {
            image_id: self.image_id,
            category_id: self.category_id,
            bbox: self.bbox,
            area: self.area.unwrap_or(self.bbox[2] * self.bbox[3]),
            crowd: self.iscrowd.0,
            mask,
        }
    }
}

#[derive(Deserialize)]
struct RawDetection {
    image_id: u64,
    category_id: u64,
    #[serde(default, deserialize_with = "some_xywh")]
    bbox: Option<[f64; 4]>,
    #[serde(default)]
    segmentation: Value,
    score: f64,
}

impl RawDetection {
    /// With a box of zeros where there is none.
    fn without_mask(&self) -> DetectionBox {
        let &Self {
            image_id,
            category_id,
            bbox,
            score,
            ..
        } = self;
        let bbox = bbox.unwrap_or_default();
        DetectionBox {
            image_id,
            category_id,
            bbox,
            area: bbox[2] * bbox[3],
            score,
            mask: None,
        }
    }

    /// `size` is the height and width of the image, where they are known.
    fn add_mask(
        &self,
        detection: &mut DetectionBox,
        size: Option<(usize, usize)>,
        place: &str,
    ) -> Result<(), MetricsError> {
        detection.mask = read_mask(&self.segmentation, size, &format!("{place}.segmentation"))?;
        if self.bbox.is_none() {
            let missing = || {
                MetricsError::at(
                    place,
                    "missing field `bbox`, or `segmentation` in its place",
                )
            };
            let mask = detection.mask.as_ref().ok_or_else(missing)?;
            (detection.bbox, detection.area) = (mask.bbox(), mask.area() as f64);
        }
        Ok(())
    }
}

/// 0 or 1, as COCO writes it, or a boolean.
#[derive(Default)]
struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected 0 or 1")]
        enum Either {
            Number(u64),
            Boolean(bool),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number @ (0 | 1)) => Ok(Self(number == 1)),
            Either::Number(number) => Err(serde::de::Error::custom(format!(
                "{number}, expected 0 or 1"
            ))),
            Either::Boolean(boolean) => Ok(Self(boolean)),
        }
    }
}

fn some_xywh<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[f64; 4]>, D::Error> {
    xywh(deserializer).map(Some)
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
            while let Some(value) = list.next_element()? {
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

/// Keeping track of the path costs time, so it is done only once there is an error to place.
fn parse<T: DeserializeOwned>(json: &[u8], shape: &str) -> Result<T, MetricsError> {
    serde_json::from_slice(json).map_err(|error| {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let place = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            // The path ends in a question mark where the key is not known.
            Err(error) => error
                .path()
                .to_string()
                .trim_end_matches(['.', '?'])
                .to_owned(),
            // The value is whole: something follows it.
            Ok(_) => String::new(),
        };
        let hint = if is_not_finite(json, &error) {
            "NaN and Infinity are neither JSON nor usable"
        } else {
            shape
        };
        MetricsError::at(place, format!("{error} ({hint})"))
    })
}

/// Whether the parser tripped over a `NaN` or `Infinity`, as Python's `json.dump` writes them.
fn is_not_finite(json: &[u8], error: &serde_json::Error) -> bool {
    let line = json
        .split(|&byte| byte == b'\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    // The column is that of the first or, after a minus sign, second letter, counted from 1.
    let before = error.column().saturating_sub(2).min(line.len());
    let near = &line[before..];
    [0, 1].into_iter().any(|skip| {
        let near = near.get(skip..).unwrap_or_default();
        near.starts_with(b"NaN") || near.starts_with(b"Infinity") || near.starts_with(b"-Infinity")
    })
}
