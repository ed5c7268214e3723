//! Boxes must follow the pixels that they enclose.

mod colour;

use std::borrow::Cow;

use ablate_detection::augment::{
    AugmentConfig, Example, GREY, Label, Letterbox, Source, augment, flip_left_right, flip_up_down,
    letterbox, mosaic, random_affine,
};
use ablate_detection::dataset::random::stream;
use ablate_detection::geometry::BBox;
use ablate_detection::mask::{Outline, Segmentation};
use image::{Rgb, RgbImage};

const RED: Rgb<u8> = Rgb([220, 20, 20]);
const GREEN: Rgb<u8> = Rgb([20, 220, 20]);

/// A green image with a red rectangle, labelled.
fn rectangle(width: u32, height: u32, bbox: [u32; 4]) -> Example {
    let [x1, y1, x2, y2] = bbox;
    let inside = |x, y| (x1..x2).contains(&x) && (y1..y2).contains(&y);
    let image = RgbImage::from_fn(width, height, |x, y| if inside(x, y) { RED } else { GREEN });
    let [x1, y1, x2, y2] = bbox.map(|side| side as f32);
    Example {
        image,
        labels: vec![Label::of_box(3, BBox::from_xyxy(x1, y1, x2, y2))],
    }
}

/// The box around all pixels that are more red than not, half a pixel at most too large or too
/// small on each side.
fn red_pixels(image: &RgbImage) -> Option<BBox> {
    let mut bbox: Option<BBox> = None;
    for (x, y, pixel) in image.enumerate_pixels() {
        if pixel[0] > 150 && pixel[1] < 100 {
            let own = BBox::from_xywh(x as f32, y as f32, 1.0, 1.0);
            bbox = Some(bbox.map_or(own, |b| {
                BBox::from_xyxy(
                    b.x1.min(own.x1),
                    b.y1.min(own.y1),
                    b.x2.max(own.x2),
                    b.y2.max(own.y2),
                )
            }));
        }
    }
    bbox
}

fn assert_close(bbox: &BBox, pixels: &BBox, tolerance: f32, case: &str) {
    let off = [
        bbox.x1 - pixels.x1,
        bbox.y1 - pixels.y1,
        bbox.x2 - pixels.x2,
        bbox.y2 - pixels.y2,
    ];
    assert!(
        off.iter().all(|off| off.abs() <= tolerance),
        "{case}: box {bbox:?}, pixels {pixels:?}"
    );
}

#[test]
fn letterbox_centres_and_maps_back() {
    let original = rectangle(200, 100, [20, 10, 120, 60]);
    let frame = Letterbox::new((200, 100), 64);
    assert_eq!((frame.pad, frame.scale), ((0, 16), (0.32, 0.32)));
    let small = image::imageops::thumbnail(&original.image, 64, 32);
    let square = letterbox(&small, (64, 64));
    assert_eq!(square.dimensions(), (64, 64));
    assert_eq!(
        [*square.get_pixel(5, 15), *square.get_pixel(5, 48)],
        [GREY; 2]
    );
    let network = frame.to_network(&original.labels[0].bbox);
    assert_close(
        &network,
        &red_pixels(&square).unwrap(),
        1.0,
        "to the network",
    );
    let back = frame.to_original(&network);
    assert_close(&back, &original.labels[0].bbox, 1e-3, "and back");
    let clipped = frame.to_original(&BBox::from_xyxy(-10.0, 0.0, 80.0, 64.0));
    assert_eq!(clipped, BBox::from_xyxy(0.0, 0.0, 200.0, 100.0));
}

#[test]
fn letterbox_enlarges_small_images_and_puts_the_odd_pixel_last() {
    let frame = Letterbox::new((10, 7), 20);
    assert_eq!(frame.scale, (2.0, 2.0));
    assert_eq!(frame.pad, (0, 3));
    let frame = Letterbox::new((20, 13), 20);
    assert_eq!(frame.pad, (0, 3));
    let square = letterbox(&RgbImage::from_pixel(20, 13, RED), (20, 20));
    assert_eq!(
        red_pixels(&square).unwrap(),
        BBox::from_xyxy(0.0, 3.0, 20.0, 16.0)
    );
}

#[test]
fn flips_move_boxes_with_pixels() {
    let mut example = rectangle(60, 40, [5, 8, 25, 30]);
    flip_left_right(&mut example);
    assert_eq!(
        example.labels[0].bbox,
        BBox::from_xyxy(35.0, 8.0, 55.0, 30.0)
    );
    assert_eq!(red_pixels(&example.image).unwrap(), example.labels[0].bbox);
    flip_up_down(&mut example);
    assert_eq!(red_pixels(&example.image).unwrap(), example.labels[0].bbox);
    assert_eq!(example.labels[0].class, 3);
}

