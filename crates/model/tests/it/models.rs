use ablate_model::{Catalog, Detector, Graph, ModelName, spec::Scaling};
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Device, Tensor, TensorData},
};

use crate::{device::device, support::Golden};

/// A narrow YOLOv5 of three classes, as the fixtures have it.
fn narrow(variants: &str) -> Detector {
    narrow_of("yolov5", variants, &device())
}

fn narrow_of(family: &str, variants: &str, device: &Device) -> Detector {
    let scaling = Scaling {
        depth: 0.33,
        width: 0.0625,
        max_channels: None,
    };
    let name = ModelName::baseline(family, "n")
        .with_variants(variants)
        .unwrap();
    let table = Catalog::builtin().patched(&name, scaling).unwrap();
    Detector::new(&Graph::resolve(&table, scaling, 3).unwrap(), 0, device)
}

fn check(variants: &str, weights: &str, outputs: &str) {
    let device = device();
    let mut detector = narrow(variants);
    Golden::open(&format!("models/{weights}.safetensors")).fill(&mut detector, "w\\.");
    let golden = Golden::open(&format!("models/{outputs}.safetensors"));
    for detector in [detector.clone(), detector.fuse()] {
        let raw = detector.forward(golden.tensor("x", &device));
        assert_eq!(raw.len(), 3);
        for (level, map) in raw.iter().enumerate() {
            golden.assert(&format!("raw_p{}", level + 3), map.clone());
        }
        golden.assert("decoded", detector.decode(raw));
    }
}

/// Moves every number of a network, running statistics included, so that normalisation is none of the identity.
struct Shake(u32);

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let mut share = || {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as f32 / (1u32 << 24) as f32
        };
        let shape = tensor.dims();
        let mut draw = |low: f32, high: f32| {
            let values: Vec<f32> = (0..shape.iter().product())
                .map(|_: usize| low + (high - low) * share())
                .collect();
            Tensor::<D>::from_data(TensorData::new(values, shape), &tensor.device())
        };
        let (factor, offset) = (draw(0.8, 1.2), draw(-0.05, 0.05));
        Param::from_mapped_value(id, tensor * factor + offset, mapper)
    }
}

/// Half precision has 11 or 8 bits of a number; the boxes of every variant survive that.
#[test]
fn half_precision_is_near() {
    let device = Device::flex();
    let variants: Vec<String> = Catalog::builtin()
        .variants()
        .map(|variant| variant.name.clone())
        .collect();
    for (family, variant) in ["yolov5", "yolov8"]
        .into_iter()
        .flat_map(|family| variants.iter().map(move |variant| (family, variant)))
    {
        let detector = narrow_of(family, variant, &device).fuse();
        let image = Tensor::<4>::ones([1, 3, 64, 96], &device) * 0.5;
        let output = |detector: &Detector, dtype: DType| {
            let raw = detector.forward(image.clone().cast(dtype));
            detector.decode(raw).try_into_vec_as::<f32>().unwrap()
        };
        let exact = output(&detector, DType::F32);
        let largest = exact.iter().fold(0f32, |a, b| a.max(b.abs()));
        for (dtype, most) in [(DType::F16, 0.01), (DType::BF16, 0.05)]
            .into_iter()
            .filter(|(dtype, _)| device.supports_dtype(*dtype))
        {
            let rounded = output(&detector.clone().cast(dtype), dtype);
            let error = exact
                .iter()
                .zip(&rounded)
                .map(|(a, b)| (a - b).abs())
                .fold(0f32, f32::max)
                / largest;
            assert!(
                error > 0.0 && error < most,
                "{family}+{variant} in {dtype:?}: off by {error:e} of the largest value"
            );
        }
    }
}

/// A network for inference alone gives what it gave before.
#[test]
fn folding_changes_nothing() {
    let device = Device::flex();
    let variants: Vec<String> = Catalog::builtin()
        .variants()
        .map(|variant| variant.name.clone())
        .collect();
    for (family, variant) in ["yolov5", "yolov8"]
        .into_iter()
        .flat_map(|family| variants.iter().map(move |variant| (family, variant)))
    {
        let detector = narrow_of(family, variant, &device).map(&mut Shake(1));
        let output = |detector: &Detector| {
            let raw = detector.forward(Tensor::ones([1, 3, 64, 96], &device));
            detector.decode(raw).try_into_vec_as::<f32>().unwrap()
        };
        let (plain, folded) = (output(&detector), output(&detector.fuse()));
        let largest = plain.iter().fold(0f32, |a, b| a.max(b.abs()));
        let error = plain
            .iter()
            .zip(&folded)
            .map(|(a, b)| (a - b).abs())
            .fold(0f32, f32::max);
        assert!(
            largest.is_finite() && error <= 1e-4 * largest,
            "{family}+{variant}: off by {error:e} of {largest:e}"
        );
    }
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
    assert!(
        narrow("baseline")
            .forward_with_protos(golden.tensor("x", &device))
            .1
            .is_none()
    );
}

/// The published head gives the distributions and the classes of all positions side by side, channels first.
#[test]
fn yolov8() {
    let device = device();
    let golden = Golden::open("models/yolov8-baseline.safetensors");
    let mut detector = narrow_of("yolov8", "baseline", &device);
    golden.fill(&mut detector, "w\\.");
    let raw = detector.forward(golden.tensor("x", &device));
    let by_position = raw.iter().map(|map| {
        let [batch, _, height, width, outputs] = map.dims();
        map.clone()
            .reshape([batch, height * width, outputs])
            .swap_dims(1, 2)
    });
    let all = Tensor::cat(by_position.collect(), 2);
    golden.assert("raw_boxes", all.clone().narrow(1, 0, 64));
    golden.assert("raw_scores", all.narrow(1, 64, 3));
    let decoded = detector.decode(raw).swap_dims(1, 2);
    let [objectness] = [decoded.clone().narrow(1, 4, 1)];
    assert_eq!(
        objectness.into_data().try_into_vec::<f32>().unwrap(),
        vec![1.0; 2 * 126]
    );
    golden.assert(
        "decoded",
        Tensor::cat(
            vec![decoded.clone().narrow(1, 0, 4), decoded.narrow(1, 5, 3)],
            1,
        ),
    );
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
        Catalog::builtin()
            .resolve(&name)
            .unwrap()
            .graph(Some(3))
            .unwrap()
    };
    let output = |seed: u64| {
        let detector = Detector::new(&graph, seed, &device);
        detector
            .forward(burn::tensor::Tensor::ones([1, 3, 32, 32], &device))
            .remove(2)
            .into_data()
    };
    assert_eq!(output(1), output(1));
    assert_ne!(output(1), output(2));
}
