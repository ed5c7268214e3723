//! Masks against those of pycocotools 2.0.11.

use std::path::PathBuf;

use ablate_detection::mask::{Rle, Segmentation};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

fn fixture(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/coco_map")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn size(case: &Value) -> (usize, usize) {
    (
        case["height"].as_u64().unwrap() as usize,
        case["width"].as_u64().unwrap() as usize,
    )
}

/// Blots of a random density, now and then nothing or everything.
fn random_pixels(rng: &mut ChaCha8Rng, height: usize, width: usize) -> Vec<bool> {
    let density = [0.0, 0.02, 0.5, 0.9, 1.0][rng.random_range(0..5)];
    (0..height * width)
        .map(|_| rng.random_bool(density))
        .collect()
}

/// Polygons beyond the image, on its border, without area, of many parts; at fractions of pixels.
#[test]
fn polygons() {
    for (index, case) in fixture("mask_shapes.json")
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let (height, width) = size(case);
        let masks = case["masks"].as_array().unwrap().iter().map(|expected| {
            let segmentation: Segmentation =
                serde_json::from_value(expected["polygons"].clone()).unwrap();
            let mask = segmentation.to_rle(height, width).unwrap();
            let what = format!("case {index}, {}", expected["polygons"]);
            assert_eq!(
                mask.to_compressed(),
                expected["compressed"].as_str().unwrap(),
                "{what}"
            );
            assert_eq!(mask.area(), expected["area"].as_u64().unwrap(), "{what}");
            assert_eq!(json!(mask.bbox()), expected["bbox"], "{what}");
            mask
        });
        let masks: Vec<_> = masks.collect();
        for (detection, row) in masks.iter().zip(case["iou"].as_array().unwrap()) {
            for (place, truth) in masks.iter().enumerate() {
                let crowd = case["crowds"][place] == 1;
                assert_eq!(
                    Some(detection.iou(truth, crowd)),
                    row[place].as_f64(),
                    "case {index}, object {place}"
                );
            }
        }
    }
}

#[test]
fn pixels_counts_and_strings_are_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..500 {
        let (height, width) = (rng.random_range(1..40), rng.random_range(1..40));
        let pixels = random_pixels(&mut rng, height, width);
        let mask = Rle::from_pixels(&pixels, height, width);
        assert_eq!(mask.to_pixels(), pixels);
        assert_eq!(
            mask.area(),
            pixels.iter().filter(|&&inside| inside).count() as u64
        );
        assert_eq!(
            Rle::from_compressed(&mask.to_compressed(), height, width).unwrap(),
            mask
        );
        let mut counts = vec![0_u32];
        for (index, inside) in (0..height * width)
            .map(|at| pixels[at % height * width + at / height])
            .enumerate()
        {
            // Even places count pixels outside. A run of one is cut in two by an empty one, which
            // makes no difference.
            if inside == (counts.len() % 2 == 1) || (index % 7 == 0 && counts.len() > 1) {
                counts.extend(if inside == (counts.len() % 2 == 1) {
                    vec![0]
                } else {
                    vec![0, 0]
                });
            }
            *counts.last_mut().unwrap() += 1;
        }
        assert_eq!(Rle::from_counts(counts, height, width).unwrap(), mask);
    }
}

#[test]
fn unions_and_overlaps_are_those_of_the_pixels() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..300 {
        let (height, width) = (rng.random_range(1..20), rng.random_range(1..20));
        let [a, b] = [(); 2].map(|()| random_pixels(&mut rng, height, width));
        let [left, right] = [&a, &b].map(|pixels| Rle::from_pixels(pixels, height, width));
        let either: Vec<_> = a.iter().zip(&b).map(|(a, b)| a | b).collect();
        let union = Rle::union(&[left.clone(), right.clone()]).unwrap();
        assert_eq!(union, Rle::from_pixels(&either, height, width));
        let both = a.iter().zip(&b).filter(|(a, b)| **a && **b).count() as f64;
        let ratio = |whole: u64| {
            if both == 0.0 {
                0.0
            } else {
                both / whole as f64
            }
        };
        assert_eq!(left.iou(&right, false), ratio(union.area()));
        assert_eq!(left.iou(&right, true), ratio(left.area()));
    }
}

#[test]
fn damaged_strings_are_refused_and_never_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut refused = 0;
    for _ in 0..5_000 {
        let (height, width) = (rng.random_range(1..30), rng.random_range(1..30));
        let mut text = Rle::from_pixels(&random_pixels(&mut rng, height, width), height, width)
            .to_compressed()
            .into_bytes();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..text.len());
            match rng.random_range(0..4) {
                0 => text[at] = rng.random_range(0..128),
                1 => text.truncate(at.max(1)),
                2 => text.insert(at, b'o'),
                _ => text[at] ^= 1 << rng.random_range(0..6),
            }
        }
        let read = Rle::from_compressed(&String::from_utf8(text).unwrap(), height, width);
        refused += usize::from(read.is_err());
        assert!(read.is_err() || read.is_ok_and(|mask| mask.to_pixels().len() == height * width));
    }
    assert!(refused > 4_000, "{refused}");
}

