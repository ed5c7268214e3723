//! Augmentation by YOLOv5's recipe, a step a file.
//!
//! Every step is a function of an image, its labels and a random stream, and of nothing else.
//! Coordinates are continuous: the image covers 0..width × 0..height and the centre of its first
//! pixel is (0.5, 0.5), for boxes and for resampling alike.

mod affine;
mod canvas;
mod config;
mod copy_paste;
mod flip;
mod hsv;
mod label;
mod letterbox;
mod mixup;
mod mosaic;
mod scale;
mod warp;

use std::borrow::Cow;

use image::{Rgb, RgbImage};
use rand::RngCore;

use self::canvas::Canvas;
use crate::dataset::{InputSize, random::Draw};

pub use affine::{Placement, random_affine};
pub use config::AugmentConfig;
pub use copy_paste::copy_paste;
pub use flip::{flip_left_right, flip_up_down};
pub use hsv::random_hsv;
pub use label::Label;
pub use letterbox::{Letterbox, letterbox};
pub use mixup::mixup;
pub use mosaic::mosaic;

/// What fills the places where there is no image.
pub const GREY: Rgb<u8> = Rgb([114, 114, 114]);

/// An image on its way through augmentation.
#[derive(Clone, Debug)]
pub struct Example {
    /// The pixels, 8-bit RGB.
    pub image: RgbImage,
    /// Its objects.
    pub labels: Vec<Label>,
}

/// Where examples come from: images that fit the network's input.
pub trait Source {
    /// Number of images.
    fn len(&self) -> usize;
    /// The image at an index, scaled to fit the input.
    fn image(&self, index: usize) -> Cow<'_, RgbImage>;
    /// Its objects.
    fn labels(&self, index: usize) -> &[Label];

    /// Whether there is no image.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The image of this index, augmented: an input of `imgsz`.
///
/// In YOLOv5's order: mosaic or letterbox, copy-paste, affine, mixup (after a mosaic only), HSV,
/// flips. The configuration must have passed [`AugmentConfig::validate`].
pub fn augment(
    source: &impl Source,
    index: usize,
    imgsz: impl Into<InputSize>,
    config: &AugmentConfig,
    rng: &mut impl RngCore,
) -> Example {
    let imgsz: InputSize = imgsz.into();
    let mut example = if rng.chance(config.mosaic) {
        let example = mosaic_of(source, index, imgsz, config, rng);
        if rng.chance(config.mixup) {
            let other = rng.below(source.len());
            let other = mosaic_of(source, other, imgsz, config, rng);
            mixup(example, &other, rng)
        } else {
            example
        }
    } else {
        let image = source.image(index);
        let boxed = letterbox::lay_out(&image, source.labels(index), imgsz.into());
        placed(boxed, imgsz, config, rng)
    };
    random_hsv(&mut example.image, config, rng);
    if rng.chance(config.flipud) {
        flip_up_down(&mut example);
    }
    if rng.chance(config.fliplr) {
        flip_left_right(&mut example);
    }
    example
}

/// An image in the middle of an input of (width, height), its labels moved along.
pub(crate) fn letterboxed(image: &RgbImage, labels: &[Label], input: (usize, usize)) -> Example {
    let (canvas, labels) = letterbox::lay_out(image, labels, input);
    Example {
        image: canvas.draw(),
        labels,
    }
}

/// A mosaic of this image and three random ones, cut to `imgsz` by the affine step.
fn mosaic_of(
    source: &impl Source,
    index: usize,
    imgsz: InputSize,
    config: &AugmentConfig,
    rng: &mut impl RngCore,
) -> Example {
    let n = source.len();
    let mut indices = [index, rng.below(n), rng.below(n), rng.below(n)];
    rng.shuffle(&mut indices);
    let images = indices.map(|index| source.image(index));
    let labels = indices.map(|index| source.labels(index));
    let parts = [0, 1, 2, 3].map(|part| (&*images[part], labels[part]));
    placed(mosaic::lay_out(parts, imgsz, rng), imgsz, config, rng)
}

/// Copy-paste, which needs the whole picture, and the affine step, which does not.
fn placed(
    (canvas, labels): (Canvas, Vec<Label>),
    imgsz: InputSize,
    config: &AugmentConfig,
    rng: &mut impl RngCore,
) -> Example {
    if config.copy_paste == 0.0 {
        return affine::affine(&canvas, &labels, imgsz, config, rng);
    }
    let mut example = Example {
        image: canvas.draw(),
        labels,
    };
    copy_paste(&mut example, config.copy_paste, rng);
    random_affine(&example, imgsz, config, rng)
}
