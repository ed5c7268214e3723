//! What a split looks like in numbers: classes, sizes of boxes and of images.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Annotation, Dataset};

/// Sides of a square of this many pixels part small objects from medium and medium from large ones,
/// as COCO has it.
const COCO_SIDES: [f64; 2] = [32.0, 96.0];

/// Figures of a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// Every class, in the data set's order; also those without a box.
    pub classes: Vec<ClassCount>,
    /// Sizes of the boxes.
    pub boxes: BoxSizes,
    /// Sizes of the images.
    pub images: ImageSizes,
}

/// How often a class occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub name: String,
    /// Number of its boxes.
    pub boxes: usize,
    /// Number of images with at least one of them.
    pub images: usize,
}

/// Sizes of boxes, in pixels of the original images.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BoxSizes {
    /// Number of objects of an area of at most 32² pixels.
    pub small: usize,
    /// Number of objects between small and large.
    pub medium: usize,
    /// Number of objects of more than 96² pixels.
    pub large: usize,
    /// Number of boxes that stand for a crowd.
    pub crowds: usize,
    /// Number of boxes with a mask.
    pub masks: usize,
    /// Widths; None without a box.
    pub width: Option<Quantiles>,
    /// Heights.
    pub height: Option<Quantiles>,
    /// Width over height.
    pub aspect: Option<Quantiles>,
    /// Boxes per image, background included.
    pub per_image: Option<Quantiles>,
}

/// Sizes of images, in pixels, upright.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImageSizes {
    /// Widths; None without an image.
    pub width: Option<Quantiles>,
    /// Heights.
    pub height: Option<Quantiles>,
    /// Number of different sizes.
    pub distinct: usize,
    /// The most frequent sizes, at most ten.
    pub frequent: Vec<SizeCount>,
}

/// How often a size of images occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Number of images.
    pub images: usize,
}

/// Where the values lie. Between two values of the list a quantile is interpolated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// The least.
    pub min: f64,
    /// A twentieth is below.
    pub p05: f64,
    /// A quarter is below.
    pub p25: f64,
    /// Half is below.
    pub median: f64,
    /// Three quarters are below.
    pub p75: f64,
    /// All but a twentieth is below.
    pub p95: f64,
    /// The greatest.
    pub max: f64,
}

impl Quantiles {
    /// None of no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |share: f64| {
            let place = share * last as f64;
            let (below, above) = (
                values[place.floor() as usize],
                values[place.ceil() as usize],
            );
            below + (above - below) * place.fract()
        };
        let [min, p05, p25, median, p75, p95, max] =
            [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0].map(at);
        Some(Self {
            min,
            p05,
            p25,
            median,
            p75,
            p95,
            max,
        })
    }

    /// In their order, from the least to the greatest.
    pub fn values(&self) -> [f64; 7] {
        [
            self.min,
            self.p05,
            self.p25,
            self.median,
            self.p75,
            self.p95,
            self.max,
        ]
    }
}

impl Dataset {
    /// Classes, sizes of boxes and sizes of images.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            classes: self.class_counts(),
            boxes: self.box_sizes(),
            images: self.image_sizes(),
        }
    }

    fn class_counts(&self) -> Vec<ClassCount> {
        let mut counts: Vec<ClassCount> = self
            .classes
            .iter()
            .map(|name| ClassCount {
                name: name.clone(),
                boxes: 0,
                images: 0,
            })
            .collect();
        for sample in &self.samples {
            let mut classes: Vec<usize> = sample.annotations.iter().map(|a| a.class).collect();
            classes.iter().for_each(|class| counts[*class].boxes += 1);
            classes.sort_unstable();
            classes.dedup();
            classes.iter().for_each(|class| counts[*class].images += 1);
        }
        counts
    }

    fn box_sizes(&self) -> BoxSizes {
        let all = || self.samples.iter().flat_map(|sample| &sample.annotations);
        let side = |of: fn(&Annotation) -> f32| Quantiles::of(all().map(|a| f64::from(of(a))));
        let mut sizes = BoxSizes {
            crowds: all().filter(|a| a.crowd).count(),
            masks: all().filter(|a| a.mask.is_some()).count(),
            width: side(|a| a.bbox.width()),
            height: side(|a| a.bbox.height()),
            aspect: side(|a| a.bbox.width() / a.bbox.height()),
            per_image: Quantiles::of(self.samples.iter().map(|s| s.annotations.len() as f64)),
            ..BoxSizes::default()
        };
        let [small, medium] = COCO_SIDES.map(|side| side * side);
        for annotation in all() {
            let area = annotation.area.unwrap_or_else(|| {
                f64::from(annotation.bbox.width()) * f64::from(annotation.bbox.height())
            });
            match area {
                area if area <= small => sizes.small += 1,
                area if area <= medium => sizes.medium += 1,
                _ => sizes.large += 1,
            }
        }
        sizes
    }

    fn image_sizes(&self) -> ImageSizes {
        let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for sample in &self.samples {
            *counts.entry((sample.width, sample.height)).or_default() += 1;
        }
        let mut frequent: Vec<SizeCount> = counts
            .into_iter()
            .map(|((width, height), images)| SizeCount {
                width,
                height,
                images,
            })
            .collect();
        let distinct = frequent.len();
        frequent.sort_by_key(|size| std::cmp::Reverse(size.images));
        frequent.truncate(10);
        ImageSizes {
            width: Quantiles::of(self.samples.iter().map(|sample| sample.width as f64)),
            height: Quantiles::of(self.samples.iter().map(|sample| sample.height as f64)),
            distinct,
            frequent,
        }
    }
}
