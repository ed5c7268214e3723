//! Images at another size, against OpenCV 4.11's `resize`.

use std::{fs, path::Path};

use ablate_detection::dataset::{Interpolation, resample};
use image::{Rgb, RgbImage};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    /// `INTER_LINEAR` or `INTER_AREA`.
    interpolation: String,
    old: [u32; 2],
    new: [usize; 2],
    pixels: Vec<u8>,
}

fn drawn(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|c| (x * x * 7 + y * y * 13 + x * y * 5 + c * 71) as u8))
    })
}

/// Linear ones exactly; a mean may round to its neighbour, since OpenCV adds in another order.
#[test]
fn pixels_are_those_of_opencv() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resample.json");
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    for Case {
        interpolation,
        old,
        new,
        pixels,
    } in cases
    {
        let kind = if interpolation == "area" {
            Interpolation::Area
        } else {
            Interpolation::Linear
        };
        let resized = resample(drawn(old[0], old[1]), new[0], new[1], kind);
        assert_eq!(resized.dimensions(), (new[0] as u32, new[1] as u32));
        let off = resized
            .as_raw()
            .iter()
            .zip(&pixels)
            .map(|(a, b)| a.abs_diff(*b));
        let (most, some) = (
            off.clone().max().unwrap(),
            off.filter(|&off| off > 0).count(),
        );
        let allowed = if kind == Interpolation::Area {
            pixels.len() / 100
        } else {
            0
        };
        assert!(
            most <= 1 && some <= allowed,
            "{interpolation} {old:?} to {new:?}: {some} of {} values, by {most}",
            pixels.len()
        );
    }
}

#[test]
fn one_pixel_and_the_same_size() {
    let image = drawn(9, 7);
    assert_eq!(resample(image.clone(), 9, 7, Interpolation::Area), image);
    for kind in [Interpolation::Linear, Interpolation::Area] {
        assert_eq!(
            resample(drawn(1, 1), 4, 3, kind).get_pixel(3, 2),
            drawn(1, 1).get_pixel(0, 0)
        );
        assert_eq!(resample(image.clone(), 1, 1, kind).dimensions(), (1, 1));
        // 8192 by 3 pixels to 50 by 1.
        assert_eq!(
            resample(RgbImage::from_pixel(8192, 3, Rgb([200; 3])), 50, 1, kind)
                .get_pixel(49, 0)
                .0,
            [200; 3]
        );
    }
}
