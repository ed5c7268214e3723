//! COCO figures of a set of the size of COCO's validation split: 5,000 images, 80 categories,
//! 36,000 objects, 100 detections an image.

use std::hint::black_box;

use ablate_detection::metrics::coco::{
    Category, DetectionBox, GroundTruth, GroundTruthBox, evaluate,
};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const IMAGES: u64 = 5_000;
const CATEGORIES: u64 = 80;
const OBJECTS: usize = 36_000;
const DETECTIONS_AN_IMAGE: usize = 100;

fn ground_truth(rng: &mut ChaCha8Rng) -> GroundTruth {
    let boxes = (0..OBJECTS).map(|_| {
        let size = 8.0 * 40.0_f64.powf(rng.random());
        let bbox = [
            rng.random_range(0.0..320.0),
            rng.random_range(0.0..320.0),
            size,
            size * rng.random_range(0.5..1.5),
        ];
        GroundTruthBox {
            image_id: rng.random_range(1..=IMAGES),
            // Few categories hold most objects.
            category_id: 1 + (CATEGORIES as f64 * rng.random::<f64>().powi(3)) as u64,
            bbox,
            area: bbox[2] * bbox[3] * 0.7,
            crowd: rng.random_bool(0.01),
            mask: None,
        }
    });
    let boxes = boxes.collect();
    let categories = (1..=CATEGORIES)
        .map(|id| Category {
            id,
            name: format!("c{id}"),
        })
        .collect();
    GroundTruth::new((1..=IMAGES).collect(), categories, boxes).expect("ids are known")
}

/// Half of them shaken objects of their image, the others anywhere.
fn detections(truth: &GroundTruth, rng: &mut ChaCha8Rng) -> Vec<DetectionBox> {
    let mut by_image = vec![Vec::new(); IMAGES as usize + 1];
    for object in truth.boxes() {
        by_image[object.image_id as usize].push(object);
    }
    let mut detections = Vec::with_capacity(IMAGES as usize * DETECTIONS_AN_IMAGE);
    for image_id in 1..=IMAGES {
        let objects = &by_image[image_id as usize];
        for _ in 0..DETECTIONS_AN_IMAGE {
            let (category_id, bbox, score) = if !objects.is_empty() && rng.random_bool(0.5) {
                let object = objects[rng.random_range(0..objects.len())];
                let shake = object.bbox[2] * 0.2;
                let bbox = object
                    .bbox
                    .map(|side| side + rng.random_range(-shake..shake));
                (object.category_id, bbox, rng.random::<f64>())
            } else {
                let bbox = [
                    rng.random_range(0.0..320.0),
                    rng.random_range(0.0..320.0),
                    60.0,
                    60.0,
                ];
                (
                    rng.random_range(1..=CATEGORIES),
                    bbox,
                    rng.random::<f64>() / 2.0,
                )
            };
            detections.push(DetectionBox {
                image_id,
                category_id,
                bbox,
                area: bbox[2] * bbox[3],
                score,
                mask: None,
            });
        }
    }
    detections
}

fn bench(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let truth = ground_truth(&mut rng);
    let detections = detections(&truth, &mut rng);
    let mut group = c.benchmark_group("coco_metrics");
    group.sample_size(20);
    group.bench_function("5000_images", |b| {
        b.iter(|| evaluate(black_box(&truth), black_box(&detections)).expect("ids are known"))
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
