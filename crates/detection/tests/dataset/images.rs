use std::io::Cursor;
use std::path::PathBuf;

use ablate_detection::dataset::{CachedDataset, ImageSource, Interpolation, Split};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage};

use crate::{Folder, names};

fn decode(path: PathBuf) -> Result<RgbImage, String> {
    ImageSource::File(path).decode()
}

pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/images")
        .join(name)
}

/// Left half red, right half blue.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 {
            Rgb([250, 0, 0])
        } else {
            Rgb([0, 0, 250])
        }
    })
}

#[test]
fn grey_and_16_bit_and_transparent_images_become_rgb() {
    let folder = Folder::new();
    let path = folder.path("grey.png");
    GrayImage::from_pixel(4, 4, Luma([77])).save(&path).unwrap();
    assert_eq!(decode(path).unwrap().get_pixel(1, 1).0, [77; 3]);

    let path = folder.path("deep.png");
    ImageBuffer::<Luma<u16>, _>::from_pixel(4, 4, Luma([0x4D4D]))
        .save(&path)
        .unwrap();
    assert_eq!(decode(path).unwrap().get_pixel(1, 1).0, [0x4D; 3]);

    let path = folder.path("clear.png");
    image::RgbaImage::from_pixel(4, 4, image::Rgba([1, 2, 3, 0]))
        .save(&path)
        .unwrap();
    assert_eq!(decode(path).unwrap().get_pixel(1, 1).0, [1, 2, 3]);

    let path = folder.path("clear_grey.png");
    ImageBuffer::<LumaA<u8>, _>::from_pixel(4, 4, LumaA([9, 0]))
        .save(&path)
        .unwrap();
    assert_eq!(decode(path).unwrap().get_pixel(1, 1).0, [9; 3]);

    let palette = decode(fixture("palette.png")).unwrap();
    assert_eq!(palette.get_pixel(1, 1).0, [0, 0, 250]);
}

#[test]
fn of_several_images_the_first_counts() {
    for name in ["animated.webp", "pages.tif", "big.tif"] {
        let image = decode(fixture(name)).unwrap();
        assert_eq!(image.dimensions(), (16, 8), "{name}");
        assert_eq!(image.get_pixel(1, 1).0, [250, 0, 0], "{name}");
    }
}

/// The range of floats is a matter of whoever wrote them.
#[test]
fn images_of_kinds_that_are_not_read_are_named() {
    let reason = decode(fixture("palette.tif")).unwrap_err();
    assert!(
        reason.starts_with("unsupported image: ")
            && reason.ends_with("; convert it to PNG or JPEG"),
        "{reason}"
    );

    let folder = Folder::new();
    let path = folder.path("floats.tiff");
    image::Rgb32FImage::from_pixel(4, 4, Rgb([100.0; 3]))
        .save(&path)
        .unwrap();
    let reason = decode(path).unwrap_err();
    assert!(reason.contains("32-bit floats"), "{reason}");
}

