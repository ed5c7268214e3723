//! An image in the middle of a grey canvas.

use image::RgbImage;

use super::Label;
use super::canvas::Canvas;
use crate::dataset::InputSize;
use crate::geometry::BBox;

/// How an image lies in the network's input, and the way back.
///
/// As in YOLOv5's evaluation: one side becomes the input's, small images are enlarged too, and the
/// rest of the input is padded with grey on both sides; an odd pixel goes to the right or the
/// bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    /// Of the original image, in pixels.
    pub width: usize,
    /// Height of the scaled image within the frame, in pixels.
    pub height: usize,
    /// Network pixels per original pixel, along x and y (they differ by rounding only).
    pub scale: (f32, f32),
    /// Grey columns on the left and rows at the top.
    pub pad: (usize, usize),
    /// Width and height of the network's input, in pixels.
    pub input: (usize, usize),
}

impl Letterbox {
    /// For an original image of this (width, height) in an input of `imgsz`.
    pub fn new(size: (usize, usize), imgsz: impl Into<InputSize>) -> Self {
        let imgsz: InputSize = imgsz.into();
        Self::within(size, imgsz, imgsz.into())
    }

    /// For an original image of this (width, height) that is scaled to fit in `imgsz`, in an
    /// `input` of (width, height).
    ///
    /// # Panics
    /// If the input is too small for it.
    pub fn within(
        (width, height): (usize, usize),
        imgsz: impl Into<InputSize>,
        input: (usize, usize),
    ) -> Self {
        let (w, h) = imgsz.into().fitted(width, height);
        Self {
            width,
            height,
            scale: (
                w as f32 / width.max(1) as f32,
                h as f32 / height.max(1) as f32,
            ),
            pad: ((input.0 - w) / 2, (input.1 - h) / 2),
            input,
        }
    }

    /// A box of the original image, in network pixels.
    pub fn to_network(&self, bbox: &BBox) -> BBox {
        let (sx, sy) = self.scale;
        let (px, py) = (self.pad.0 as f32, self.pad.1 as f32);
        BBox::from_xyxy(
            bbox.x1 * sx + px,
            bbox.y1 * sy + py,
            bbox.x2 * sx + px,
            bbox.y2 * sy + py,
        )
    }

    /// A box of the network's input, in pixels of the original image and clipped to it.
    pub fn to_original(&self, bbox: &BBox) -> BBox {
        let (sx, sy) = self.scale;
        let (px, py) = (self.pad.0 as f32, self.pad.1 as f32);
        BBox::from_xyxy(
            (bbox.x1 - px) / sx,
            (bbox.y1 - py) / sy,
            (bbox.x2 - px) / sx,
            (bbox.y2 - py) / sy,
        )
        .clip(self.width as f32, self.height as f32)
    }
}

/// Pads an image to an input of (width, height).
///
/// # Panics
/// If the image is larger.
pub fn letterbox(image: &RgbImage, input: (usize, usize)) -> RgbImage {
    lay_out(image, &[], input).0.draw()
}

/// The same with its labels, not drawn yet.
pub(super) fn lay_out<'a>(
    image: &'a RgbImage,
    labels: &[Label],
    input: (usize, usize),
) -> (Canvas<'a>, Vec<Label>) {
    let (left, top) = (
        (input.0 - image.width() as usize) / 2,
        (input.1 - image.height() as usize) / 2,
    );
    let mut canvas = Canvas::new(input.0, input.1);
    canvas.paste(image, left as i64, top as i64);
    let labels = labels
        .iter()
        .map(|label| label.shifted(left as f32, top as f32));
    (canvas, labels.collect())
}
