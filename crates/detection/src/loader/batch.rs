//! Examples side by side, as a network takes them.

use std::borrow::Cow;

use image::RgbImage;
use rayon::prelude::*;

use crate::augment::{Example, Label, Source};
use crate::dataset::CachedDataset;
use crate::mask::{MaskTargets, draw_targets};
use crate::vector::vectorized;

/// Images and targets of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// B × 3 × height × width, RGB, 0..=1.
    pub images: Vec<f32>,
    /// Number of images, B.
    pub size: usize,
    /// Height of the images, in pixels.
    pub height: usize,
    /// Width of the images, in pixels.
    pub width: usize,
    /// Rows of (image in the batch, class, centre x, centre y, width, height), the last four as
    /// shares of the image's size.
    pub targets: Vec<[f32; 6]>,
    /// Where masks were asked for.
    pub masks: Option<MaskTargets>,
    /// Which sample of the data set each image is.
    pub indices: Vec<usize>,
}

impl Batch {
    /// Makes the examples of these samples in parallel and puts them together; all must be of this
    /// (width, height). Masks are drawn where there is a `mask_stride`.
    pub(super) fn assemble(
        indices: &[usize],
        (width, height): (usize, usize),
        mask_stride: Option<usize>,
        example: impl Fn(usize) -> Example + Sync,
    ) -> Self {
        let plane = width * height;
        let mut images = vec![0.0; indices.len() * 3 * plane];
        let made: Vec<(Vec<Label>, Vec<u16>)> = images
            .par_chunks_exact_mut(3 * plane)
            .zip(indices)
            .map(|(chw, &index)| {
                let Example { image, labels } = example(index);
                to_planes(&image, chw);
                let objects = mask_stride.map(|stride| {
                    objects(
                        &labels,
                        (width.div_ceil(stride), height.div_ceil(stride)),
                        stride,
                    )
                });
                (labels, objects.unwrap_or_default())
            })
            .collect();
        let (labels, objects): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        let masks = mask_stride.map(|stride| MaskTargets {
            height: height.div_ceil(stride),
            width: width.div_ceil(stride),
            objects: objects.concat(),
        });
        let (w, h) = (width as f32, height as f32);
        let targets = labels.iter().enumerate().flat_map(|(image, labels)| {
            labels.iter().map(move |Label { class, bbox, .. }| {
                let (cx, cy) = bbox.center();
                [
                    image as f32,
                    *class as f32,
                    cx / w,
                    cy / h,
                    bbox.width() / w,
                    bbox.height() / h,
                ]
            })
        });
        let targets = targets.collect();
        Self {
            size: indices.len(),
            height,
            width,
            targets,
            masks,
            indices: indices.to_vec(),
            images,
        }
    }
}

/// Which of the labels each cell of an image belongs to, cells being squares of `stride` pixels.
fn objects(labels: &[Label], (width, height): (usize, usize), stride: usize) -> Vec<u16> {
    let outlines: Vec<_> = labels.iter().map(|label| &label.outline).collect();
    let mut objects = vec![0; width * height];
    draw_targets(&outlines, height, width, stride as f32, &mut objects);
    objects
}

/// From interleaved bytes to three planes of 0..=1.
fn to_planes(image: &RgbImage, chw: &mut [f32]) {
    let plane = chw.len() / 3;
    let (red, rest) = chw.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    let pixels = image.as_chunks::<3>().0;
    vectorized(
        #[inline(always)]
        || {
            for (((pixel, r), g), b) in pixels.iter().zip(red).zip(green).zip(blue) {
                // One by one: as an array they come out a pixel at a time.
                *r = f32::from(pixel[0]) / 255.0;
                *g = f32::from(pixel[1]) / 255.0;
                *b = f32::from(pixel[2]) / 255.0;
            }
        },
    );
}

impl Source for CachedDataset {
    fn len(&self) -> usize {
        self.len()
    }

    fn image(&self, index: usize) -> Cow<'_, RgbImage> {
        self.image(index)
    }

    fn labels(&self, index: usize) -> &[Label] {
        self.labels(index)
    }
}