#[test]
fn the_header_of_a_huge_image_is_not_believed() {
    let folder = Folder::new();
    let path = folder.image("images/bomb.bmp", 4, 4);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[18..26].copy_from_slice(&[0x40, 0x9C, 0, 0, 0x40, 0x9C, 0, 0]);
    std::fs::write(&path, bytes).unwrap();
    folder.image("images/a.png", 4, 4);
    folder.write("labels/a.txt", "0 0.5 0.25 1 0.5\n");
    folder.write("data.yaml", "train: images\nnames: [thing]\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    let reason =
        "image too large: its header says 40000×40000, the limit is 178956970 pixels".to_owned();
    assert_eq!(
        crate::problems(&set),
        [("bomb.bmp".to_owned(), None, reason.clone())]
    );
    assert_eq!(decode(path).unwrap_err(), reason);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_image() {
    let reason = decode("/dev/zero".into()).unwrap_err();
    assert_eq!(reason, "unreadable image: expected a file");
}

/// Of a printer's colours, saved by Pillow: red on the left, blue on the right.
#[test]
fn a_cmyk_jpeg_becomes_rgb() {
    let image = decode(fixture("cmyk.jpg")).unwrap();
    assert_eq!(image.dimensions(), (32, 16));
    for (x, expected) in [(4, [220, 30, 20]), (28, [20, 40, 230])] {
        let found = image.get_pixel(x, 8).0;
        let near = found
            .iter()
            .zip(expected)
            .all(|(a, b): (&u8, u8)| a.abs_diff(b) < 12);
        assert!(near, "{found:?}, {expected:?} was expected");
    }
}

/// Adds an EXIF block that says: turn by 90° clockwise (orientation 6).
pub fn turn(jpeg: &mut Vec<u8>) {
    let tiff =
        [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".as_slice()].concat();
    let length = (2 + 6 + tiff.len()) as u16;
    let exif = [
        &[0xFF, 0xE1],
        length.to_be_bytes().as_slice(),
        b"Exif\0\0",
        &tiff,
    ]
    .concat();
    jpeg.splice(2..2, exif);
}

#[test]
fn a_camera_held_upright_gives_an_upright_image() {
    let mut jpeg = Vec::new();
    DynamicImage::from(halves(32, 16))
        .write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg)
        .unwrap();
    turn(&mut jpeg);
    let folder = Folder::new();
    std::fs::write(folder.path("images/turned.jpg"), jpeg).unwrap();
    folder.write("labels/turned.txt", "0 0.5 0.25 1 0.5\n");
    folder.write("data.yaml", "train: images\nnames: [red]\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!((set.samples[0].width, set.samples[0].height), (16, 32));
    let image = set.samples[0].source.decode().unwrap();
    assert_eq!(image.dimensions(), (16, 32));
    let top = image.get_pixel(8, 4).0;
    assert!(
        top[0] > 200 && top[2] < 50,
        "the left half is the upper one now: {top:?}"
    );
}

fn cacheable() -> Folder {
    let folder = Folder::new();
    folder.image("images/small.png", 20, 10);
    folder.image("images/tall.jpg", 100, 200);
    let broken = folder.image("images/broken.png", 30, 30);
    // The header is fine, the pixels are not.
    let bytes = std::fs::read(&broken).unwrap();
    std::fs::write(broken, &bytes[..bytes.len() / 2]).unwrap();
    for name in ["small", "tall", "broken"] {
        folder.write(&format!("labels/{name}.txt"), "0 0.5 0.25 0.5 0.5\n");
    }
    folder.write("data.yaml", "train: images\nnames: [thing]\n");
    folder
}

#[test]
fn the_cache_fits_the_longer_side_and_leaves_out_what_cannot_be_decoded() {
    let folder = cacheable();
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(set.samples.len(), 3, "headers are fine");
    let cached = CachedDataset::open(set, 50, Interpolation::Linear).unwrap();
    assert_eq!(
        names(cached.dataset()),
        ["images/small.png", "images/tall.jpg"]
    );
    assert_eq!(cached.dataset().problems.images(), 1);
    assert!(
        cached
            .dataset()
            .problems
            .summary(1)
            .contains("broken.png: corrupt image")
    );
    assert_eq!(cached.image(0).dimensions(), (50, 25), "enlarged");
    assert_eq!(cached.image(1).dimensions(), (25, 50));
    let bbox = cached.labels(1)[0].bbox;
    assert_eq!(
        [bbox.x1, bbox.y1, bbox.x2, bbox.y2],
        [6.25, 0.0, 18.75, 25.0]
    );
}

#[test]
fn beyond_its_limit_the_cache_decodes_again() {
    let folder = cacheable();
    let open = |limit| {
        CachedDataset::open_within(
            folder.open("data.yaml", Split::Train).unwrap(),
            50,
            Interpolation::Area,
            limit,
        )
        .unwrap()
    };
    let (all, none) = (open(1 << 20), open(0));
    for index in 0..2 {
        assert_eq!(all.image(index), none.image(index));
    }
    none.check().unwrap();
    let small = folder.path("images/small.png");
    let aside = folder.path("aside.png");
    std::fs::rename(&small, &aside).unwrap();
    assert_eq!(all.image(0).dimensions(), (50, 25));
    all.check().unwrap();
    assert_eq!(none.image(0).get_pixel(3, 3).0, [114; 3], "gone since");
    let error = none.check().unwrap_err().to_string();
    assert!(
        error.contains("small.png: it could be decoded at first, but not any more: "),
        "{error}"
    );

    // It is back for the next who goes through the images.
    std::fs::rename(&aside, &small).unwrap();
    assert_eq!(none.image(0), all.image(0));
    none.check().unwrap_err();
    none.begin();
    none.check().unwrap();
}

/// What people have under the names of images.
#[test]
fn what_is_no_image_is_told_apart() {
    let folder = Folder::new();
    let reason = |bytes: &[u8]| {
        let path = folder.path("a.jpg");
        std::fs::write(&path, bytes).unwrap();
        decode(path).unwrap_err()
    };
    for (bytes, found) in [
        (&b""[..], "found an empty file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "found a HEIC image"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
            "found a pointer of Git LFS",
        ),
        (b"\n<!DOCTYPE html><html>", "found an HTML page"),
    ] {
        let reason = reason(bytes);
        assert!(reason.starts_with("no image: expected one, "), "{reason}");
        assert!(reason.contains(found), "{reason}");
    }
    assert!(reason(b"some text").starts_with("corrupt image: "));
}
