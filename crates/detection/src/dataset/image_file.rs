//! Images: where they come from, and decoding them to upright 8-bit RGB.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};

use super::Split;
use super::shapes::{Scene, ShapesSpec};

/// File name endings that are taken for images (those that the `image` crate decodes here).
pub(crate) const IMAGE_SUFFIXES: [&str; 7] = ["jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff"];

/// Where the pixels of a sample come from.
#[derive(Clone, Debug)]
pub enum ImageSource {
    /// A file.
    File(PathBuf),
    /// Drawn on demand, always the same.
    Shapes {
        /// The data set that it is drawn for.
        spec: Arc<ShapesSpec>,
        /// The split.
        split: Split,
        /// Position in the split.
        index: u32,
    },
}

impl ImageSource {
    /// The image in 8-bit RGB, upright: greyscale, 16-bit, palette and CMYK images are converted,
    /// transparency is dropped and the EXIF orientation is applied. The error does not name the
    /// file.
    pub fn decode(&self) -> Result<RgbImage, String> {
        match self {
            Self::File(path) => decode(path),
            Self::Shapes { spec, split, index } => Ok(Scene::new(spec, *split, *index).draw()),
        }
    }

    /// The file, or for a drawn image a name for it.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Shapes { split, index, .. } => PathBuf::from(format!("shapes/{split}/{index}")),
        }
    }

    /// BLAKE3 of the file's bytes, or of the drawing's parameters. A file that can't be read has a
    /// digest of its own.
    pub(crate) fn digest(&self) -> [u8; 32] {
        match self {
            Self::File(path) => match std::fs::read(path) {
                Ok(bytes) => blake3::hash(&bytes).into(),
                Err(error) => blake3::hash(format!("unreadable: {error}").as_bytes()).into(),
            },
            Self::Shapes { spec, split, index } => spec.digest(*split, *index),
        }
    }
}

/// Has the path an ending of [`IMAGE_SUFFIXES`]?
pub(crate) fn is_image(path: &Path) -> bool {
    path.extension()
        .and_then(|suffix| suffix.to_str())
        .is_some_and(|suffix| IMAGE_SUFFIXES.contains(&suffix.to_ascii_lowercase().as_str()))
}

/// Width and height of an image once upright, from its header.
pub(crate) fn upright_size(path: &Path) -> Result<(usize, usize), String> {
    let bytes = read(path)?;
    let mut decoder = decoder(&bytes)?;
    let (width, height) = decoder.dimensions();
    let sideways = matches!(
        decoder.orientation(),
        Ok(Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH)
    );
    let (width, height) = if sideways {
        (height, width)
    } else {
        (width, height)
    };
    Ok((width as usize, height as usize))
}

fn decode(path: &Path) -> Result<RgbImage, String> {
    let bytes = read(path)?;
    if is_truncated_jpeg(&bytes) {
        return Err("corrupt image: JPEG data end before the image does".into());
    }
    let mut decoder = decoder(&bytes)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(corrupt)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "missing image".into(),
        _ => format!("unreadable image: {error}"),
    })
}

fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder + '_, String> {
    ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(corrupt)?
        .into_decoder()
        .map_err(corrupt)
}

fn corrupt(error: impl std::fmt::Display) -> String {
    format!("corrupt image: {error}")
}

/// The decoder fills what is missing of a JPEG with grey and says nothing, so look for the
/// end-of-image marker (FF D9) behind the last start-of-scan marker (FF DA); neither can occur
/// within the compressed data.
fn is_truncated_jpeg(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xFF, marker]);
    bytes.starts_with(&[0xFF, 0xD8, 0xFF]) && last(0xD9) < last(0xDA)
}
