//! Files of a training: the weights of the last and the best epoch, and what it resumes from.
//!
//! All are SafeTensors, written beside their place and moved there, so a file is whole or absent.
//! Weights are those of the moving average under the names of a PyTorch state dict. What a training
//! resumes from is one file, so that its parts are of one moment.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use burn::Tensor;
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::TensorData;
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use ablate_files::write_atomic_if;
use ablate_model::weights::NAMES;

use crate::amp::LossScale;
use crate::tensors::{Tensors, names};
use ablate_records::EpochLog;

/// Weights of the best epoch.
pub const BEST: &str = "best.safetensors";
/// Weights of the last epoch.
pub const LAST: &str = "last.safetensors";
/// What a training resumes from.
pub const RESUME: &str = "resume.safetensors";

/// Key of the metadata that holds a [`TrainingState`] as JSON.
const STATE: &str = "state";

/// The state of a training, without its tensors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingState {
    /// What is trained on what and how; a checkpoint of another training is rejected.
    pub identity: String,
    /// What the identity stands for, to say what differs; null in files of earlier versions.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub inputs: serde_json::Value,
    /// The epochs that are done.
    pub log: Vec<EpochLog>,
    /// Epoch and fitness of the best one.
    pub best: Option<(usize, f64)>,
    /// Batch, counted over all epochs, after which the optimizer last made a step.
    pub last_update: Option<usize>,
    /// Updates of the moving average.
    pub ema_updates: u64,
    /// Whether training ended before its last epoch, for want of progress.
    pub stopped: bool,
    /// Seconds spent in all, and on batches alone.
    pub total_s: f64,
    /// Seconds spent on batches alone.
    pub batches_s: f64,
    /// Images trained on.
    pub images: usize,
    /// Steps of Adam; as many as updates of the average in files of earlier versions. In mixed precision some updates have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Of a training in mixed precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<LossScale>,
    /// The epoch that is begun, where the training was interrupted in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<BegunEpoch>,
}

/// What is done of an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BegunEpoch {
    /// Batches.
    pub steps: usize,
    /// Their losses summed up, part by part.
    pub losses: Vec<f64>,
    /// Learning rate of the last one.
    pub lr: f64,
    /// Seconds that they took.
    pub seconds: f64,
}

/// Why a checkpoint cannot be written or read, by file.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub struct CheckpointError {
    path: PathBuf,
    message: String,
}

impl CheckpointError {
    fn new(path: &Path, message: impl ToString) -> Self {
        Self {
            path: path.into(),
            message: message.to_string(),
        }
    }
}

/// Tensors to be written, by name.
#[derive(Default)]
pub struct Writer(Vec<(String, Stored)>);

struct Stored {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Writer {
    /// Adds what `tensors` has for a module's parameters, under their names after a prefix.
    pub fn add<M: Module>(&mut self, prefix: &str, module: &M, tensors: &Tensors) {
        let names = names(module);
        module.visit(&mut Collector {
            names,
            prefix,
            tensors,
            out: self,
        });
    }

    /// Adds one tensor.
    pub fn add_values(&mut self, name: String, shape: Vec<usize>, values: &[f32]) {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.0.push((name, Stored { shape, bytes }));
    }

    /// Writes weights, with the names of the classes that they are of, to a file at once, if it is still
    /// ours.
    ///
    /// # Errors
    /// If the file cannot be written, or is another's.
    pub fn write_weights(
        self,
        file: &Path,
        classes: &[String],
        is_ours: impl FnOnce() -> bool,
    ) -> Result<(), CheckpointError> {
        self.write(file, NAMES, &classes, is_ours)
    }

    /// Writes what a training resumes from to a file at once, if it is still ours.
    ///
    /// # Errors
    /// If the file cannot be written, or is another's.
    pub fn write_state(
        self,
        file: &Path,
        state: &TrainingState,
        is_ours: impl FnOnce() -> bool,
    ) -> Result<(), CheckpointError> {
        self.write(file, STATE, state, is_ours)
    }

