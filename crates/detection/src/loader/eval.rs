//! Letterboxed batches of a split.

use std::sync::Arc;

use image::RgbImage;
use rayon::ThreadPool;

use super::Batch;
use super::prefetch::{Batches, pool};
use crate::augment::{Letterbox, letterboxed};
use crate::dataset::{CachedDataset, DataError, InputSize, Interpolation, resampled};

/// A batch and the way back to its originals.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalBatch {
    /// The images.
    pub batch: Batch,
    /// One for each image.
    pub frames: Vec<Frame>,
}

/// Which sample an image is, and how it lies in the network's input:
/// `frame.letterbox.to_original(&bbox)` maps back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Index into the samples of the data set.
    pub index: usize,
    /// How it was scaled and padded.
    pub letterbox: Letterbox,
}

impl EvalBatch {
    /// One image as the network takes it, for an input of `imgsz`; `index` is what its frame names.
    pub fn of_image(
        image: &RgbImage,
        index: usize,
        imgsz: InputSize,
        shape: InputShape,
        interpolation: Interpolation,
    ) -> Self {
        let size = (image.width() as usize, image.height() as usize);
        let input = shape.input(std::iter::once(size), imgsz);
        let (width, height) = imgsz.fitted(size.0, size.1);
        let batch = Batch::assemble(&[index], input, None, |_| {
            letterboxed(&resampled(image, width, height, interpolation), &[], input)
        });
        Self {
            batch,
            frames: vec![Frame {
                index,
                letterbox: Letterbox::within(size, imgsz, input),
            }],
        }
    }
}

/// What the network's input looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputShape {
    /// All images in the input that they were cached for, a square or a rectangle, in the data
    /// set's order.
    Square,
    /// Images in the order of their aspect ratios, each batch in the smallest shape of whole
    /// strides that leaves half a stride of padding: how YOLOv5 and Ultralytics evaluate; square
    /// images too are padded by a stride.
    Rectangular {
        /// Pixels that both sides are multiples of.
        stride: usize,
    },
}

impl InputShape {
    /// Rectangles for a network of that stride, or squares.
    pub fn new(rectangular: bool, stride: usize) -> Self {
        if rectangular {
            Self::Rectangular { stride }
        } else {
            Self::Square
        }
    }

    /// Width and height of the input for images of these sizes that are scaled to fit in `imgsz`.
    /// A rectangle that was asked for is the input of every batch.
    fn input(
        self,
        sizes: impl Iterator<Item = (usize, usize)> + Clone,
        imgsz: InputSize,
    ) -> (usize, usize) {
        match self {
            Self::Rectangular { stride } if imgsz.is_square() => {
                rectangle(sizes, imgsz.width, stride)
            }
            _ => imgsz.into(),
        }
    }
}

/// Batches of a split to evaluate.
pub struct EvalLoader {
    data: Arc<CachedDataset>,
    shape: InputShape,
    batch: usize,
    pool: Option<Arc<ThreadPool>>,
}

impl EvalLoader {
    /// `workers` threads make batches ahead; with 0 each is made when it is asked for.
    ///
    /// # Errors
    /// A batch size of 0, or threads that can't be had.
    pub fn new(
        data: Arc<CachedDataset>,
        shape: InputShape,
        batch: usize,
        workers: usize,
    ) -> Result<Self, DataError> {
        if batch == 0 {
            return Err(DataError::setting("batch", "expected at least 1, found 0"));
        }
        let pool = pool(workers)?;
        // A rectangle that was asked for is the shape of every batch.
        let shape = match data.imgsz().is_square() {
            true => shape,
            false => InputShape::Square,
        };
        Ok(Self {
            data,
            shape,
            batch,
            pool,
        })
    }

    /// The data set.
    pub fn data(&self) -> &Arc<CachedDataset> {
        &self.data
    }

    /// Number of batches.
    pub fn batches(&self) -> usize {
        self.data.len().div_ceil(self.batch)
    }

    /// All samples once.
    pub fn iter(&self) -> Batches<EvalBatch> {
        let (data, shape, size, imgsz) = (
            Arc::clone(&self.data),
            self.shape,
            self.batch,
            self.data.imgsz(),
        );
        let order = self.order();
        Batches::start(0..self.batches(), self.pool.clone(), move |number| {
            let indices = &order[number * size..order.len().min((number + 1) * size)];
            let sizes = indices.iter().map(|index| original_size(&data, *index));
            let input = shape.input(sizes.clone(), imgsz);
            let frames = indices.iter().zip(sizes).map(|(index, size)| Frame {
                index: *index,
                letterbox: Letterbox::within(size, imgsz, input),
            });
            let batch = Batch::assemble(indices, input, None, |index| {
                letterboxed(&data.image(index), data.labels(index), input)
            });
            EvalBatch {
                frames: frames.collect(),
                batch,
            }
        })
    }

    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.data.len()).collect();
        if let InputShape::Rectangular { .. } = self.shape {
            order.sort_by(|a, b| {
                tallness(original_size(&self.data, *a))
                    .total_cmp(&tallness(original_size(&self.data, *b)))
            });
        }
        order
    }
}

/// Width and height.
fn original_size(data: &CachedDataset, index: usize) -> (usize, usize) {
    let sample = &data.dataset().samples[index];
    (sample.width, sample.height)
}

fn tallness((width, height): (usize, usize)) -> f64 {
    height as f64 / width as f64
}

/// Width and height of the input for images whose longer side becomes `imgsz`: where all are wide,
/// or all are tall, the shorter side is that of the squarest; half a stride of padding, and whole
/// strides.
fn rectangle(
    sizes: impl Iterator<Item = (usize, usize)> + Clone,
    imgsz: usize,
    stride: usize,
) -> (usize, usize) {
    let tallest = sizes.clone().map(tallness).fold(0.0, f64::max);
    let widest = sizes.map(|size| 1.0 / tallness(size)).fold(0.0, f64::max);
    let side = |share: f64| (share * imgsz as f64 / stride as f64 + 0.5).ceil() as usize * stride;
    (side(widest.min(1.0)), side(tallest.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `LoadImagesAndLabels` of YOLOv5 and `YOLODataset.set_rectangle` of Ultralytics give
    /// with their padding of 0.5.
    #[test]
    fn rectangles_are_those_of_the_packages() {
        let of = |sizes: &[(usize, usize)], imgsz| rectangle(sizes.iter().copied(), imgsz, 32);
        assert_eq!(of(&[(640, 480)], 160), (192, 160));
        assert_eq!(of(&[(640, 480), (640, 427)], 640), (672, 512));
        assert_eq!(of(&[(480, 640), (427, 640)], 640), (512, 672));
        assert_eq!(of(&[(640, 480), (480, 640)], 640), (672, 672));
        assert_eq!(of(&[(500, 500)], 640), (672, 672));
        // An image always fits in.
        for (width, height) in [(1, 9), (9, 1), (640, 639), (1000, 333), (37, 11)] {
            let _ = Letterbox::within((width, height), 320, of(&[(width, height)], 320));
        }
    }
}
