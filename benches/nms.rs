//! Suppression of one image's predictions as YOLOv5 makes them at 640 pixels: 25,200 rows, 80
//! classes.

use std::hint::black_box;

use ablate_detection::nms::{NmsConfig, non_max_suppression};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ROWS: usize = 25_200;
const NC: usize = 80;

/// `objects` places where many rows agree on a box and a class; elsewhere objectness is at most
/// `noise`.
fn predictions(objects: usize, noise: f32) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut rows = Vec::with_capacity(ROWS * (5 + NC));
    for row in 0..ROWS {
        // One row in eight is near an object, if there is one.
        let object = row % 64;
        let found = object < objects;
        let mut near = |center: f32, by: f32| center + rng.random_range(-by..by);
        if found {
            let x = object as f32 * 75.0 + 50.0;
            rows.extend([
                near(x, 15.0),
                near(320.0, 15.0),
                near(60.0, 20.0),
                near(60.0, 20.0),
                near(0.5, 0.45),
            ]);
        } else {
            rows.extend([
                near(320.0, 300.0),
                near(320.0, 300.0),
                near(40.0, 30.0),
                near(40.0, 30.0),
            ]);
            rows.push(rng.random_range(0.0..noise));
        }
        rows.extend((0..NC).map(|class| {
            if found && class == object {
                rng.random_range(0.5..1.0)
            } else {
                rng.random::<f32>().powi(8)
            }
        }));
    }
    rows
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("nms");
    let config = NmsConfig::default();
    // A trained network is sure of most of the background; one that has just begun is sure of
    // nothing.
    for (name, predictions) in [
        ("trained", predictions(8, 0.002)),
        ("untrained", predictions(0, 1.0)),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| non_max_suppression(black_box(&predictions), NC, &config))
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
