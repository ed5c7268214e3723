//! Images: where they come from, and decoding them to upright 8-bit RGB.

use std::io::Cursor;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::error::{ImageFormatHint, UnsupportedErrorKind};
use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
};

use super::shapes::{Scene, ShapesSpec};
use super::{Split, jpeg};

/// File name endings that are taken for images: those of the types that the `image` crate decodes
/// here, under all their names.
pub(crate) const IMAGE_SUFFIXES: [&str; 13] = [
    "jpg", "jpeg", "jpe", "jif", "jfif", "mpo", "png", "apng", "bmp", "dib", "webp", "tif", "tiff",
];

/// Endings of images that can't be decoded here; they are named, not passed over.
const FOREIGN_SUFFIXES: [&str; 38] = [
    "gif", "heic", "heif", "avif", "jxl", "jp2", "j2k", "jpf", "jpx", "pbm", "pgm", "ppm", "pnm",
    "pam", "pfm", "tga", "ico", "cur", "pcx", "dds", "exr", "hdr", "qoi", "ff", "psd", "svg",
    "dcm", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "fits", "sgi", "ras",
];

/// Pixels of the largest image that is decoded: Pillow's limit. A file of a few bytes can claim more
/// than fits in memory.
const MAX_PIXELS: u64 = 178_956_970;

/// What one decoder may take in memory: the largest image at eight bytes a pixel.
const MAX_BYTES: u64 = 8 * MAX_PIXELS;

/// Bytes of the largest image file that is read.
const MAX_FILE: u64 = 1 << 30;

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
    /// transparency is dropped and the EXIF orientation is applied. Of a file with several images
    /// (an animation, the pages of a TIFF, a motion photo) it is the first.
    ///
    /// # Errors
    /// What is wrong with the image: missing, corrupt, cut off, too large. It does not name the file.
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

/// Why a file that is an image by its ending is not read; None of other files.
pub(crate) fn unsupported(path: &Path) -> Option<String> {
    let suffix = path.extension()?.to_str()?.to_ascii_lowercase();
    FOREIGN_SUFFIXES
        .contains(&suffix.as_str())
        .then(|| format!("images of type {suffix} are not supported; convert it to JPEG or PNG"))
}

/// What the header of an image says.
pub(crate) struct Header {
    /// Once upright, in pixels.
    pub width: usize,
    /// The same.
    pub height: usize,
    /// How EXIF turns the stored image, if that swaps width and height.
    pub turned: Option<&'static str>,
}

impl Header {
    /// # Errors
    /// A missing or unreadable file, no image, an image beyond [`MAX_PIXELS`].
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = read(path)?;
        guarded(|| {
            let mut decoder = decoder(&bytes)?;
            let (width, height) = decoder.dimensions();
            let (width, height) = (width as usize, height as usize);
            let turned = match decoder.orientation() {
                Ok(Orientation::Rotate90) => Some("by 90°"),
                Ok(Orientation::Rotate270) => Some("by 270°"),
                Ok(Orientation::Rotate90FlipH | Orientation::Rotate270FlipH) => {
                    Some("by 90° and mirrors it")
                }
                _ => None,
            };
            Ok(match turned {
                Some(_) => Self {
                    width: height,
                    height: width,
                    turned,
                },
                None => Self {
                    width,
                    height,
                    turned,
                },
            })
        })
    }
}

fn decode(path: &Path) -> Result<RgbImage, String> {
    let bytes = read(path)?;
    guarded(|| {
        let image = match jpeg::is_jpeg(&bytes) {
            true => jpeg::decode_whole(&bytes, upright)?,
            false => upright(&bytes)?,
        };
        Ok(image.into_rgb8())
    })
}

fn upright(bytes: &[u8]) -> Result<DynamicImage, String> {
    let mut decoder = decoder(bytes)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(reason)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "missing image".into(),
        _ => format!("unreadable image: {error}"),
    };
    // Anything else, such as a pipe, may never end.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("unreadable image: expected a file".into());
    }
    if metadata.len() > MAX_FILE {
        let mib = metadata.len() >> 20;
        return Err(format!(
            "image too large: the file has {mib} MiB, the limit is {} MiB",
            MAX_FILE >> 20
        ));
    }
    std::fs::read(path).map_err(unreadable)
}

/// A decoder that has read the header, of an image that fits in memory and in eight bits.
fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder + '_, String> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| format!("unreadable image: {error}"))?;
    // BigTIFF, which the decoder knows but the guess does not.
    if bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+") {
        reader.set_format(ImageFormat::Tiff);
    }
    if reader.format().is_none()
        && let Some(found) = no_image(bytes)
    {
        return Err(format!("no image: expected one, found {found}"));
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(reason)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!(
            "image too large: its header says {width}×{height}, the limit is {MAX_PIXELS} pixels"
        ));
    }
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        return Err(
            "unsupported image: its pixels are 32-bit floats, whose range is not known; save it with 8 or 16 bits".into(),
        );
    }
    Ok(decoder)
}

/// What a file holds whose bytes are no image that is known here, where people have such files.
fn no_image(bytes: &[u8]) -> Option<&'static str> {
    let start = &bytes[..bytes.len().min(64)];
    let text = start.trim_ascii_start().to_ascii_lowercase();
    if bytes.is_empty() {
        Some("an empty file")
    } else if bytes.get(4..8) == Some(b"ftyp") {
        Some("a HEIC image or a film under another ending; convert it to JPEG or PNG")
    } else if text.starts_with(b"version https://git-lfs") {
        Some("a pointer of Git LFS; `git lfs pull` fetches the image")
    } else if text.starts_with(b"<!doctype html") || text.starts_with(b"<html") {
        Some("an HTML page, as a download that failed leaves it")
    } else {
        None
    }
}

/// Runs a decoder; its panic is a fault of the image, too.
fn guarded<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        let message = (panic.downcast_ref::<String>().map(String::as_str))
            .or(panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(format!(
            "unsupported image: the decoder failed: {message}; convert it to PNG or JPEG"
        ))
    })
}

fn reason(error: ImageError) -> String {
    let reason = match error {
        ImageError::Unsupported(error)
            if !matches!(
                error.kind(),
                UnsupportedErrorKind::Format(ImageFormatHint::Unknown)
            ) =>
        {
            format!("unsupported image: {error}; convert it to PNG or JPEG")
        }
        ImageError::Limits(error) => format!(
            "image too large: {error}; the limit is {} MiB",
            MAX_BYTES >> 20
        ),
        error => format!("corrupt image: {error}"),
    };
    // Some decoders end theirs with a line break.
    reason.trim_end().to_owned()
}
