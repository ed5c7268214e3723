//! A training step on the CPU: forward, loss, backward and the optimiser, 16 images of 64 pixels.

use std::time::Duration;

use ablate::measure::{mode::Mode, precision::Precision, timing::Protocol, train_step::TrainStep};
use ablate_model::{Catalog, ModelName};
use burn::tensor::Device;
use criterion::{Criterion, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROTOCOL: Protocol = Protocol {
    batch: 16,
    imgsz: ablate_records::ImageSize {
        height: 64,
        width: 64,
    },
    warmup: 0,
    budget: Duration::ZERO,
    min_iterations: 0,
    min_rounds: 0,
    aim: None,
    fuse: false,
    precision: Precision::F32,
    mode: Mode::Eager,
};
const CLASSES: usize = 4;

fn train_step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("train_step");
    group.sample_size(10);
    for name in [
        "yolov5n",
        "yolov5n+asff",
        "yolov5n+fasternet",
        "yolov5n+ghost",
        "yolov5n+gsconv",
        "yolov5n+mobilenetv2",
    ] {
        let model: ModelName = name.parse().unwrap();
        let graph = Catalog::builtin()
            .resolve(&model)
            .unwrap()
            .graph(Some(CLASSES))
            .unwrap();
        let mut step = TrainStep::new(&graph, &Device::flex(), &PROTOCOL).unwrap();
        group.bench_function(name, |bencher| bencher.iter(|| step.run().unwrap()));
    }
}

criterion_group!(benches, train_step);
criterion_main!(benches);