#[test]
fn scale_and_shift_move_boxes_with_pixels() {
    let config = AugmentConfig::default();
    let mut kept = 0;
    for case in 0..200 {
        let example = rectangle(96, 96, [20, 40, 70, 64]);
        let out = random_affine(&example, 96, &config, &mut stream(1, 0, 0, case));
        let Some(label) = out.labels.first() else {
            continue;
        };
        kept += 1;
        // Bilinear edges are half as red within half a pixel: without turning nothing more may be
        // off.
        assert_close(
            &label.bbox,
            &red_pixels(&out.image).unwrap(),
            1.0,
            &format!("case {case}"),
        );
    }
    assert!(kept > 190, "{kept}");
}

#[test]
fn any_affine_map_keeps_pixels_in_their_box() {
    let config = AugmentConfig {
        degrees: 30.0,
        shear: 10.0,
        perspective: 0.0005,
        ..AugmentConfig::default()
    };
    for case in 0..200 {
        // Its box after turning touches its corners, which bilinear sampling blurs.
        let example = rectangle(96, 96, [30, 40, 70, 60]);
        let out = random_affine(&example, 96, &config, &mut stream(2, 0, 0, case));
        let (Some(label), Some(red)) = (out.labels.first(), red_pixels(&out.image)) else {
            continue;
        };
        assert_close(&label.bbox, &red, 2.5, &format!("case {case}"));
    }
}

#[test]
fn without_gains_the_affine_step_changes_nothing() {
    let example = rectangle(64, 64, [10, 20, 30, 50]);
    let none = AugmentConfig::none();
    let out = random_affine(&example, 64, &none, &mut stream(3, 0, 0, 0));
    assert_eq!((out.image, out.labels), (example.image, example.labels));
    // And from twice the side it takes the middle, pixel by pixel.
    let large = rectangle(128, 128, [40, 40, 80, 90]);
    let out = random_affine(&large, 64, &none, &mut stream(3, 0, 0, 0));
    let middle = image::imageops::crop_imm(&large.image, 32, 32, 64, 64).to_image();
    assert_eq!(out.image, middle);
    assert_eq!(out.labels[0].bbox, BBox::from_xyxy(8.0, 8.0, 48.0, 58.0));
}

#[test]
fn boxes_of_which_too_little_is_left_are_dropped() {
    let none = AugmentConfig::none();
    let kept = |bbox: [u32; 4]| {
        !random_affine(
            &rectangle(128, 128, bbox),
            64,
            &none,
            &mut stream(4, 0, 0, 0),
        )
        .labels
        .is_empty()
    };
    // The middle is 32..96.
    assert!(kept([40, 40, 43, 43]));
    assert!(!kept([40, 40, 42, 50]), "a side of 2 pixels");
    assert!(!kept([0, 40, 34, 50]), "34 pixels wide, 2 of them left");
    assert!(!kept([0, 40, 35, 50]), "less than a tenth");
    assert!(kept([0, 40, 36, 50]));
    assert!(!kept([0, 0, 20, 20]), "outside");
}

#[test]
fn mosaic_places_all_four_around_its_point() {
    let parts: Vec<Example> = [
        [4, 6, 30, 40],
        [10, 10, 50, 30],
        [20, 5, 60, 28],
        [2, 2, 62, 30],
    ]
    .map(|b| rectangle(64, 48, b))
    .into();
    for case in 0..50 {
        for alone in 0..4 {
            // All but one have no red, so that what is red belongs to its label.
            let blank = RgbImage::from_pixel(64, 48, GREEN);
            let part = |n: usize| {
                let labels: &[Label] = if n == alone { &parts[n].labels } else { &[] };
                (if n == alone { &parts[n].image } else { &blank }, labels)
            };
            let out = mosaic(
                [part(0), part(1), part(2), part(3)],
                64,
                &mut stream(5, 0, 0, case),
            );
            assert_eq!(out.image.dimensions(), (128, 128));
            assert_eq!(out.labels.len(), 1);
            if let Some(red) = red_pixels(&out.image) {
                assert_eq!(red, out.labels[0].bbox, "case {case} part {alone}");
            } else {
                assert_eq!(out.labels[0].bbox.area(), 0.0);
            }
        }
    }
}

/// A green image with a red triangle that leans to the right, labelled with its outline.
fn triangle(width: u32, height: u32) -> Example {
    let corners = [[0.15, 0.7], [0.85, 0.2], [0.7, 0.9]]
        .map(|[x, y]| [x * f64::from(width), y * f64::from(height)]);
    let outline = Outline::of(&Segmentation::Polygons(vec![corners.to_vec()]));
    let mut image = RgbImage::from_pixel(width, height, GREEN);
    outline.fill(height as usize, width as usize, 1.0, |y, columns| {
        columns.for_each(|x| image.put_pixel(x as u32, y as u32, RED))
    });
    let bbox = outline.bounds().unwrap();
    Example {
        image,
        labels: vec![Label {
            class: 3,
            bbox,
            outline,
        }],
    }
}

/// Of the red pixels and those inside the outlines, how many are both.
fn outline_overlap(example: &Example) -> f64 {
    let (width, height) = (
        example.image.width() as usize,
        example.image.height() as usize,
    );
    let mut inside = vec![false; width * height];
    for label in &example.labels {
        label.outline.fill(height, width, 1.0, |row, columns| {
            inside[row * width..][columns].fill(true)
        });
    }
    let red: Vec<bool> = example
        .image
        .pixels()
        .map(|pixel| pixel[0] > 120 && pixel[1] < 120)
        .collect();
    let count = |test: fn(bool, bool) -> bool| {
        red.iter()
            .zip(&inside)
            .filter(|(a, b)| test(**a, **b))
            .count() as f64
    };
    count(|a, b| a && b) / count(|a, b| a || b)
}

