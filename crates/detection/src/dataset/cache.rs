//! Images decoded once and kept small.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use image::RgbImage;
use rayon::prelude::*;

use super::resample::{Interpolation, resample};
use super::{DataError, Dataset, InputSize, Problems, Sample};
use crate::augment::Label;
use crate::geometry::BBox;
use crate::mask::Outline;

/// What [`CachedDataset::open`] keeps in memory at most: 8 GiB.
pub const DEFAULT_CACHE_BYTES: usize = 8 << 30;

/// A data set whose images are decoded and resized to fit the network's input, in a square so that
/// the longer side is its, small ones enlarged, as YOLOv5 and Ultralytics do in training and
/// evaluation.
///
/// It keeps at most width × height × 3 bytes of the input an image: 1,000 images need 47 MiB at 128
/// pixels and 1.2 GB at 640. Images beyond the limit are decoded each time that they are asked for.
#[derive(Debug)]
pub struct CachedDataset {
    dataset: Dataset,
    imgsz: InputSize,
    interpolation: Interpolation,
    images: Vec<Option<RgbImage>>,
    labels: Vec<Vec<Label>>,
    /// The first image that could not be decoded any more, and why.
    lost: Mutex<Option<(PathBuf, String)>>,
}

impl CachedDataset {
    /// Decodes all images, on all cores, and keeps them within [`DEFAULT_CACHE_BYTES`].
    ///
    /// # Errors
    /// If no image with a box is left: a corrupt image is a problem of the data set and left out.
    pub fn open(
        dataset: Dataset,
        imgsz: impl Into<InputSize>,
        interpolation: Interpolation,
    ) -> Result<Self, DataError> {
        Self::open_within(dataset, imgsz, interpolation, DEFAULT_CACHE_BYTES)
    }

    /// Like [`Self::open`], keeping at most `limit` bytes of pixels.
    pub fn open_within(
        mut dataset: Dataset,
        imgsz: impl Into<InputSize>,
        interpolation: Interpolation,
        limit: usize,
    ) -> Result<Self, DataError> {
        let imgsz: InputSize = imgsz.into();
        if imgsz.width == 0 || imgsz.height == 0 {
            return Err(DataError::setting(
                "imgsz",
                "expected at least 1 pixel, found 0",
            ));
        }
        // Which images are kept follows from the sizes, in order, so that it doesn't depend on who
        // is done first.
        let mut free = limit;
        let keep: Vec<bool> = dataset
            .samples
            .iter()
            .map(|sample| {
                let (width, height) = imgsz.fitted(sample.width, sample.height);
                let bytes = width * height * 3;
                let fits = bytes <= free;
                free -= if fits { bytes } else { 0 };
                fits
            })
            .collect();
        let decoded: Vec<Result<_, String>> = dataset
            .samples
            .par_iter()
            .zip(keep)
            .map(|(sample, keep)| {
                // One that is not kept is decoded all the same: it may be corrupt.
                let image = decode(sample)?;
                Ok(keep.then(|| resized(image, imgsz, interpolation)))
            })
            .collect();
        let mut samples = Vec::with_capacity(decoded.len());
        let mut images = Vec::with_capacity(decoded.len());
        let mut problems = Problems::default();
        for (sample, result) in dataset.samples.into_iter().zip(decoded) {
            match result {
                Ok(image) => {
                    samples.push(sample);
                    images.push(image);
                }
                Err(reason) => {
                    let boxes = sample.annotations.len();
                    problems.image_with(boxes, &sample.source.path(), reason);
                }
            }
        }
        dataset.samples = samples;
        dataset.problems.extend(problems);
        dataset.check_not_empty()?;
        let labels = dataset
            .samples
            .par_iter()
            .map(|sample| labels(sample, imgsz))
            .collect();
        Ok(Self {
            dataset,
            imgsz,
            interpolation,
            images,
            labels,
            lost: Mutex::default(),
        })
    }

