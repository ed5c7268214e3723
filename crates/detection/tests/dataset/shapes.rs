use ablate_detection::dataset::shapes::{Scene, Shape, ShapesSpec};
use ablate_detection::dataset::{DataSpec, Dataset, Format, Split};
use ablate_detection::geometry::BBox;
use image::RgbImage;

use crate::Folder;

fn spec() -> ShapesSpec {
    let mut spec = ShapesSpec {
        imgsz: 96,
        ..ShapesSpec::default()
    };
    (spec.images.train, spec.images.val, spec.images.test) = (60, 30, 20);
    spec
}

/// Objects alone on a plain background without noise.
fn plain(shape: Shape) -> ShapesSpec {
    ShapesSpec {
        classes: vec![shape],
        objects: [1, 1],
        scale: [0.15, 0.6],
        texture: 0.0,
        clutter: 0,
        noise: 0.0,
        truncation: 0.0,
        rotation: 1.0,
        ..spec()
    }
}

#[test]
fn the_drawing_is_the_same_on_every_machine() {
    let mut hasher = blake3::Hasher::new();
    for index in 0..8 {
        let scene = Scene::new(&ShapesSpec::default(), Split::Train, index);
        hasher.update(scene.draw().as_raw());
        // As they were printed before there were masks.
        hasher.update(
            format!("{:?}", scene.annotations())
                .replace(", mask: None", "")
                .as_bytes(),
        );
    }
    // If the drawing is changed on purpose, raise DRAWING_VERSION too.
    assert_eq!(&hasher.finalize().to_hex()[..16], "ead251474a2a7ec3");
}

#[test]
fn boxes_are_tight_around_every_shape() {
    for shape in Shape::ALL {
        for index in 0..40 {
            let scene = Scene::new(&plain(shape), Split::Val, index);
            let [annotation] = scene.annotations().try_into().unwrap();
            let seen = differing(&scene.draw());
            let b = annotation.bbox;
            let off = [
                seen.x1 - b.x1,
                seen.y1 - b.y1,
                seen.x2 - b.x2,
                seen.y2 - b.y2,
            ];
            // Thin tips of a shape are fainter than the pixel they lie in.
            assert!(
                off.iter().all(|off| off.abs() <= 2.5),
                "{shape} {index}: {b:?} drawn {seen:?}"
            );
            assert!(seen.iou(&b) > 0.75, "{shape} {index}: {b:?} drawn {seen:?}");
        }
    }
}

/// The box around all pixels that differ from the first, which is background.
fn differing(image: &RgbImage) -> BBox {
    let background = image.get_pixel(0, 0).0;
    let mut bbox = BBox::from_xyxy(f32::MAX, f32::MAX, 0.0, 0.0);
    for (x, y, pixel) in image.enumerate_pixels() {
        if pixel
            .0
            .iter()
            .zip(background)
            .any(|(&a, b)| a.abs_diff(b) > 8)
        {
            let (x, y) = (x as f32, y as f32);
            bbox = BBox::from_xyxy(
                bbox.x1.min(x),
                bbox.y1.min(y),
                bbox.x2.max(x + 1.0),
                bbox.y2.max(y + 1.0),
            );
        }
    }
    bbox
}

#[test]
fn hidden_objects_are_not_annotated() {
    // Objects of one size, nearly as large as the image, may lie right on each other.
    let crowded = ShapesSpec {
        classes: vec![Shape::Square],
        objects: [6, 6],
        scale: [0.9, 0.9],
        stretch: 1.0,
        overlap: 1.0,
        rotation: 0.0,
        truncation: 0.0,
        ..spec()
    };
    for index in 0..20 {
        let found = Scene::new(&crowded, Split::Train, index).annotations();
        assert!(
            !found.is_empty() && found.len() < 6,
            "{index}: {}",
            found.len()
        );
        let all = ShapesSpec {
            min_visible: 0.0,
            ..crowded.clone()
        };
        let all = Scene::new(&all, Split::Train, index).annotations();
        assert!(all.len() >= found.len());
        // The last object lies on top, whole.
        assert!(found.contains(all.last().unwrap()));
    }
}

#[test]
fn splits_are_disjoint_and_deterministic() {
    let data = DataSpec::shapes(spec());
    let open = |split| Dataset::open(&data, split).unwrap();
    let sets = Split::ALL.map(open);
    assert_eq!(sets.each_ref().map(|set| set.samples.len()), [60, 30, 20]);
    let prints = sets.each_ref().map(Dataset::fingerprint);
    assert_eq!(prints, Split::ALL.map(|split| open(split).fingerprint()));
    let mut pictures: Vec<Vec<u8>> = sets
        .iter()
        .flat_map(|set| &set.samples)
        .map(|s| s.source.decode().unwrap().into_raw())
        .collect();
    pictures.sort();
    pictures.dedup();
    assert_eq!(pictures.len(), 110, "no image twice");
    let other = ShapesSpec { seed: 1, ..spec() };
    let other = Dataset::open(&DataSpec::shapes(other), Split::Val).unwrap();
    assert_ne!(other.fingerprint(), prints[1]);
    let first = |set: &Dataset| set.samples[0].source.decode().unwrap();
    assert_ne!(first(&other), first(&sets[1]));
}

#[test]
fn every_class_and_a_range_of_sizes_occur() {
    let set = Dataset::open(&DataSpec::shapes(spec()), Split::Train).unwrap();
    let mut counts = [0; 6];
    let (mut small, mut large) = (0, 0);
    for annotation in set.samples.iter().flat_map(|sample| &sample.annotations) {
        counts[annotation.class] += 1;
        let side = annotation.bbox.width().max(annotation.bbox.height());
        small += usize::from(side < 14.0);
        large += usize::from(side > 36.0);
        assert!(annotation.bbox.area() > 0.0);
        let b = annotation.bbox;
        assert!(b.x1 >= 0.0 && b.y1 >= 0.0 && b.x2 <= 96.0 && b.y2 <= 96.0);
    }
    assert!(counts.iter().all(|&count| count > 10), "{counts:?}");
    assert!(small > 10 && large > 10, "{small} small, {large} large");
}

#[test]
fn reads_its_yaml_and_refuses_nonsense() {
    let folder = Folder::new();
    folder.write(
        "tiny.yaml",
        "format: shapes\nimgsz: 32\nimages: {train: 3}\nclasses: [star, ring]\n",
    );
    let set = folder.open("tiny.yaml", Split::Train).unwrap();
    assert_eq!(
        (set.name.as_str(), set.samples.len(), set.samples[0].width),
        ("tiny", 3, 32)
    );
    assert_eq!(set.classes, ["star", "ring"]);
    for (yaml, part) in [
        ("overlap: 2", "`overlap`"),
        ("objects: [5, 2]", "`objects`"),
        ("scale: [0, 1]", "`scale`"),
        ("classes: []", "`classes`"),
        ("classes: [ring, ring]", "`classes`"),
        ("imgsz: 1", "`imgsz`"),
        ("imgzs: 64", "imgzs"),
        ("images: {test: 0}", "images.test"),
    ] {
        folder.write("bad.yaml", &format!("format: shapes\n{yaml}\n"));
        let error = folder
            .open("bad.yaml", Split::Test)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("bad.yaml") && error.contains(part),
            "{error}"
        );
    }
}

#[test]
fn the_word_shapes_means_the_built_in_set() {
    let Format::Shapes(spec) = DataSpec::load("shapes").unwrap().format else {
        panic!("not shapes")
    };
    assert_eq!(spec, ShapesSpec::default());
}
