//! Reads fixtures and compares with them. How they are made is in `fixtures/README.md`.

use std::{collections::BTreeMap, path::PathBuf};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use burn_store::{ModuleSnapshot, SafetensorsStore};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;

/// A file under `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The names of the fixtures in a folder, without their ending.
pub fn fixtures(folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(fixture(folder)).unwrap();
    let mut names: Vec<String> = files
        .filter_map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".safetensors").map(str::to_string)
        })
        .collect();
    names.sort();
    names
}

/// The tensors of a fixture by name, and its header, which is JSON.
pub struct Golden {
    path: PathBuf,
    header: Option<String>,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Golden {
    pub fn open(name: &str) -> Self {
        let path = fixture(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let floats = |data: &[u8]| {
            data.chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect()
        };
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(name, view)| (name, (view.shape().to_vec(), floats(view.data()))));
        Self {
            header: (header.metadata().as_ref()).and_then(|words| words.get("fixture").cloned()),
            tensors: tensors.collect(),
            path,
        }
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let (shape, values) = &self.tensors[name];
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), device)
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor of the file, or the rule's where the file has none of that name.
    pub fn tensor_or_rule<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Tensor<D> {
        match self.has(name) {
            true => self.tensor(name, device),
            false => Tensor::from_data(TensorData::new(by_rule(name, &shape), shape), device),
        }
    }

    /// What the file says it is of; none where it says nothing.
    pub fn header<T: DeserializeOwned>(&self) -> Option<T> {
        let json = self.header.as_ref()?;
        let read = serde_json::from_str(json);
        Some(read.unwrap_or_else(|e| panic!("{}: {e}", self.path.display())))
    }

    /// Fills a module with the file's weights, `w.*`, and by the rule where it has none.
    pub fn fill_or_rule<M: Module>(&self, module: &mut M) {
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = module
            .collect(None, None, true)
            .into_iter()
            .filter(|tensor| !is_constant(&tensor.name))
            .map(|tensor| {
                let own = self.tensors.get(&format!("w.{}", tensor.name));
                let (shape, values) = own.cloned().unwrap_or_else(|| {
                    let shape = tensor.shape.to_vec();
                    let values = by_rule(&tensor.name, &shape);
                    (shape, values)
                });
                let bytes = values.iter().flat_map(|value| value.to_le_bytes());
                (tensor.name, shape, bytes.collect())
            })
            .collect();
        let weights = |name: &&String| name.starts_with("w.");
        let unused: Vec<&String> = (self.tensors.keys().filter(weights))
            .filter(|weight| !tensors.iter().any(|(name, ..)| weight[2..] == *name))
            .collect();
        assert!(
            unused.iter().all(|name| is_constant(name)),
            "tensors of {} without a place: {unused:?}",
            self.path.display()
        );
        if tensors.is_empty() {
            return;
        }
        let views = tensors.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
            (name, view)
        });
        let bytes = safetensors::serialize(views, None).unwrap();
        let mut store = SafetensorsStore::from_bytes(Some(bytes))
            .skip_enum_variants(true)
            .allow_partial(true);
        let result = module.load_from(&mut store).unwrap();
        assert!(result.errors.is_empty(), "{:?}", result.errors);
        assert_eq!(result.applied.len(), tensors.len());
    }

    /// Fills a module with the tensors under a prefix; every one of the module's has to be there.
    pub fn fill<M: Module>(&self, module: &mut M, prefix: &str) {
        let mut store = SafetensorsStore::from_file(&self.path)
            .skip_enum_variants(true)
            .with_key_remapping(format!("^{prefix}"), "")
            .allow_partial(true);
        let result = module.load_from(&mut store).unwrap();
        assert!(
            result.missing.is_empty() && result.errors.is_empty(),
            "{:?} {:?}",
            result.missing,
            result.errors
        );
        let weights = self
            .tensors
            .keys()
            .filter(|name| name.starts_with("w."))
            .count();
        assert_eq!(
            result.applied.len(),
            weights,
            "tensors of {} without a place: {:?}",
            self.path.display(),
            result.unused
        );
    }

    /// Asserts that a tensor is the golden one: the same shape, and no difference above 1e-4 of the
    /// largest value.
    pub fn assert<const D: usize>(&self, name: &str, ours: Tensor<D>) {
        let (shape, golden) = &self.tensors[name];
        assert_eq!(&ours.dims().to_vec(), shape, "shape of {name}");
        let ours: Vec<f32> = ours.into_data().try_into_vec().unwrap();
        let largest = golden.iter().fold(0f32, |a, b| a.max(b.abs()));
        let error = ours
            .iter()
            .zip(golden)
            .map(|(a, b)| (a - b).abs())
            .fold(0f32, f32::max);
        println!(
            "{}: {name} off by {:e} of the largest value",
            self.path.display(),
            error / largest
        );
        assert!(
            error <= 1e-4 * largest,
            "{name}: off by {error:e}, the largest value is {largest:e}"
        );
    }
}

/// Weights that a fixture need not hold: `fixture.py` has the same rule, and says it in words.
fn by_rule(name: &str, shape: &[usize]) -> Vec<f32> {
    let (low, high) = bounds(name, shape);
    let seed = name.bytes().fold(0x811c_9dc5u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let share = |i: usize| {
        let mut x = (i as u32).wrapping_mul(0x9e37_79b1).wrapping_add(seed);
        for (shift, factor) in [(16, 0x7feb_352d), (15, 0x846c_a68b)] {
            x = (x ^ (x >> shift)).wrapping_mul(factor);
        }
        f64::from(x ^ (x >> 16)) / 2f64.powi(32)
    };
    (0..shape.iter().product())
        .map(|i| (low + (high - low) * share(i)) as f32)
        .collect()
}

fn bounds(name: &str, shape: &[usize]) -> (f64, f64) {
    let ends = |ending: &str| name.ends_with(ending);
    match shape {
        _ if name == "x" => (0.0, 1.0),
        _ if name.starts_with('x') => (-1.0, 1.0),
        _ if ends("bias") => (-0.2, 0.2),
        _ if ends("cond_conv.weight") => (-0.3, 0.3),
        [_] => (0.8, 1.2),
        _ => {
            let fan_in: usize = shape[1..].iter().product();
            let bound = (6.0 / fan_in as f64).sqrt();
            (-bound, bound)
        }
    }
}

/// What nothing learns: the distances of YOLOv8's head.
fn is_constant(name: &str) -> bool {
    name.ends_with("dfl.conv.weight")
}
