//! Reads fixtures and compares with them.

use std::{collections::BTreeMap, path::PathBuf};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use burn_store::{ModuleSnapshot, SafetensorsStore};
use safetensors::SafeTensors;

/// A file under `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The tensors of a fixture by name.
pub struct Golden {
    path: PathBuf,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Golden {
    pub fn open(name: &str) -> Self {
        let path = fixture(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap();
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
            tensors: tensors.collect(),
            path,
        }
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let (shape, values) = &self.tensors[name];
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), device)
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

    /// Asserts that a tensor is the golden one: the same shape, and no difference above 1e-4 of the largest value.
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
