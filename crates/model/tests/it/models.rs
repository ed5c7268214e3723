use ablate_model::{Catalog, Detector, Graph, ModelName, spec::Scaling};
use burn::tensor::Device;

use crate::support::Golden;

/// A narrow YOLOv5 of three classes, as the fixtures have it.
fn narrow(variants: &str) -> Detector {
    let scaling = Scaling { depth: 0.33, width: 0.0625, max_channels: None };
    let name = ModelName::baseline("yolov5", "n").with_variants(variants).unwrap();
    let table = Catalog::builtin().patched(&name, scaling).unwrap();
    Detector::new(&Graph::resolve(&table, scaling, 3).unwrap(), 0, &Device::flex())
}

fn check(variants: &str, weights: &str, outputs: &str) {
    let device = Device::flex();
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
fn fusion_weights_are_for_asff_alone() {
    let device = Device::flex();
    let image = || burn::tensor::Tensor::ones([1, 3, 64, 96], &device);
    let weights = narrow("asff").fusion_weights(image()).unwrap();
    let shapes: Vec<[usize; 4]> = weights.iter().map(|w| w.dims()).collect();
    assert_eq!(shapes, [[1, 3, 8, 12], [1, 3, 4, 6], [1, 3, 2, 3]]);
    assert!(narrow("baseline").fusion_weights(image()).is_none());
}

/// The same seed draws the same weights.
#[test]
fn seeds_fix_the_weights() {
    let device = Device::flex();
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
