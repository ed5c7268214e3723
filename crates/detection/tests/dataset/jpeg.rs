//! JPEGs as cameras and broken copies leave them: bytes behind the end, no end, half the picture.

use ablate_detection::dataset::ImageSource;
use image::RgbImage;

use crate::Folder;
use crate::broken::Breaker;
use crate::images::fixture;

/// Baseline, in many scans, with restart markers.
const KINDS: [&str; 3] = ["baseline.jpg", "progressive.jpg", "restarts.jpg"];

const CUT: &str = "corrupt image: JPEG data end before the image does";

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn decode(bytes: &[u8]) -> Result<RgbImage, String> {
    let folder = Folder::new();
    let path = folder.path("a.jpg");
    std::fs::write(&path, bytes).unwrap();
    ImageSource::File(path).decode()
}

#[test]
fn bytes_behind_the_end_do_no_harm() {
    for name in KINDS {
        let jpeg = bytes(name);
        let whole = decode(&jpeg).unwrap();
        assert!(
            whole == image::open(fixture(name)).unwrap().into_rgb8(),
            "{name}"
        );
        for more in [
            b"\xFF\xDA\0\x08ftypmp42".as_slice(),
            b"\xFF\xD8\xFF",
            &bytes("cmyk.jpg"),
            &jpeg[..jpeg.len() / 2],
            &[0; 64],
        ] {
            let found = decode(&[jpeg.as_slice(), more].concat());
            assert!(found.as_ref() == Ok(&whole), "{name}: {:?}", found.err());
        }
    }
}

#[test]
fn without_an_end_marker_the_picture_is_whole() {
    for name in KINDS {
        let jpeg = bytes(name);
        let whole = decode(&jpeg).unwrap();
        for cut in [1, 2] {
            let found = decode(&jpeg[..jpeg.len() - cut]);
            assert!(
                found.as_ref() == Ok(&whole),
                "{name}, {cut}: {:?}",
                found.err()
            );
        }
        // Another file goes on where the marker should be.
        let joined = [&jpeg[..jpeg.len() - 2], b"\xFF\xD8\xFF\xE0\0\x04ab"].concat();
        assert!(decode(&joined) == Ok(whole), "{name}");
    }
}

/// Wherever it is cut: the noise in these images has bits to its last block.
#[test]
fn half_a_picture_is_named() {
    for name in KINDS {
        let jpeg = bytes(name);
        // The last byte of the data may be filled up with bits that mean nothing.
        for length in (1..jpeg.len() - 3).step_by(3) {
            let reason = decode(&jpeg[..length]).unwrap_err();
            assert!(
                reason.starts_with("corrupt image: "),
                "{name}, {length}: {reason}"
            );
        }
        let half = &jpeg[..jpeg.len() * 2 / 3];
        assert_eq!(decode(half).unwrap_err(), CUT, "{name}");
        let video = [half, b"\xFF\xD8ftyp\xFF\xD9"].concat();
        assert_eq!(decode(&video).unwrap_err(), CUT, "{name}");
    }
    // A copy that was closed by whoever repaired it.
    let jpeg = bytes("baseline.jpg");
    let closed = [&jpeg[..jpeg.len() * 2 / 3], b"\xFF\xD9"].concat();
    assert_eq!(decode(&closed).unwrap_err(), CUT);
}

/// Grey at the bottom is a colour like others.
#[test]
fn a_grey_image_is_whole() {
    let folder = Folder::new();
    let path = folder.path("grey.jpg");
    let grey = RgbImage::from_pixel(40, 24, image::Rgb([128; 3]));
    grey.save(&path).unwrap();
    assert_eq!(ImageSource::File(path.clone()).decode(), Ok(grey.clone()));
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(decode(&bytes[..bytes.len() - 2]), Ok(grey));
}

/// Broken in every way, images are decoded or named; nothing panics.
#[test]
fn mutants_are_decoded_or_named() {
    let folder = Folder::new();
    let path = folder.path("mutant");
    let mut originals: Vec<Vec<u8>> = KINDS.map(bytes).to_vec();
    originals.extend(["cmyk.jpg", "animated.webp", "pages.tif", "palette.png"].map(bytes));
    originals.push(std::fs::read(folder.image("a.bmp", 20, 9)).unwrap());
    let (mut breaker, mut named) = (Breaker::new(5), 0);
    for number in 0..800 {
        let (this, next) = (number % originals.len(), (number * 3 + 1) % originals.len());
        let mutant = breaker.broken(&originals[this], &originals[next]);
        std::fs::write(&path, mutant).unwrap();
        let outcome = ImageSource::File(path.clone()).decode();
        if let Err(reason) = outcome {
            assert!(!reason.contains("the decoder failed"), "{number}: {reason}");
            named += 1;
        }
    }
    assert!((200..800).contains(&named), "{named}");
}
