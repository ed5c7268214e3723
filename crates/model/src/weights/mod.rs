//! Weights in files: SafeTensors, read and written, and PyTorch state dicts, read. Names are those
//! of a PyTorch state dict, `model.0.conv.weight`. The checkpoints that YOLOv5 and Ultralytics
//! write are read, too: their tensors, without running any code from them.
//!
//! Files are taken as people have them: under a common prefix (`module.`, `ema.`), in half
//! precision, with batch normalisation folded into the convolutions.

mod classes;
mod file;
mod fused;
mod names;
mod slots;

use std::path::Path;

use burn::tensor::{DType, TensorData};
use burn_store::{ModuleSnapshot, SafetensorsStore, bridge};

use self::{fused::Fused, names::Match, slots::Slots};
use crate::{coding::BoxCoding, detector::Detector, layout::arranged};

pub use classes::{NAMES, class_names};
pub use names::Prefix;

/// How much of a file was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Names of the detector's tensors that the file filled.
    pub taken: Vec<String>,
    /// Names of the detector's tensors that stay fresh: absent from the file, or of another shape
    /// there.
    pub fresh: Vec<String>,
    /// Those of the fresh ones that an evaluation does without: branches that only training uses,
    /// and constants.
    pub idle: Vec<String>,
    /// Names in the file that the detector has no place for.
    pub unused: Vec<String>,
    /// Why tensors whose names fit stay fresh: a line each, with the shape that was expected and
    /// the one that was found.
    pub misfits: Vec<String>,
    /// What the file's names had in front of them, or lacked; None if they fit as they are.
    pub prefix: Option<Prefix>,
    /// Number of batch normalisations that the file has folded into their convolutions.
    pub fused: usize,
    /// Names of the classes that the file's network was trained on; None if the file has none.
    pub classes: Option<Vec<String>>,
}

impl Loaded {
    /// Names of the tensors that stay random though an evaluation needs them.
    pub fn random(&self) -> Vec<&str> {
        let needed = self.fresh.iter().filter(|name| !self.idle.contains(name));
        needed.map(String::as_str).collect()
    }

    /// Names of biases in the file whose weights were taken, but for which the model has no place:
    /// it computes something else than the file's network.
    pub fn lost_biases(&self) -> Vec<&str> {
        let lost = self.unused.iter().filter(|name| {
            let weight = name.strip_suffix(".bias").map(|of| format!("{of}.weight"));
            weight.is_some_and(|weight| self.taken.contains(&weight))
        });
        lost.map(String::as_str).collect()
    }
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
/// If the file can't be read, if nothing in it fits, or if a number in what fits is not finite.
pub fn load(detector: &mut Detector, path: &Path) -> Result<Loaded, WeightsError> {
    load_from(detector, path).map_err(|message| WeightsError::new(path, message))
}

fn load_from(detector: &mut Detector, path: &Path) -> Result<Loaded, String> {
    let slots = Slots::of(detector);
    let networks = file::networks(path)?;
    let matches = networks.iter().map(|network| Match::of(network, &slots));
    // The one that fits best, the first of those that fit alike.
    let best = matches.enumerate().reduce(|best, other| {
        if other.1.fits > best.1.fits {
            other
        } else {
            best
        }
    });
    let (index, found) = best.ok_or("the file holds no tensors")?;
    if let Some([one, other]) = &found.rivals {
        return Err(format!(
            "two networks in one file: the names fit without '{one}' and without '{other}'; keep one of them"
        ));
    }
    let network = networks.into_iter().nth(index).unwrap_or_default();
    let first = network
        .keys()
        .find(|name| name.ends_with("weight"))
        .or(network.keys().next())
        .cloned();
    let mut tensors = found.renamed(network);
    let fused = fused::unfold(&mut tensors, &slots)?;
    let sorted = slots.sort(tensors)?;
    if sorted.fitting.is_empty() {
        return Err(match (sorted.misfits.first(), first) {
            (Some(misfit), _) => {
                format!(
                    "no tensor fits the model by its shape ({misfit}); is it another model's file?"
                )
            }
            (None, Some(first)) => format!(
                "no tensor fits the model by its name: the file has '{first}', the model '{}'; is it another model's file?",
                slots.first()
            ),
            (None, None) => "the file holds no tensors".into(),
        });
    }
    let (result, stored) = (
        detector.apply(sorted.fitting, None, None, true),
        sorted.anchors,
    );
    // Checkpoints hold half-precision numbers, and a parameter takes the type of what fills it.
    *detector = arranged(detector.clone().cast(DType::F32));
    let mut unused = sorted.unused;
    if let Some(stored) = stored {
        let name = stored.name.clone();
        let fitting = bridge::into_data(stored)
            .ok()
            .and_then(|stored| anchors(detector, stored));
        match fitting {
            Some(anchors) => detector.set_anchors(anchors),
            None => unused.push(name),
        }
    }
    let taken = result.applied;
    let fresh: Vec<String> = slots.names().filter(|name| !taken.contains(name)).collect();
    let Fused { norms, .. } = fused;
    Ok(Loaded {
        idle: slots.idle(&fresh),
        taken,
        fresh,
        unused,
        misfits: sorted.misfits,
        prefix: found.prefix,
        fused: norms,
        classes: class_names(path),
    })
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
