//! The built-in data set: shapes drawn from a seed, with nothing to download.
//!
//! Each image has a coloured, textured background with strokes, and objects of several classes over
//! it, from small to large, that turn, stretch, overlap, reach over the border, and carry noise. A
//! class shows in its shape and, mostly (`color_hint`), in its colour. An image depends on its
//! parameters, its split and its index alone, and its bytes are the same on every machine: it is
//! drawn with such arithmetic only as IEEE 754 fixes (no sine, no power). Every split draws from
//! random streams of its own.
//!
//! What an annotation is: an object is annotated if at least `min_visible` of its area is in the
//! image and not covered by later objects. Its box is the tight one around the shape, or, where
//! something covers it, around the pixels of it that show. With `masks`, its mask is those pixels,
//! each of which belongs to the uppermost object that covers more than half of it.

mod draw;
mod outline;
mod scene;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DataError, DataSpec, Dataset, Id, ImageSource, Problems, Sample, Split};

pub use outline::Shape;
pub use scene::Scene;

/// Raised when the same parameters draw another image; part of the fingerprint.
const DRAWING_VERSION: u32 = 1;

/// Parameters of the built-in set, as in YAML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShapesSpec {
    /// Side of the square images, in pixels.
    pub imgsz: u32,
    /// Images by split.
    pub images: ImageCounts,
    /// Class by class, what is drawn.
    pub classes: Vec<Shape>,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Fewest and most objects in an image (fewer where `overlap` leaves no room).
    pub objects: [u32; 2],
    /// Shortest and longest side of an object (the longer of its sides before it is turned) as a
    /// share of the image's; the small are more frequent.
    pub scale: [f64; 2],
    /// Longest ratio of an object's sides, from 1.
    pub stretch: f64,
    /// How far objects turn: 0 not at all, 1 by up to 90° either way.
    pub rotation: f64,
    /// How far objects reach over the border: 0 not at all, 1 up to their centre.
    pub truncation: f64,
    /// How much of the smaller one of two objects' boxes the other may cover, 0 to 1.
    pub overlap: f64,
    /// Share of an object's area that must be seen for it to be annotated.
    pub min_visible: f64,
    /// Probability that an object has the colour of its class, and not a random one.
    pub color_hint: f64,
    /// Strength of the background's texture, 0 to 1.
    pub texture: f64,
    /// Maximum number of strokes in the background.
    pub clutter: u32,
    /// Largest noise on a pixel, as a share of full brightness.
    pub noise: f64,
    /// Annotate the visible pixels of an object in addition to its box.
    pub masks: bool,
}

/// Number of images in each split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageCounts {
    /// Images of the training split.
    pub train: u32,
    /// Images of the validation split.
    pub val: u32,
    /// Images of the test split.
    pub test: u32,
}

impl Default for ImageCounts {
    fn default() -> Self {
        Self {
            train: 1200,
            val: 200,
            test: 200,
        }
    }
}

impl Default for ShapesSpec {
    fn default() -> Self {
        Self {
            imgsz: 128,
            images: ImageCounts::default(),
            classes: Shape::ALL.to_vec(),
            seed: 0,
            objects: [1, 6],
            scale: [0.08, 0.5],
            stretch: 1.3,
            rotation: 0.25,
            truncation: 0.3,
            overlap: 0.3,
            min_visible: 0.5,
            color_hint: 0.8,
            texture: 0.25,
            clutter: 3,
            noise: 0.06,
            masks: false,
        }
    }
}

/// Strokes in the background of an image.
const MOST_CLUTTER: u32 = 1000;

impl ShapesSpec {
    /// Key and message of the first parameter out of its range.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        let fail = |key, message: &str| Err((key, message.to_owned()));
        if !(16..=4096).contains(&self.imgsz) {
            let message = format!("expected 16 to 4096 pixels, found {}", self.imgsz);
            return fail("imgsz", &message);
        }
        if self.classes.is_empty() {
            return fail("classes", "expected at least one class, found none");
        }
        if (1..self.classes.len()).any(|i| self.classes[..i].contains(&self.classes[i])) {
            return fail("classes", "a class is listed twice");
        }
        let [fewest, most] = self.objects;
        if fewest > most || most == 0 || most > 250 {
            return fail(
                "objects",
                "expected [fewest, most] with fewest at most `most`, and `most` from 1 to 250",
            );
        }
        let [small, large] = self.scale;
        if !(small > 0.0 && small <= large && large <= 1.0) {
            return fail(
                "scale",
                "expected [smallest, largest], above 0 and at most 1",
            );
        }
        if !(1.0..=8.0).contains(&self.stretch) {
            return fail(
                "stretch",
                &format!("expected 1 to 8, found {}", self.stretch),
            );
        }
        if self.clutter > MOST_CLUTTER {
            let message = format!(
                "expected at most {MOST_CLUTTER} strokes, found {}",
                self.clutter
            );
            return fail("clutter", &message);
        }
        let shares = [
            ("rotation", self.rotation),
            ("truncation", self.truncation),
            ("overlap", self.overlap),
            ("min_visible", self.min_visible),
            ("color_hint", self.color_hint),
            ("texture", self.texture),
            ("noise", self.noise),
        ];
        match shares
            .into_iter()
            .find(|(_, share)| !(0.0..=1.0).contains(share))
        {
            Some((key, found)) => fail(key, &format!("expected 0 to 1, found {found}")),
            None => Ok(()),
        }
    }

    pub(crate) fn count(&self, split: Split) -> u32 {
        match split {
            Split::Train => self.images.train,
            Split::Val => self.images.val,
            Split::Test => self.images.test,
        }
    }

    /// BLAKE3 of all that an image follows from.
    pub(crate) fn digest(&self, split: Split, index: u32) -> [u8; 32] {
        // How many images there are changes none of them.
        let drawn = Self {
            images: ImageCounts::default(),
            ..self.clone()
        };
        blake3::hash(format!("{DRAWING_VERSION} {drawn:?} {split} {index}").as_bytes()).into()
    }
}

pub(crate) fn open(
    spec: &DataSpec,
    shapes: &ShapesSpec,
    split: Split,
) -> Result<Dataset, DataError> {
    use rayon::prelude::*;
    shapes
        .check()
        .map_err(|(key, message)| DataError::key(&spec.file, key, message))?;
    if shapes.count(split) == 0 {
        return Err(DataError::missing_split_because(
            &spec.file,
            split,
            &format!("images.{split}"),
            "0: this data set has no split of that name",
        ));
    }
    let side = shapes.imgsz as usize;
    let shared = Arc::new(shapes.clone());
    let samples = (0..shapes.count(split))
        .into_par_iter()
        .map(|index| Sample {
            id: u64::from(index),
            own_id: u64::from(index).into(),
            name: format!("{split}/{index:06}"),
            width: side,
            height: side,
            source: ImageSource::Shapes {
                spec: Arc::clone(&shared),
                split,
                index,
            },
            annotations: Scene::new(shapes, split, index).annotations(),
        })
        .collect();
    Ok(Dataset {
        name: spec.name.clone(),
        split,
        classes: shapes.classes.iter().map(ToString::to_string).collect(),
        category_ids: (0..shapes.classes.len() as u64).map(Id::from).collect(),
        samples,
        problems: Problems::default(),
    })
}
