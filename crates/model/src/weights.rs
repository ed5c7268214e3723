//! Weights in files: SafeTensors, read and written, and PyTorch state dicts, read. Names are those
//! of a PyTorch state dict, `model.0.conv.weight`. The checkpoints that YOLOv5 and Ultralytics
//! write are read, too: their tensors, without running any code from them.

use std::path::Path;

use burn::tensor::{DType, TensorData};
use burn_store::{
    ApplyError, ApplyResult, ModuleSnapshot, ModuleStore, PytorchStore, PytorchStoreError,
    SafetensorsStore, bridge,
};

use crate::{coding::BoxCoding, detector::Detector, layout::arranged};

/// How much of a file was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Names of the detector's tensors that the file filled.
    pub taken: Vec<String>,
    /// Names of the detector's tensors that stay fresh: absent from the file, or of another shape
    /// there.
    pub fresh: Vec<String>,
    /// Names in the file that the detector has no place for.
    pub unused: Vec<String>,
}

/// Error while reading or writing weights; names the file.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub struct WeightsError {
    path: String,
    message: String,
}

impl WeightsError {
    fn new(path: &Path, message: impl ToString) -> Self {
        Self {
            path: path.display().to_string(),
            message: message.to_string(),
        }
    }
}

/// Writes all weights and running statistics as SafeTensors.
pub fn save(detector: &Detector, path: &Path) -> Result<(), WeightsError> {
    let mut store = SafetensorsStore::from_file(path)
        .skip_enum_variants(true)
        .overwrite(true);
    detector
        .save_into(&mut store)
        .map_err(|e| WeightsError::new(path, e))
}

/// Takes over whatever fits by name and shape from a SafeTensors file (`.safetensors`), or a
/// PyTorch state dict or a checkpoint (`.pt`, `.pth`), whose half-precision numbers become 32-bit
/// ones.
///
/// # Errors
/// Where the file can't be read, or where nothing in it fits.
pub fn load(detector: &mut Detector, path: &Path) -> Result<Loaded, WeightsError> {
    let fail = |message: String| WeightsError::new(path, message);
    if !path.is_file() {
        return Err(fail("no such file".into()));
    }
    let result = match path.extension().and_then(|ending| ending.to_str()) {
        Some("safetensors") => {
            let mut store = SafetensorsStore::from_file(path)
                .skip_enum_variants(true)
                .allow_partial(true)
                .validate(false);
            load_from(detector, &mut store)
                .map_err(|e| fail(format!("not a SafeTensors file: {e}")))?
        }
        Some("pt" | "pth") => load_pytorch(detector, path)
            .map_err(|e| fail(format!("not a PyTorch state dict or checkpoint: {e}")))?,
        _ => {
            return Err(fail(
                "expected a name that ends in .safetensors, .pt or .pth".into(),
            ));
        }
    };
    // Checkpoints hold half-precision numbers, and a parameter takes the type of what fills it.
    *detector = arranged(detector.clone().cast(DType::F32));
    let loaded = Loaded::from(result);
    match loaded.taken.is_empty() {
        true => Err(fail(
            "no tensor fits the model by name and shape; is it another model's file?".into(),
        )),
        false => Ok(loaded),
    }
}

/// Where a checkpoint may keep the network, the one that it was evaluated with first. A bare state
/// dict has none of these keys.
const NETWORKS: [&str; 4] = ["ema", "model", "state_dict", "model_state_dict"];

fn load_pytorch(detector: &mut Detector, path: &Path) -> Result<ApplyResult, PytorchStoreError> {
    let store = || {
        PytorchStore::from_file(path)
            .map_indices_contiguous(false)
            .skip_enum_variants(true)
            .allow_partial(true)
            .validate(false)
    };
    for key in NETWORKS {
        match load_from(detector, &mut store().with_top_level_key(key)) {
            Ok(result) if !result.applied.is_empty() => return Ok(result),
            _ => continue,
        }
    }
    load_from(detector, &mut store())
}

/// The detector's tensors, and its anchors if the file has some for its head: a training may
/// have fitted them to its data.
fn load_from<S: ModuleStore>(
    detector: &mut Detector,
    store: &mut S,
) -> Result<ApplyResult, S::Error> {
    let mut result = detector.load_from(store)?;
    let name = detector.anchors_name();
    let stored = store
        .get_all_tensors()?
        .get(&name)
        .and_then(|tensor| bridge::to_data(tensor).ok());
    if let Some(anchors) = stored.and_then(|stored| anchors(detector, stored)) {
        detector.set_anchors(anchors);
        result.unused.retain(|unused| *unused != name);
    }
    Ok(result)
}

/// Anchors in pixels from those in strides; None if they are not as many as the head's.
fn anchors(detector: &Detector, stored: TensorData) -> Option<Vec<Vec<[f64; 2]>>> {
    let detect = detector.detect();
    let BoxCoding::Anchors(own) = &detect.coding else {
        return None;
    };
    let count = detect.boxes_per_cell();
    let sides: Vec<f32> = stored.convert::<f32>().try_into_vec().ok()?;
    let levels: Vec<Vec<[f64; 2]>> = sides
        .chunks_exact(2 * count)
        .zip(&detect.strides)
        .map(|(level, stride)| {
            level
                .as_chunks::<2>()
                .0
                .iter()
                .map(|sides| sides.map(|side| f64::from(side) * *stride as f64))
                .collect()
        })
        .collect();
    (sides.len() == own.len() * count * 2).then_some(levels)
}

impl From<ApplyResult> for Loaded {
    fn from(result: ApplyResult) -> Self {
        let misfits = result.errors.iter().map(|error| match error {
            ApplyError::ShapeMismatch { path, .. }
            | ApplyError::DTypeMismatch { path, .. }
            | ApplyError::AdapterError { path, .. }
            | ApplyError::LoadError { path, .. } => path.clone(),
        });
        let fresh = result
            .missing
            .iter()
            .map(|(path, _)| path.clone())
            .chain(misfits)
            .collect();
        Self {
            taken: result.applied,
            fresh,
            unused: result.unused,
        }
    }
}
