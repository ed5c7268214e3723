//! Batches: complete, in order, the same however many workers make them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ablate_detection::augment::AugmentConfig;
use ablate_detection::dataset::shapes::ShapesSpec;
use ablate_detection::dataset::{CachedDataset, DataSpec, Dataset, Interpolation, Split};
use ablate_detection::geometry::BBox;
use ablate_detection::loader::{
    Batch, EvalBatch, EvalLoader, InputShape, LoaderConfig, TrainLoader,
};

const IMGSZ: usize = 64;

/// 22 images of 48 pixels, enlarged to 64.
fn data() -> Arc<CachedDataset> {
    let mut spec = ShapesSpec {
        imgsz: 48,
        ..ShapesSpec::default()
    };
    spec.images.train = 22;
    let set = Dataset::open(&DataSpec::shapes(spec), Split::Train).unwrap();
    Arc::new(CachedDataset::open(set, IMGSZ, Interpolation::Linear).unwrap())
}

fn config(workers: usize) -> LoaderConfig {
    LoaderConfig {
        batch: 8,
        imgsz: IMGSZ.into(),
        seed: 5,
        mask_stride: None,
        workers,
    }
}

fn epoch(data: &Arc<CachedDataset>, config: LoaderConfig, epoch: usize) -> Vec<Batch> {
    TrainLoader::new(Arc::clone(data), AugmentConfig::default(), config)
        .unwrap()
        .epoch(epoch)
        .collect()
}

#[test]
fn an_epoch_has_every_sample_once() {
    let batches = epoch(&data(), config(1), 0);
    assert_eq!(
        batches.iter().map(|batch| batch.size).collect::<Vec<_>>(),
        [8, 8, 6]
    );
    let mut seen: Vec<usize> = batches
        .iter()
        .flat_map(|batch| batch.indices.clone())
        .collect();
    assert_ne!(seen, (0..22).collect::<Vec<_>>(), "shuffled");
    seen.sort();
    assert_eq!(seen, (0..22).collect::<Vec<_>>());
    for batch in batches {
        assert_eq!(batch.images.len(), batch.size * 3 * IMGSZ * IMGSZ);
        assert!(batch.images.iter().all(|value| (0.0..=1.0).contains(value)));
        assert!(!batch.targets.is_empty());
        for [image, class, cx, cy, w, h] in batch.targets {
            assert!(image < batch.size as f32 && class < 6.0);
            let range = -1e-6..=1.0 + 1e-6;
            assert!(
                [cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0]
                    .iter()
                    .all(|edge| range.contains(edge))
            );
        }
    }
}

#[test]
fn a_rectangle_holds_whole_images_and_their_boxes() {
    let mut spec = ShapesSpec {
        imgsz: 48,
        ..ShapesSpec::default()
    };
    spec.images.train = 10;
    let set = Dataset::open(&DataSpec::shapes(spec), Split::Train).unwrap();
    let (width, height) = (96, 64);
    let data = CachedDataset::open(set, (width, height), Interpolation::Linear).unwrap();
    // Square images: the lower side binds.
    assert_eq!(data.image(0).dimensions(), (64, 64));
    let data = Arc::new(data);
    let rectangle = LoaderConfig {
        imgsz: (width, height).into(),
        ..config(1)
    };
    let mut targets = 0;
    for number in 0..3 {
        for batch in epoch(&data, rectangle, number) {
            assert_eq!((batch.width, batch.height), (width, height));
            assert_eq!(batch.images.len(), batch.size * 3 * width * height);
            for [.., cx, cy, w, h] in batch.targets {
                let edges = [cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0];
                let inside = |edge: &f32| (-1e-6..=1.0 + 1e-6).contains(edge);
                assert!(edges.iter().all(inside), "{edges:?}");
                targets += 1;
            }
        }
    }
    assert!(targets > 10, "{targets}");
    // Whatever shape is asked for, a rectangle is that of every batch.
    let shape = InputShape::Rectangular { stride: 32 };
    let loader = EvalLoader::new(Arc::clone(&data), shape, 4, 0).unwrap();
    for EvalBatch { batch, frames } in loader.iter() {
        assert_eq!((batch.width, batch.height), (width, height));
        let frame = frames[0].letterbox;
        assert_eq!(frame.pad, (16, 0));
        // A box goes there and back.
        let bbox = BBox::from_xyxy(3.0, 6.0, 30.0, 42.0);
        assert_eq!(frame.to_original(&frame.to_network(&bbox)), bbox);
    }
}

#[test]
fn workers_change_nothing() {
    let data = data();
    let one = epoch(&data, config(0), 3);
    for workers in [1, 2, 5] {
        assert!(one == epoch(&data, config(workers), 3), "{workers} workers");
    }
}

