use ablate_model::{
    Catalog, Cost, Detector, Graph, ModelName,
    spec::{Scaling, Table},
};
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Device, Tensor, TensorData},
};
use serde::Deserialize;

use crate::{
    device::device,
    grid::{self, Model, Scales},
    support::{Golden, fixtures},
};

/// A narrow detector of three classes.
fn narrow(model: &str, device: &Device) -> Detector {
    let graph = grid::narrow(&Catalog::builtin(), &model.parse().unwrap()).unwrap();
    Detector::new(&graph, 0, device)
}

/// What a fixture is of.
#[derive(Deserialize)]
struct Header {
    /// A name, or else the table itself.
    model: Option<String>,
    table: Option<String>,
    nc: usize,
    depth: f64,
    width: f64,
    letter: Option<char>,
    /// Of all channels of the table's rows.
    divide: Option<i64>,
    image: Option<[usize; 4]>,
    params: u64,
    /// 2 × multiply-accumulates for one image.
    flops: u64,
    /// The fixture that holds weights and image, if it is another.
    weights: Option<String>,
}

impl Header {
    fn graph(&self) -> Graph {
        let scaling = Scaling {
            depth: self.depth,
            width: self.width,
            max_channels: None,
            letter: self.letter,
        };
        let mut table = match (&self.model, &self.table) {
            (Some(model), _) => Catalog::builtin()
                .patched(&model.parse().unwrap(), scaling)
                .unwrap(),
            (_, Some(table)) => Table::from_yaml(table, "table").unwrap(),
            _ => panic!("a fixture is of a model or of a table"),
        };
        if let Some(divisor) = self.divide {
            grid::divide(&mut table, divisor);
        }
        Graph::resolve(&table, scaling, self.nc).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn open(name: &str) -> (Golden, Header) {
    let golden = Golden::open(&format!("models/{name}.safetensors"));
    let header = golden
        .header()
        .unwrap_or_else(|| panic!("{name} has no header"));
    (golden, header)
}

/// Every family and every variant, alone, at its smallest scale.
fn models(catalog: &Catalog) -> impl Iterator<Item = Model> + '_ {
    grid::models(catalog, Scales::Smallest, grid::singles(catalog))
}

/// Zeros tell nothing, and one colour little.
fn image([height, width]: [usize; 2], device: &Device) -> Tensor<4> {
    let values = Tensor::<1, burn::tensor::Int>::arange(0..(3 * height * width) as i64, device);
    let values = (values.float() * 0.37).sin() * 0.5 + 0.5;
    values.reshape([1, 3, height, width])
}

/// Of the images of fixtures that name none.
const IMAGE: [usize; 4] = [2, 3, 64, 96];

/// Raw maps, decoded boxes, prototypes, parameters and FLOPs are PyTorch's, with the network as it
/// is and folded.
#[test]
fn models_equal_pytorch() {
    let device = device();
    for name in fixtures("models") {
        let (golden, header) = open(&name);
        let graph = header.graph();
        let sides = header.image.unwrap_or(IMAGE);
        let cost = Cost::of(&graph, sides[2], sides[3]).unwrap();
        assert_eq!(cost.params(), header.params, "parameters of {name}");
        assert_eq!(
            2 * cost.total.inference_macs(),
            header.flops,
            "FLOPs of {name}"
        );

        let weights = header.weights.as_ref().map(|file| open(file).0);
        let weights = weights.as_ref().unwrap_or(&golden);
        let image: Tensor<4> = weights.tensor_or_rule("x", sides, &device);
        let mut detector = Detector::new(&graph, 0, &device);
        weights.fill_or_rule(&mut detector);
        for detector in [detector.clone(), detector.fuse()] {
            let outputs = detector.outputs(image.clone());
            let (raw, protos) = (outputs.levels, outputs.protos);
            assert_eq!(raw.len(), graph.detect().strides.len());
            let names: Vec<String> = (graph.detect().strides.iter())
                .map(|stride| format!("raw_p{}", stride.ilog2()))
                .collect();
            assert!(golden.has(names.last().unwrap()), "{name}: {names:?}");
            for (level, map) in names.iter().zip(&raw) {
                // Of a single image the coarsest level is there, and the boxes of all.
                if golden.has(level) {
                    golden.assert(level, map.clone());
                }
            }
            golden.assert("decoded", detector.decode(raw));
            golden.assert("decoded", detector.predict(image.clone()).0);
            assert_eq!(
                protos.is_some(),
                golden.has("protos"),
                "prototypes of {name}"
            );
            if let Some(protos) = protos {
                golden.assert("protos", protos);
            }
        }
    }
}

/// The first families have every variant, the others what their package has: a new variant needs a
/// fixture, and so does a new family.
#[test]
fn every_variant_and_every_family_has_a_fixture() {
    let names = fixtures("models");
    let covered: Vec<ModelName> = (names.iter().filter_map(|name| open(name).1.model))
        .map(|model| model.parse().unwrap())
        .collect();
    let catalog = Catalog::builtin();
    let mut refused = grid::singles(&catalog);
    for Model { name, .. } in models(&catalog) {
        refused.retain(|variant| *variant != name.variant());
        let of_all_variants = ["yolov5", "yolov8"].contains(&name.family.as_str());
        let name = match of_all_variants {
            true => name,
            false => ModelName::baseline(name.family, name.scale),
        };
        assert!(
            covered.contains(&name),
            "{name} has no fixture: run fixtures/detectors.py or families.py (see its README.md)"
        );
    }
    assert!(refused.is_empty(), "refused by every family: {refused:?}");
}

/// Moves every number of a network, running statistics included, so that normalisation is none of
/// the identity.
pub struct Shake(pub u32);

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
    for Model { name: model, graph } in models(&Catalog::builtin()) {
        let detector = Detector::new(&graph, 0, &device).fuse();
        let image = image([64, 96], &device);
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
                "{model} in {dtype:?}: off by {error:e} of the largest value"
            );
        }
    }
}

/// A network for inference alone gives what it gave before.
#[test]
fn folding_changes_nothing() {
    let device = Device::flex();
    for Model { name: model, graph } in models(&Catalog::builtin()) {
        let detector = Detector::new(&graph, 0, &device).map(&mut Shake(1));
        let output = |detector: &Detector| {
            let raw = detector.forward(image([64, 96], &device));
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
            "{model}: off by {error:e} of {largest:e}"
        );
    }
}

#[test]
fn fusion_weights_are_for_asff_alone() {
    let device = device();
    let image = || burn::tensor::Tensor::ones([1, 3, 64, 96], &device);
    let weights = narrow("yolov5n+asff", &device)
        .fusion_weights(image())
        .unwrap();
    let shapes: Vec<[usize; 4]> = weights.iter().map(|w| w.dims()).collect();
    assert_eq!(shapes, [[1, 3, 8, 12], [1, 3, 4, 6], [1, 3, 2, 3]]);
    assert!(narrow("yolov5n", &device).fusion_weights(image()).is_none());
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
