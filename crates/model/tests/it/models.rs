use ablate_model::{Catalog, Detector, Graph, ModelName, spec::Scaling};
use burn::tensor::Tensor;

use crate::{device::device, support::Golden};

/// A narrow YOLOv5 of three classes, as the fixtures have it.
fn narrow(variants: &str) -> Detector {
    narrow_of("yolov5", variants)
}

fn narrow_of(family: &str, variants: &str) -> Detector {
    let scaling = Scaling { depth: 0.33, width: 0.0625, max_channels: None };
    let name = ModelName::baseline(family, "n").with_variants(variants).unwrap();
    let table = Catalog::builtin().patched(&name, scaling).unwrap();
    Detector::new(&Graph::resolve(&table, scaling, 3).unwrap(), 0, &device())
}

fn check(variants: &str, weights: &str, outputs: &str) {
    let device = device();
    let mut detector = narrow(variants);
    Golden::open(&format!("models/{weights}.safetensors")).fill(&mut detector, "w\\.");
    let golden = Golden::open(&format!("models/{outputs}.safetensors"));
    let raw = detector.forward(golden.tensor("x", &device));
    assert_eq!(raw.len(), 3);
    for (level, map) in raw.iter().enumerate() {
        golden.assert(&format!("raw_p{}", level + 3), map.clone());
    }
    golden.assert("decoded", detector.decode(raw));
}

#[test]
fn baseline() {
    check("baseline", "baseline", "baseline");
}

#[test]
fn gsconv() {
    check("gsconv", "gsconv", "gsconv");
}

#[test]
fn mobilenetv2() {
    check("mobilenetv2", "mobilenetv2", "mobilenetv2");
}

#[test]
fn ghost() {
    check("ghost", "ghost", "ghost");
}

#[test]
fn asff_in_both_orders() {
    check("asff", "asff", "asff-parallel-outputs");
    check("asff:order=sequential", "asff", "asff-sequential-outputs");
}

#[test]
fn segment() {
    check("segment", "segment", "segment");
    let device = device();
    let golden = Golden::open("models/segment.safetensors");
    let mut detector = narrow("segment");
    golden.fill(&mut detector, "w\\.");
    let (_, protos) = detector.forward_with_protos(golden.tensor("x", &device));
    golden.assert("protos", protos.unwrap());
    assert!(narrow("baseline").forward_with_protos(golden.tensor("x", &device)).1.is_none());
}

/// The published head gives the distributions and the classes of all positions side by side, channels first.
#[test]
fn yolov8() {
    let device = device();
    let golden = Golden::open("models/yolov8-baseline.safetensors");
    let mut detector = narrow_of("yolov8", "baseline");
    golden.fill(&mut detector, "w\\.");
    let raw = detector.forward(golden.tensor("x", &device));
    let by_position = raw.iter().map(|map| {
        let [batch, _, height, width, outputs] = map.dims();
        map.clone().reshape([batch, height * width, outputs]).swap_dims(1, 2)
    });
    let all = Tensor::cat(by_position.collect(), 2);
    golden.assert("raw_boxes", all.clone().narrow(1, 0, 64));
    golden.assert("raw_scores", all.narrow(1, 64, 3));
    let decoded = detector.decode(raw).swap_dims(1, 2);
    let [objectness] = [decoded.clone().narrow(1, 4, 1)];
    assert_eq!(objectness.into_data().try_into_vec::<f32>().unwrap(), vec![1.0; 2 * 126]);
    golden.assert("decoded", Tensor::cat(vec![decoded.clone().narrow(1, 0, 4), decoded.narrow(1, 5, 3)], 1));
}

#[test]
fn fusion_weights_are_for_asff_alone() {
    let device = device();
    let image = || burn::tensor::Tensor::ones([1, 3, 64, 96], &device);
    let weights = narrow("asff").fusion_weights(image()).unwrap();
    let shapes: Vec<[usize; 4]> = weights.iter().map(|w| w.dims()).collect();
    assert_eq!(shapes, [[1, 3, 8, 12], [1, 3, 4, 6], [1, 3, 2, 3]]);
    assert!(narrow("baseline").fusion_weights(image()).is_none());
}

/// The same seed draws the same weights.
#[test]
fn seeds_fix_the_weights() {
    let device = device();
    let graph = {
        let name: ModelName = "yolov5n".parse().unwrap();
        Catalog::builtin().resolve(&name).unwrap().graph(Some(3)).unwrap()
    };
    let output = |seed: u64| {
        let detector = Detector::new(&graph, seed, &device);
        detector.forward(burn::tensor::Tensor::ones([1, 3, 32, 32], &device)).remove(2).into_data()
    };
    assert_eq!(output(1), output(1));
    assert_ne!(output(1), output(2));
}