#[test]
fn epochs_and_seeds_differ_and_batch_size_does_not_matter_to_a_sample() {
    let data = data();
    let first = epoch(&data, config(1), 0);
    let order = |batches: &[Batch]| {
        batches
            .iter()
            .flat_map(|batch| batch.indices.clone())
            .collect::<Vec<_>>()
    };
    assert_ne!(order(&first), order(&epoch(&data, config(1), 1)));
    assert_ne!(
        order(&first),
        order(&epoch(
            &data,
            LoaderConfig {
                seed: 6,
                ..config(1)
            },
            0
        ))
    );
    let single = epoch(
        &data,
        LoaderConfig {
            batch: 1,
            ..config(1)
        },
        0,
    );
    assert_eq!(order(&first), order(&single));
    let image = 3 * IMGSZ * IMGSZ;
    assert_eq!(first[1].images[image..2 * image], single[9].images);
}

#[test]
fn an_epoch_dropped_half_way_ends_its_threads() {
    let data = data();
    let started = Instant::now();
    for workers in [0, 1, 3] {
        let loader =
            TrainLoader::new(Arc::clone(&data), AugmentConfig::default(), config(workers)).unwrap();
        for taken in 0..3 {
            let mut epoch = loader.epoch(0);
            assert_eq!(epoch.len(), 3);
            assert_eq!(epoch.by_ref().take(taken).count(), taken);
            drop(epoch);
        }
        drop(loader);
        // Whoever made batches held the data.
        assert_eq!(Arc::strong_count(&data), 1);
    }
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn evaluation_keeps_order_and_maps_boxes_back() {
    let data = data();
    let loader = EvalLoader::new(Arc::clone(&data), InputShape::Square, 5, 2).unwrap();
    assert_eq!(loader.batches(), 5);
    let mut next = 0;
    for eval in loader.iter() {
        assert_eq!(eval.frames.len(), eval.batch.size);
        for (place, frame) in eval.frames.iter().enumerate() {
            assert_eq!((frame.index, eval.batch.indices[place]), (next, next));
            let truth = &data.dataset().samples[next].annotations;
            let rows = eval
                .batch
                .targets
                .iter()
                .filter(|row| row[0] == place as f32);
            let side = IMGSZ as f32;
            let boxes = rows.map(|&[_, class, cx, cy, w, h]| {
                let bbox = ablate_detection::geometry::BBox::from_cxcywh(
                    cx * side,
                    cy * side,
                    w * side,
                    h * side,
                );
                (class as usize, frame.letterbox.to_original(&bbox))
            });
            let boxes: Vec<_> = boxes.collect();
            assert_eq!(boxes.len(), truth.len());
            for ((class, bbox), truth) in boxes.iter().zip(truth) {
                assert_eq!(*class, truth.class);
                assert!(
                    (bbox.x1 - truth.bbox.x1).abs() < 1e-3
                        && (bbox.y2 - truth.bbox.y2).abs() < 1e-3
                );
            }
            next += 1;
        }
    }
    assert_eq!(next, 22);
}

#[test]
fn planes_are_red_green_blue_over_255() {
    let mut spec = ShapesSpec {
        imgsz: 32,
        ..ShapesSpec::default()
    };
    spec.images.val = 1;
    let set = Dataset::open(&DataSpec::shapes(spec), Split::Val).unwrap();
    let original = set.samples[0].source.decode().unwrap();
    let data = Arc::new(CachedDataset::open(set, 32, Interpolation::Linear).unwrap());
    let eval = EvalLoader::new(data, InputShape::Square, 4, 0)
        .unwrap()
        .iter()
        .next()
        .unwrap();
    for channel in 0..3 {
        for (x, y) in [(0, 0), (31, 7), (13, 31)] {
            let value = eval.batch.images[channel * 1024 + y * 32 + x];
            assert_eq!(
                value,
                f32::from(original.get_pixel(x as u32, y as u32)[channel]) / 255.0
            );
        }
    }
}

/// The packages' recipes hold it for data of boxes alone, too.
#[test]
fn copy_paste_without_masks_has_no_effect() {
    let data = data();
    let augment = AugmentConfig {
        copy_paste: 0.5,
        ..AugmentConfig::default()
    };
    let loader = TrainLoader::new(Arc::clone(&data), augment, config(1)).unwrap();
    let plain = epoch(&data, config(1), 0);
    for (batch, plain) in loader.epoch(0).zip(plain) {
        assert_eq!(batch.indices, plain.indices);
        assert!(batch.images == plain.images);
    }
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let data = data();
    let error = |config: LoaderConfig, augment: AugmentConfig| {
        TrainLoader::new(Arc::clone(&data), augment, config)
            .err()
            .unwrap()
            .to_string()
    };
    let fine = AugmentConfig::default;
    assert!(
        error(
            LoaderConfig {
                batch: 0,
                ..config(1)
            },
            fine()
        )
        .contains("batch")
    );
    assert!(
        error(
            LoaderConfig {
                imgsz: 96.into(),
                ..config(1)
            },
            fine()
        )
        .contains("expected 64×64, the size that the images are cached for, found 96×96")
    );
    assert!(
        error(
            config(1),
            AugmentConfig {
                copy_paste: 1.5,
                ..fine()
            }
        )
        .contains("copy_paste")
    );
}

#[test]
fn masks_come_with_the_boxes_where_they_are_asked_for() {
    let mut spec = ShapesSpec {
        imgsz: 64,
        masks: true,
        ..ShapesSpec::default()
    };
    spec.images.train = 12;
    let set = Dataset::open(&DataSpec::shapes(spec), Split::Train).unwrap();
    let data = Arc::new(CachedDataset::open(set, IMGSZ, Interpolation::Linear).unwrap());
    let config = LoaderConfig {
        mask_stride: Some(4),
        ..config(1)
    };
    let mut objects = 0;
    for batch in epoch(&data, config, 0) {
        let masks = batch.masks.unwrap();
        assert_eq!(
            (masks.height, masks.width, masks.objects.len()),
            (16, 16, batch.size * 256)
        );
        for image in 0..batch.size {
            let targets: Vec<_> = batch
                .targets
                .iter()
                .filter(|target| target[0] == image as f32)
                .collect();
            let map = &masks.objects[image * 256..][..256];
            assert!(
                map.iter()
                    .all(|object| usize::from(*object) <= targets.len())
            );
            for (number, target) in (1u16..).zip(&targets) {
                let [_, _, cx, cy, w, h] = **target;
                // A pixel of the object has its centre in the object's box.
                for place in (0..256).filter(|place| map[*place] == number) {
                    let (x, y) = (
                        (place % 16) as f32 / 16.0 + 1.0 / 32.0,
                        (place / 16) as f32 / 16.0 + 1.0 / 32.0,
                    );
                    assert!((x - cx).abs() <= w / 2.0 + 1e-5 && (y - cy).abs() <= h / 2.0 + 1e-5);
                    objects += 1;
                }
            }
        }
    }
    assert!(objects > 200, "{objects} pixels of objects");

    let error = TrainLoader::new(self::data(), AugmentConfig::default(), config)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("has an object with a box but no mask"),
        "{error}"
    );
}