    /// With one entry of metadata: the order of several would not be the same in every run.
    fn write(
        self,
        file: &Path,
        key: &str,
        value: &impl Serialize,
        is_ours: impl FnOnce() -> bool,
    ) -> Result<(), CheckpointError> {
        let fail = |error: &dyn std::error::Error| CheckpointError::new(file, error);
        let value = serde_json::to_string(value).map_err(|e| fail(&e))?;
        let metadata = Some(HashMap::from([(key.to_owned(), value)]));
        let bytes = safetensors::serialize(self.0, metadata).map_err(|e| fail(&e))?;
        write_atomic_if(file, &bytes, is_ours)
            .map_err(|error| CheckpointError::new(file, error.root_cause()))
    }
}

struct Collector<'a> {
    names: HashMap<ParamId, String>,
    prefix: &'a str,
    tensors: &'a Tensors,
    out: &'a mut Writer,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(tensor) = self.tensors.get::<D>(param.id) else {
            return;
        };
        let shape = tensor.dims().to_vec();
        let values: Vec<f32> = tensor
            .try_into_vec_as()
            .expect("a float tensor holds floats");
        self.out.add_values(
            format!("{}{}", self.prefix, self.names[&param.id]),
            shape,
            &values,
        );
    }
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// A file that was read.
pub struct Reader {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Reader {
    /// Reads a file; None if it does not exist.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(file: &Path) -> Result<Option<Self>, CheckpointError> {
        match std::fs::read(file) {
            Ok(bytes) => Ok(Some(Self {
                path: file.into(),
                bytes,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CheckpointError::new(file, error)),
        }
    }

    /// # Errors
    /// If the file holds no state of a training.
    pub fn state(&self) -> Result<TrainingState, CheckpointError> {
        let (_, header) =
            SafeTensors::read_metadata(&self.bytes).map_err(|e| self.not_safetensors(&e))?;
        let state = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(STATE));
        let state = state.ok_or_else(|| self.error("the metadata hold no training state"))?;
        serde_json::from_str(state)
            .map_err(|error| self.error(format!("cannot read the training state: {error}")))
    }

    /// The tensors for a module's parameters, which stand under their names after a prefix. Those
    /// that are absent are left out.
    ///
    /// # Errors
    /// Names a tensor that is of another shape than the parameter.
    pub fn tensors<M: Module>(&self, prefix: &str, module: &M) -> Result<Tensors, CheckpointError> {
        let file = SafeTensors::deserialize(&self.bytes).map_err(|e| self.not_safetensors(&e))?;
        let mut finder = Finder {
            names: names(module),
            prefix,
            file,
            found: Tensors::new(),
            misfit: None,
        };
        module.visit(&mut finder);
        match finder.misfit {
            None => Ok(finder.found),
            Some(misfit) => Err(self.error(misfit)),
        }
    }

    /// As [`Self::tensors`], but all of them.
    ///
    /// # Errors
    /// Also where some are absent.
    pub fn all_tensors<M: Module>(
        &self,
        prefix: &str,
        module: &M,
    ) -> Result<Tensors, CheckpointError> {
        let tensors = self.tensors(prefix, module)?;
        match names(module).len() - tensors.len() {
            0 => Ok(tensors),
            absent => Err(self.error(format!(
                "{absent} of the network's tensors `{prefix}…` are missing"
            ))),
        }
    }

    /// An error that names this file.
    pub fn error(&self, message: impl ToString) -> CheckpointError {
        CheckpointError::new(&self.path, message)
    }

    fn not_safetensors(&self, error: &dyn std::error::Error) -> CheckpointError {
        self.error(format!("not a SafeTensors file: {error}"))
    }
}

struct Finder<'a> {
    names: HashMap<ParamId, String>,
    prefix: &'a str,
    file: SafeTensors<'a>,
    found: Tensors,
    misfit: Option<String>,
}

impl ModuleVisitor for Finder<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = format!("{}{}", self.prefix, self.names[&param.id]);
        let Ok(view) = self.file.tensor(&name) else {
            return;
        };
        let parameter = param.val().inner();
        if view.dtype() != Dtype::F32 || view.shape() != parameter.dims() {
            let (found, expected) = (view.shape(), parameter.dims());
            self.misfit.get_or_insert(format!(
                "{name}: expected F32 {expected:?}, found {:?} {found:?}",
                view.dtype()
            ));
            return;
        }
        let values = view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes));
        let data = TensorData::new(values.collect::<Vec<f32>>(), view.shape().to_vec());
        self.found
            .register(param.id, Tensor::<D>::from_data(data, &parameter.device()));
    }
}
