//! Images at another size, as OpenCV makes them for YOLOv5 and Ultralytics.

use std::borrow::Cow;

use image::RgbImage;
use serde::Serialize;

/// What a pixel of the new image is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// The nearest four pixels, however much the image shrinks: OpenCV's INTER_LINEAR, by which
    /// both packages train.
    Linear,
    /// All pixels that it covers where the image shrinks, in proportion: OpenCV's INTER_AREA. The
    /// nearest four where it grows.
    Area,
}

/// The image with new sides; an equal one as it is.
pub fn resample(
    image: RgbImage,
    width: usize,
    height: usize,
    interpolation: Interpolation,
) -> RgbImage {
    match resampled(&image, width, height, interpolation) {
        Cow::Owned(resampled) => resampled,
        Cow::Borrowed(_) => image,
    }
}

/// The same of an image that stays.
pub fn resampled(
    image: &RgbImage,
    width: usize,
    height: usize,
    interpolation: Interpolation,
) -> Cow<'_, RgbImage> {
    let [old_width, old_height] = [image.width(), image.height()].map(|side| side as usize);
    if (old_width, old_height) == (width, height) {
        return Cow::Borrowed(image);
    }
    // Both axes alike, as OpenCV has it: an image that shrinks by one of them only is no case for
    // areas.
    let area = interpolation == Interpolation::Area && width <= old_width && height <= old_height;
    let pixels = if area {
        averaged(image, width, height)
    } else {
        interpolated(image, width, height)
    };
    let image = RgbImage::from_raw(width as u32, height as u32, pixels);
    Cow::Owned(image.expect("three values a pixel"))
}

/// The two pixels by one axis that are nearest to the middle of a new one, and how much of each, of
/// 2048 together.
struct Nearest {
    pixels: [usize; 2],
    parts: [i32; 2],
}

impl Nearest {
    /// Those of every new pixel of an axis. Beyond the outermost pixels' centres both are the same
    /// one.
    fn along(old: usize, new: usize) -> Vec<Self> {
        let scale = old as f64 / new as f64;
        let last = old as i64 - 1;
        let nearest = |i: usize| {
            let centre = ((i as f64 + 0.5) * scale - 0.5) as f32;
            let first = centre.floor();
            let part = centre - first;
            Self {
                pixels: [0, 1].map(|next| (first as i64 + next).clamp(0, last) as usize),
                parts: [1.0 - part, part].map(|part| (part * 2048.0).round_ties_even() as i32),
            }
        };
        (0..new).map(nearest).collect()
    }
}

/// Linear in the whole numbers that OpenCV reckons with, so that every value is its own.
fn interpolated(image: &RgbImage, width: usize, height: usize) -> Vec<u8> {
    let [old_width, old_height] = [image.width(), image.height()].map(|side| side as usize);
    let (columns, rows) = (
        Nearest::along(old_width, width),
        Nearest::along(old_height, height),
    );
    let source = image.as_raw();
    let mut values = Vec::with_capacity(3 * width * height);
    for row in &rows {
        let lines = row
            .pixels
            .map(|y| &source[3 * old_width * y..][..3 * old_width]);
        for Nearest {
            pixels: [left, right],
            parts,
        } in &columns
        {
            for channel in 0..3 {
                let across = |line: &[u8]| {
                    i32::from(line[3 * left + channel]) * parts[0]
                        + i32::from(line[3 * right + channel]) * parts[1]
                };
                let [above, below] = [0, 1].map(|i| (row.parts[i] * (across(lines[i]) >> 4)) >> 16);
                values.push(((above + below + 2) >> 2) as u8);
            }
        }
    }
    values
}

/// The pixels by one axis, from `first` on, that a new one covers, and the part that each makes of
/// it.
struct Covered {
    first: usize,
    parts: Vec<f32>,
}

impl Covered {
    fn along(old: usize, new: usize) -> Vec<Self> {
        let scale = old as f64 / new as f64;
        let covered = |i: usize| {
            let (start, end) = (i as f64 * scale, ((i + 1) as f64 * scale).min(old as f64));
            let part = |pixel: usize| ((pixel + 1) as f64).min(end) - (pixel as f64).max(start);
            // What rounding adds at the ends is no pixel.
            let pixels: Vec<usize> = (start as usize..(end.ceil() as usize).min(old))
                .filter(|&pixel| part(pixel) > 1e-3)
                .collect();
            Self {
                first: pixels[0],
                parts: pixels
                    .iter()
                    .map(|&pixel| (part(pixel) / (end - start)) as f32)
                    .collect(),
            }
        };
        (0..new).map(covered).collect()
    }
}

/// The mean over what each pixel covers.
fn averaged(image: &RgbImage, width: usize, height: usize) -> Vec<u8> {
    let [old_width, old_height] = [image.width(), image.height()].map(|side| side as usize);
    let (columns, rows) = (
        Covered::along(old_width, width),
        Covered::along(old_height, height),
    );
    let stride = 3 * old_width;
    let mut line = vec![0.0; stride];
    let mut values = Vec::with_capacity(3 * width * height);
    for row in &rows {
        line.fill(0.0);
        for (part, source) in row
            .parts
            .iter()
            .zip(image.as_raw()[row.first * stride..].chunks_exact(stride))
        {
            line.iter_mut()
                .zip(source)
                .for_each(|(sum, value)| *sum += part * f32::from(*value));
        }
        for column in &columns {
            let mut pixel = [0.0; 3];
            for (part, source) in column
                .parts
                .iter()
                .zip(line[3 * column.first..].chunks_exact(3))
            {
                pixel
                    .iter_mut()
                    .zip(source)
                    .for_each(|(sum, value)| *sum += part * value);
            }
            values.extend(pixel.map(|value: f32| value.round_ties_even() as u8));
        }
    }
    values
}