    /// The data set without what could not be decoded; sample indices are into its `samples`.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The input that every image fits in.
    pub fn imgsz(&self) -> InputSize {
        self.imgsz
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Fails if an image that isn't kept could be decoded at first, but not any more: what was made of
    /// the images since [`Self::begin`] is not of this data set.
    ///
    /// # Errors
    /// The image, and why it can't be decoded.
    pub fn check(&self) -> Result<(), DataError> {
        match &*self.lost() {
            Some((file, reason)) => Err(DataError::file(file, reason)),
            None => Ok(()),
        }
    }

    /// To be called before the images are gone through: what could not be decoded earlier may be there
    /// again.
    pub fn begin(&self) {
        *self.lost() = None;
    }

    fn lost(&self) -> MutexGuard<'_, Option<(PathBuf, String)>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The resized image of a sample. One that isn't kept and can't be decoded any more comes as grey:
    /// see [`Self::check`].
    pub fn image(&self, index: usize) -> Cow<'_, RgbImage> {
        if let Some(image) = &self.images[index] {
            return Cow::Borrowed(image);
        }
        let sample = &self.dataset.samples[index];
        // After the first that is lost, nothing waits for others.
        let pauses = match self.check() {
            Ok(()) => &PAUSES[..],
            Err(_) => &[],
        };
        Cow::Owned(match decode_within(sample, pauses) {
            Ok(image) => resized(image, self.imgsz, self.interpolation),
            Err(reason) => {
                let lost = format!("it could be decoded at first, but not any more: {reason}");
                self.lost()
                    .get_or_insert_with(|| (sample.source.path(), lost));
                let (width, height) = self.imgsz.fitted(sample.width, sample.height);
                RgbImage::from_pixel(width as u32, height as u32, crate::augment::GREY)
            }
        })
    }

    /// The targets of a sample in pixels of its resized image: all boxes but crowds.
    pub fn labels(&self, index: usize) -> &[Label] {
        &self.labels[index]
    }
}

/// A sample's targets at the size of its resized image.
fn labels(sample: &Sample, imgsz: InputSize) -> Vec<Label> {
    let (width, height) = imgsz.fitted(sample.width, sample.height);
    let (sx, sy) = (
        width as f32 / sample.width as f32,
        height as f32 / sample.height as f32,
    );
    let objects = sample
        .annotations
        .iter()
        .filter(|annotation| !annotation.crowd);
    objects
        .map(|object| {
            let b = object.bbox;
            let outline = object.mask.as_ref().map(Outline::of).unwrap_or_default();
            Label {
                class: object.class,
                bbox: BBox::from_xyxy(b.x1 * sx, b.y1 * sy, b.x2 * sx, b.y2 * sy),
                outline: outline.map(|[x, y]| [x * sx, y * sy]),
            }
        })
        .collect()
}

/// Images of more pixels are decoded one at a time: in four channels of 16 bits they take a quarter of a
/// gigabyte and more. A decoder asks no other thread to help, so none can come to wait for itself.
const LARGE: usize = 1 << 25;

static LARGE_ONES: Mutex<()> = Mutex::new(());

fn decode(sample: &Sample) -> Result<RgbImage, String> {
    let is_large = sample.width * sample.height > LARGE;
    let _turn = is_large.then(|| LARGE_ONES.lock().unwrap_or_else(PoisonError::into_inner));
    let image = sample.source.decode()?;
    if (image.width() as usize, image.height() as usize) != (sample.width, sample.height) {
        let (w, h) = (sample.width, sample.height);
        return Err(format!(
            "the image is {}×{}, its header said {w}×{h}",
            image.width(),
            image.height()
        ));
    }
    Ok(image)
}

/// Pauses before an image that was decoded once is tried again: a network file system may be away for a
/// moment.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

fn decode_within(sample: &Sample, pauses: &[Duration]) -> Result<RgbImage, String> {
    let mut decoded = decode(sample);
    for pause in pauses {
        if decoded.is_err() {
            thread::sleep(*pause);
            decoded = decode(sample);
        }
    }
    decoded
}

fn resized(image: RgbImage, imgsz: InputSize, interpolation: Interpolation) -> RgbImage {
    let (width, height) = imgsz.fitted(image.width() as usize, image.height() as usize);
    resample(image, width, height, interpolation)
}
