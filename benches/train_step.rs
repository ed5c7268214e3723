//! A training step on the CPU: forward, loss, backward and the optimiser, 16 images of 64 pixels.

use ablate::train::{Rates, Sgd};
use ablate_detection::loss::{DetectionLoss, Yolov5Hyp, Yolov5Loss};
use ablate_model::{Catalog, Detector, ModelName, heads::BoxCoding};
use burn::{
    Tensor,
    optim::GradientsParams,
    tensor::{Device, Distribution},
};
use criterion::{Criterion, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 16;
const SIDE: usize = 64;
const CLASSES: usize = 4;

fn train_step(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let mut group = criterion.benchmark_group("train_step");
    group.sample_size(10);
    for name in ["yolov5n", "yolov5n+asff", "yolov5n+fasternet", "yolov5n+ghost", "yolov5n+gsconv", "yolov5n+mobilenetv2"] {
        let model: ModelName = name.parse().unwrap();
        let graph = Catalog::builtin().resolve(&model).unwrap().graph(Some(CLASSES)).unwrap();
        let mut detector = Detector::new(&graph, 0, &device);
        let detect = detector.detect();
        let BoxCoding::Anchors(anchors) = &detect.coding else { unreachable!("YOLOv5 has anchors") };
        let anchors: Vec<Vec<[f32; 2]>> =
            anchors.iter().map(|level| level.iter().map(|anchor| anchor.map(|side| side as f32)).collect()).collect();
        let loss = Yolov5Loss::new(CLASSES, &anchors, &detect.strides, Yolov5Hyp::default()).unwrap();
        let mut sgd = Sgd::new(&detector, 5e-4);
        let images = Tensor::<4>::random([BATCH, 3, SIDE, SIDE], Distribution::Uniform(0.0, 1.0), &device);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let loss = loss.forward(detector.forward(images.clone()).into(), targets().as_slice().into()).unwrap();
                let gradients = GradientsParams::from_grads(loss.total.backward(), &detector);
                detector = sgd.step(detector.clone(), gradients, Rates { bias_lr: 1e-4, lr: 1e-4, momentum: 0.9 });
            });
        });
    }
}

/// Eight boxes an image: image, class, centre and size.
fn targets() -> Vec<[f32; 6]> {
    let boxes = 0..BATCH * 8;
    boxes
        .map(|i| {
            let spread = |factor: usize| (i * factor % 97) as f32 / 97.0;
            let (x, y, w, h) = (0.1 + 0.8 * spread(31), 0.1 + 0.8 * spread(17), 0.05 + 0.4 * spread(13), 0.05 + 0.4 * spread(7));
            [(i % BATCH) as f32, (i % CLASSES) as f32, x, y, w, h]
        })
        .collect()
}

criterion_group!(benches, train_step);
criterion_main!(benches);
