use ablate_detection::augment::{AugmentConfig, Example, mixup, random_hsv};
use ablate_detection::dataset::random::{Draw, stream};
use image::{Rgb, RgbImage};

use crate::rectangle;

#[test]
fn hsv_leaves_grey_grey_and_turns_nothing_by_nothing() {
    let colors = RgbImage::from_fn(64, 64, |x, y| {
        Rgb([x as u8 * 4, y as u8 * 4, (x * y) as u8])
    });
    let mut same = colors.clone();
    random_hsv(&mut same, &AugmentConfig::none(), &mut stream(6, 0, 0, 0));
    assert_eq!(same, colors);
    // A gain too small to matter goes the whole way there and back.
    let mut near = colors.clone();
    let tiny = AugmentConfig {
        hsv_h: 1e-9,
        hsv_s: 1e-9,
        hsv_v: 1e-9,
        ..AugmentConfig::none()
    };
    random_hsv(&mut near, &tiny, &mut stream(6, 0, 0, 0));
    assert_eq!(near, colors);
    let mut grey = RgbImage::from_pixel(4, 4, Rgb([100; 3]));
    random_hsv(
        &mut grey,
        &AugmentConfig::default(),
        &mut stream(6, 0, 0, 1),
    );
    let [r, g, b] = grey.get_pixel(0, 0).0;
    assert!(
        r == g && g == b && r != 100,
        "only brighter or darker: {r} {g} {b}"
    );
}

#[test]
fn hsv_multiplies_saturation_and_value() {
    // With a known stream the gains are known: hue, saturation and value in this order.
    let config = AugmentConfig {
        hsv_h: 0.0,
        ..AugmentConfig::default()
    };
    for case in 0..50 {
        let mut rng = stream(7, 0, 0, case);
        let [_, s, v] = [0.0, 0.7, 0.4].map(|gain| 1.0 + rng.uniform(-gain, gain));
        let mut image = RgbImage::from_pixel(1, 1, Rgb([160, 80, 80]));
        random_hsv(&mut image, &config, &mut stream(7, 0, 0, case));
        let value = (160.0 * v).min(255.0);
        let low = value * (1.0 - (0.5 * s).min(1.0));
        let expected = [value, low, low].map(|part| part.round() as u8);
        assert!(
            image
                .get_pixel(0, 0)
                .0
                .iter()
                .zip(expected)
                .all(|(a, b)| a.abs_diff(b) <= 1),
            "{case}"
        );
    }
}

#[test]
fn mixup_is_about_half_of_each_and_has_all_labels() {
    let (mut low, mut high) = (255, 0);
    for case in 0..200 {
        let one = Example {
            image: RgbImage::from_pixel(2, 2, Rgb([0; 3])),
            ..rectangle(2, 2, [0, 0, 1, 1])
        };
        let two = Example {
            image: RgbImage::from_pixel(2, 2, Rgb([200; 3])),
            ..rectangle(2, 2, [1, 1, 2, 2])
        };
        let mixed = mixup(one, &two, &mut stream(8, 0, 0, case));
        assert_eq!(mixed.labels.len(), 2);
        (low, high) = (
            low.min(mixed.image[(0, 0)][0]),
            high.max(mixed.image[(0, 0)][0]),
        );
    }
    // Beta(32, 32) has a standard deviation of 0.062: 200 draws reach out to 3 of them.
    assert!(
        (55..90).contains(&low) && (110..145).contains(&high),
        "{low} {high}"
    );
}