#[test]
fn what_is_wrong_with_a_string() {
    let problem = |text: &str| Rle::from_compressed(text, 2, 3).unwrap_err();
    assert!(problem("").contains("add up to 0, an image of height 2 and width 3 has 6 pixels"));
    assert!(problem("7").contains("add up to 7"));
    assert!(problem("1o").contains("ends within the number that begins at character 1"));
    assert!(problem("1 4").contains("0x20 at character 1"));
    assert!(problem("1é").contains("0xc3 at character 1"));
    assert!(problem("oooooooo0").contains("longer than 7 characters"));
    assert!(problem("O").contains("the count at character 0 is -1"));
    assert_eq!(
        Rle::from_compressed("204", 2, 3).unwrap(),
        Rle::from_compressed("6", 2, 3).unwrap()
    );
}

#[test]
fn masks_without_a_pixel() {
    let empty = Rle::from_polygons(&[], 4, 5);
    assert_eq!(
        (empty.area(), empty.bbox(), empty.to_compressed()),
        (0, [0.0; 4], "d0".into())
    );
    assert_eq!(empty.iou(&empty, false), 0.0);
    assert_eq!(empty.iou(&Rle::from_pixels(&[true; 20], 4, 5), true), 0.0);
    for mask in [
        Rle::from_pixels(&[], 0, 5),
        Rle::from_pixels(&[], 5, 0),
        Rle::from_polygons(&[vec![[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]]], 0, 0),
    ] {
        assert_eq!(
            (mask.area(), mask.bbox(), mask.to_pixels()),
            (0, [0.0; 4], vec![])
        );
    }
    assert!(Rle::union(&[]).is_err());
    assert!(Rle::union(&[empty.clone(), Rle::from_polygons(&[], 5, 4)]).is_err());
    assert_eq!(empty.iou(&Rle::from_pixels(&[true; 20], 5, 4), true), 0.0);
}

/// Nothing that a file can hold takes long or overflows.
#[test]
fn absurd_polygons() {
    let far = [
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NAN,
        1e300,
        -1e12,
        3.0,
    ];
    for x in far {
        for y in far {
            let polygon = vec![[0.0, 0.0], [x, y], [2.0, 5.0], [y, x]];
            assert!(Rle::from_polygons(&[polygon], 6, 7).area() <= 42);
        }
    }
    let all = [[-1e15, -1e15], [-1e15, 1e15], [1e15, 1e15], [1e15, -1e15]];
    assert_eq!(Rle::from_polygons(&[all.to_vec()], 6, 7).area(), 42);
}

#[test]
fn what_segmentation_may_hold() {
    let read = |value: Value| {
        serde_json::from_value::<Segmentation>(value).map_err(|error| error.to_string())
    };
    let compressed = read(json!({ "size": [2, 3], "counts": "222" })).unwrap();
    assert_eq!(
        compressed,
        read(json!({ "size": [2, 3], "counts": [2, 2, 2] })).unwrap()
    );
    assert_eq!(
        compressed.to_rle(2, 3).unwrap().to_pixels(),
        [false, true, false, false, true, false]
    );
    assert_eq!(
        read(json!([[0, 0, 0, 2, 1.5, 2]])).unwrap(),
        Segmentation::Polygons(vec![vec![[0.0, 0.0], [0.0, 2.0], [1.5, 2.0]]])
    );
    assert!(
        compressed
            .to_rle(3, 2)
            .unwrap_err()
            .contains("size is [2, 3], but its image has height 3 and width 2")
    );

    // Without the brackets of the list, and with an empty part.
    let triangle = read(json!([[0, 0, 0, 2, 2, 2]])).unwrap();
    assert_eq!(read(json!([0, 0, 0, 2, 2.0, 2])).unwrap(), triangle);
    assert_eq!(read(json!([[0, 0, 0, 2, 2, 2], []])).unwrap(), triangle);

    for (value, problem) in [
        (
            json!(null),
            "a list of polygons or {size: [height, width], counts}",
        ),
        (json!([]), "no polygon"),
        (json!([[]]), "no polygon"),
        (json!([0, 0, 2, 2]), "4 numbers, expected 6 or more"),
        (json!([[0, 0, 0, 2, 2, 2], 1]), "numbers beside polygons"),
        (json!([[[0, 0], [0, 2], [2, 2]]]), "expected f64"),
        (json!([[0, 0, 2, 2]]), "4 numbers, expected 6 or more"),
        (json!([[0, 0, 0, 2, 2, 2, 1]]), "7 numbers, expected pairs"),
        (json!([[0, 0, 0, 2, 2, "2"]]), "expected f64"),
        (json!({ "counts": [6] }), "missing field `size`"),
        (json!({ "size": [2, 3] }), "missing field `counts`"),
        (
            json!({ "size": [2, 3], "counts": [5] }),
            "counts: the counts add up to 5",
        ),
        (json!({ "size": [2, 3], "counts": [7, -1] }), "expected u32"),
        (
            json!({ "size": [2, 3], "counts": 6 }),
            "a list of whole numbers or a compressed string",
        ),
        (
            json!({ "size": [2, 3], "counts": "?" }),
            "counts: the counts add up to 15",
        ),
        (
            json!({ "size": [1 << 20, 1 << 20], "counts": [6] }),
            "more pixels than a mask can count",
        ),
    ] {
        let error = read(value.clone()).unwrap_err();
        assert!(error.contains(problem), "{value}: {error}");
    }
}