#[test]
fn outlines_follow_their_pixels() {
    let source = Rectangles(vec![triangle(96, 96), triangle(96, 60), triangle(70, 96)]);
    let config = AugmentConfig {
        degrees: 30.0,
        shear: 10.0,
        perspective: 0.0005,
        flipud: 0.5,
        mosaic: 0.6,
        ..AugmentConfig::default()
    };
    let config = AugmentConfig {
        hsv_h: 0.0,
        hsv_s: 0.0,
        hsv_v: 0.0,
        ..config
    };
    let mut seen = 0;
    for case in 0..200 {
        let out = augment(
            &source,
            case % 3,
            96,
            &config,
            &mut stream(11, 0, 0, case as u64),
        );
        for label in &out.labels {
            let bounds = label.outline.bounds().unwrap();
            assert_close(
                &label.bbox,
                &bounds,
                1e-3,
                "the box is that around the outline",
            );
        }
        if red_pixels(&out.image).is_some() && !out.labels.is_empty() {
            let overlap = outline_overlap(&out);
            // Dropped objects' pixels stay in the image, and small ones are mostly edge.
            let most = out
                .labels
                .iter()
                .map(|label| label.bbox.area())
                .sum::<f32>();
            assert!(most < 400.0 || overlap > 0.85, "{case}: {overlap}");
            seen += 1;
        }
    }
    assert!(seen > 150, "{seen}");
}

/// Images of several shapes, each with a rectangle.
struct Rectangles(Vec<Example>);

impl Source for Rectangles {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn image(&self, index: usize) -> Cow<'_, RgbImage> {
        Cow::Borrowed(&self.0[index].image)
    }
    fn labels(&self, index: usize) -> &[Label] {
        &self.0[index].labels
    }
}

#[test]
fn the_whole_recipe_keeps_boxes_inside_and_is_fixed_by_its_stream() {
    let source = Rectangles(vec![
        rectangle(64, 40, [5, 5, 40, 30]),
        rectangle(30, 64, [2, 20, 28, 60]),
        rectangle(64, 64, [8, 8, 60, 60]),
    ]);
    let config = AugmentConfig {
        degrees: 10.0,
        mixup: 0.5,
        flipud: 0.5,
        mosaic: 0.7,
        ..AugmentConfig::default()
    };
    let mut labels = 0;
    for case in 0..100 {
        let run = || {
            augment(
                &source,
                case % 3,
                64,
                &config,
                &mut stream(9, 0, 0, case as u64),
            )
        };
        let (out, again) = (run(), run());
        assert_eq!((&out.image, &out.labels), (&again.image, &again.labels));
        assert_eq!(out.image.dimensions(), (64, 64));
        labels += out.labels.len();
        for Label { bbox: b, .. } in out.labels {
            assert!(
                b.x1 >= 0.0
                    && b.y1 >= 0.0
                    && b.x2 <= 64.0
                    && b.y2 <= 64.0
                    && b.x1 < b.x2
                    && b.y1 < b.y2
            );
        }
    }
    assert!(labels > 150, "{labels}");
}

#[test]
fn without_augmentation_an_image_is_only_letterboxed() {
    let source = Rectangles(vec![rectangle(64, 40, [5, 5, 40, 30])]);
    let out = augment(
        &source,
        0,
        64,
        &AugmentConfig::none(),
        &mut stream(10, 0, 0, 0),
    );
    assert_eq!(out.image, letterbox(&source.0[0].image, (64, 64)));
    assert_eq!(out.labels[0].bbox, BBox::from_xyxy(5.0, 17.0, 40.0, 42.0));
}

#[test]
fn settings_have_yolov5s_names_and_unknown_ones_are_refused() {
    let config: AugmentConfig = serde_yaml::from_str("{degrees: 5, mosaic: 0.5}").unwrap();
    assert_eq!(
        config,
        AugmentConfig {
            degrees: 5.0,
            mosaic: 0.5,
            ..AugmentConfig::default()
        }
    );
    assert!(config.validate().is_ok());
    let error = serde_yaml::from_str::<AugmentConfig>("mozaic: 1")
        .unwrap_err()
        .to_string();
    assert!(error.contains("mozaic"), "{error}");
    let refused = |config: AugmentConfig| config.validate().unwrap_err().to_string();
    assert!(
        refused(AugmentConfig {
            copy_paste: 1.1,
            ..config.clone()
        })
        .contains("copy_paste")
    );
    assert!(
        refused(AugmentConfig {
            mosaic: 1.5,
            ..config.clone()
        })
        .contains("mosaic: expected 0 to 1, found 1.5")
    );
    assert!(
        refused(AugmentConfig {
            scale: f64::NAN,
            ..config
        })
        .contains("scale")
    );
}