#[test]
fn rectangles_hold_every_image_and_map_boxes_back() {
    let folder = tempfile::tempdir().unwrap();
    // Wide, tall and square ones.
    for (number, (width, height)) in [(64, 24), (24, 64), (64, 60), (50, 50), (64, 32), (30, 60)]
        .into_iter()
        .enumerate()
    {
        image::RgbImage::new(width, height)
            .save(folder.path().join(format!("{number}.png")))
            .unwrap();
        std::fs::write(
            folder.path().join(format!("{number}.txt")),
            "0 0.5 0.5 0.5 0.25\n",
        )
        .unwrap();
    }
    let yaml = folder.path().join("data.yaml");
    std::fs::write(&yaml, "path: .\ntrain: .\nval: .\nnames: [thing]\n").unwrap();
    let set = Dataset::open(&DataSpec::load(&yaml).unwrap(), Split::Val).unwrap();
    let data = Arc::new(CachedDataset::open(set, IMGSZ, Interpolation::Linear).unwrap());
    let loader = EvalLoader::new(
        Arc::clone(&data),
        InputShape::Rectangular { stride: 32 },
        2,
        0,
    )
    .unwrap();
    let batches: Vec<_> = loader.iter().collect();
    let shapes: Vec<_> = batches
        .iter()
        .map(|eval| (eval.batch.width, eval.batch.height))
        .collect();
    // Whole strides, and half a stride more than the images: wide ones together, tall ones
    // together.
    assert_eq!(shapes, [(96, 64), (96, 96), (64, 96)]);
    let mut seen: Vec<usize> = batches
        .iter()
        .flat_map(|eval| &eval.batch.indices)
        .copied()
        .collect();
    seen.sort();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    for eval in &batches {
        let (width, height) = (eval.batch.width as f32, eval.batch.height as f32);
        assert_eq!(
            eval.batch.images.len(),
            eval.batch.size * 3 * eval.batch.width * eval.batch.height
        );
        for row in &eval.batch.targets {
            let frame = eval.frames[row[0] as usize];
            let truth = data.dataset().samples[frame.index].annotations[0].bbox;
            let bbox = BBox::from_cxcywh(
                row[2] * width,
                row[3] * height,
                row[4] * width,
                row[5] * height,
            );
            let found = frame.letterbox.to_original(&bbox);
            assert!(
                (found.x1 - truth.x1).abs() < 1e-3 && (found.y2 - truth.y2).abs() < 1e-3,
                "{found:?} {truth:?}"
            );
        }
    }
}
