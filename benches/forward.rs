//! A forward pass of each variant at scale n on the pure-Rust CPU backend.

use std::time::Duration;

use ablate_model::{Catalog, Detector, ModelName};
use burn::tensor::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const VARIANTS: [&str; 6] = [
    "baseline",
    "gsconv",
    "asff",
    "mobilenetv2",
    "fasternet",
    "ghost",
];

fn detector(variant: &str, device: &Device) -> Detector {
    let name = ModelName::baseline("yolov5", "n")
        .with_variants(variant)
        .unwrap();
    Detector::new(
        &Catalog::builtin()
            .resolve(&name)
            .unwrap()
            .graph(Some(3))
            .unwrap(),
        0,
        device,
    )
    .fuse()
}

fn inference(c: &mut Criterion) {
    let device = Device::flex();
    let mut group = c.benchmark_group("forward at 320 pixels, batch 1");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    for variant in VARIANTS {
        let detector = detector(variant, &device);
        let image = Tensor::<4>::zeros([1, 3, 320, 320], &device);
        group.bench_function(BenchmarkId::from_parameter(variant), |b| {
            b.iter(|| {
                detector
                    .decode(detector.forward(image.clone()))
                    .into_data()
                    .bytes()
                    .len()
            })
        });
    }
}

criterion_group!(benches, inference);
criterion_main!(benches);
