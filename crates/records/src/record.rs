//! What one stage of one cell measured: the only thing that a report reads.
//!
//! A record is a JSON file of its own, written atomically as soon as it is known. Its key is a hash of all that went into
//! the measurement, so a sweep that shares a cell with an earlier one finds the record and need not measure again.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The four stages of a cell, in the order in which a sweep runs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Cost,
    Latency,
    Train,
    Eval,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::Cost, Self::Latency, Self::Train, Self::Eval];

    /// As the reader writes it: `cost`, `latency`, `train`, `eval`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Latency => "latency",
            Self::Train => "train",
            Self::Eval => "eval",
        }
    }
}

/// One model × data set × seed × device of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Family, scale and variants as the reader writes them: `yolov5n+gsconv`.
    pub model: String,
    /// `yolov5`.
    pub family: String,
    /// The variants without the family, `gsconv+asff`, or `baseline`.
    pub variant: String,
    /// `n`, `s`, `m`, `l` or `x`.
    pub scale: String,
    /// Number of classes of the detection head.
    pub nc: usize,
    pub imgsz: ImageSizes,
    /// The data set's name; none where the cell is neither trained nor evaluated.
    pub dataset: Option<String>,
    /// Seed of initial weights, augmentation and order; none where the cell is not trained.
    pub seed: Option<u64>,
    /// The device as the reader writes it: `flex`, `tch:cuda:0`.
    pub device: String,
    /// Batch size of the latency measurement.
    pub batch: usize,
    /// Number format of weights and maps in the latency measurement: `f32`, `f16` or `bf16`. All else is in 32 bits.
    #[serde(default = "f32", skip_serializing_if = "is_f32")]
    pub dtype: String,
}

/// What a latency was measured with, beside its image size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timing<'a> {
    pub batch: usize,
    /// None of 32 bits, which go without saying.
    pub rounded_to: Option<&'a str>,
}

impl Cell {
    pub fn timing(&self) -> Timing<'_> {
        Timing {
            batch: self.batch,
            rounded_to: Some(self.dtype.as_str()).filter(|dtype| !is_f32(dtype)),
        }
    }
}

impl Timing<'_> {
    /// For a file's name: `batch1`, `batch1-f16`.
    pub fn word(&self) -> String {
        self.to_string().replace(" in ", "-").replace(' ', "")
    }
}

impl fmt::Display for Timing<'_> {
    /// `batch 1`, `batch 1 in f16`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "batch {}", self.batch)?;
        self.rounded_to
            .map_or(Ok(()), |dtype| write!(f, " in {dtype}"))
    }
}

fn f32() -> String {
    "f32".into()
}

fn is_f32(dtype: &str) -> bool {
    dtype == "f32"
}

/// Height and width of the network's input in pixels, stage by stage: published costs are those of 640 pixels, whatever a network is
/// trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ImageSizes {
    pub cost: usize,
    pub latency: usize,
    /// Of training and evaluation.
    pub train: usize,
}

impl From<usize> for ImageSizes {
    /// The same at every stage.
    fn from(imgsz: usize) -> Self {
        Self {
            cost: imgsz,
            latency: imgsz,
            train: imgsz,
        }
    }
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Outcome {
    Done {
        measurement: Measurement,
    },
    Failed {
        error: String,
    },
    /// Not run, and why: the reader asked for less, or an earlier stage failed.
    Skipped {
        reason: String,
    },
    /// A training that a sweep's halving ended before its time. It measured nothing that could be set beside one that went to its end.
    Stopped {
        /// In words.
        reason: String,
        rung: Rung,
        /// What was trained until then.
        epochs: Vec<EpochLog>,
    },
}

/// Where a sweep's halving stopped a model, all its seeds together, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Epochs that were trained, of so many.
    pub epoch: usize,
    pub epochs: usize,
    /// The share of the ranked models that was to go on, how many that were, and how many went on.
    pub keep: f64,
    pub ranked: usize,
    pub kept: usize,
    /// Place among them, from 1, by fitness on the validation split: a mean over the model's seeds.
    pub place: usize,
    pub fitness: f64,
    pub seeds: usize,
    /// The fitness that it took to go on.
    pub least: f64,
    /// The model's mAP50-95 of boxes on the validation split, a mean too, 0 to 1.
    pub map50_95: f64,
}

/// What a stage measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase")]
pub enum Measurement {
    Cost(CostMeasurement),
    Latency(LatencyMeasurement),
    Train(TrainMeasurement),
    Eval(EvalMeasurement),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostMeasurement {
    /// Trainable parameters.
    pub params: u64,
    /// GFLOPs at `imgsz` in the published (THOP) convention, as the model tables print them.
    pub gflops: f64,
    /// 2 × multiply-accumulates of every convolution and matrix product at `imgsz`, in 1e9.
    pub gflops_exact: f64,
    /// Rows of the model table.
    pub layers: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyMeasurement {
    /// Milliseconds a forward pass of the whole batch, decoded boxes included.
    pub median_ms: f64,
    pub mean_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub min_ms: f64,
    /// Sample standard deviation; 0 for a single iteration.
    pub std_ms: f64,
    /// Batch divided by the median.
    pub images_per_s: f64,
    pub warmup: usize,
    pub iterations: usize,
    /// Every timed iteration in milliseconds, in order.
    pub samples_ms: Vec<f64>,
    /// Of the iterations that are not timed; the weights of the models that it is timed against are held, too.
    #[serde(default)]
    pub memory: PeakMemory,
    /// Where weights and maps were not in 32 bits: the largest difference that this made to a box or a probability, as a share of the largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding_error: Option<f64>,
}

/// The most memory that was held while something was measured, in MiB; none where that can't be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PeakMemory {
    /// What the whole process had resident.
    pub host_mib: Option<f64>,
    /// What the device's allocator had reserved.
    pub device_mib: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainMeasurement {
    pub epochs: Vec<EpochLog>,
    /// Seconds of wall-clock time over all epochs, evaluation during training included; sums over resumed runs.
    pub train_s: f64,
    /// Training images a second, data loading and augmentation included, evaluation not.
    pub images_per_s: f64,
    /// Zero-based epoch of the best checkpoint.
    pub best_epoch: usize,
    /// Checkpoint files relative to the sweep's folder.
    pub best_weights: String,
    pub last_weights: String,
    pub train_images: usize,
    pub val_images: usize,
    /// What the training began with; none where all weights were random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<FirstWeights>,
    /// How the anchors fitted the training split; none of a head without anchors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchors: Option<Box<AnchorFit>>,
    #[serde(default)]
    pub memory: PeakMemory,
}

/// How well anchors fit a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnchorFit {
    /// Share of boxes that at least one anchor matches.
    pub best_possible_recall: f64,
    pub anchors_per_box: f64,
    /// The anchors, level by level, in pixels, where they are not those of the model's table.
    pub replaced: Option<Vec<Vec<[f64; 2]>>>,
}

/// A file of weights that a training began with, and how much of it fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FirstWeights {
    /// The file's name, without its folder.
    pub file: String,
    /// Tensors of the network that the file filled, of so many.
    pub taken: usize,
    pub total: usize,
    /// Tensors in the file that the network has no place for.
    pub unused: usize,
}

/// One epoch of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    pub epoch: usize,
    /// Learning rate of the weights at the epoch's last step.
    pub lr: f64,
    /// Mean losses by name: `box`, `obj`, `cls`; `box`, `cls`, `dfl` of a head without anchors.
    pub losses: BTreeMap<String, f64>,
    /// COCO figures of the moving average's weights on the validation split; none where this epoch was not evaluated.
    pub map50: Option<f64>,
    pub map50_95: Option<f64>,
    /// The same of masks, of a model that makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_map50: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_map50_95: Option<f64>,
    pub seconds: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalMeasurement {
    /// The split that was evaluated: `val`, `test`.
    pub split: String,
    pub images: usize,
    pub instances: usize,
    #[serde(flatten)]
    pub boxes: ApFigures,
    /// Of a model that makes masks, on a data set that has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks: Option<ApFigures>,
    /// mAP50-95 of boxes on resampled images, which are the same for every model on the same images; none where no drawn image has an object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bootstrap: Vec<Option<f64>>,
    pub seconds: f64,
}

/// Average precision and recall, of boxes or of masks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApFigures {
    /// The twelve COCO figures by name: AP, AP50, AP75, AP_small … AR_large; none where there was nothing to measure
    /// (pycocotools prints -1).
    pub coco: BTreeMap<String, Option<f64>>,
    pub per_class: Vec<ClassAp>,
}

impl ApFigures {
    /// A COCO figure by name, 0 to 1; `AR_100`, `AR@100` and `ar100` are the same name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let plain = |text: &str| {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
                .to_lowercase()
        };
        self.coco
            .iter()
            .find(|(key, _)| plain(key) == plain(name))
            .and_then(|(_, figure)| *figure)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAp {
    pub name: String,
    pub instances: usize,
    pub ap: Option<f64>,
    pub ap50: Option<f64>,
}

/// The machine and the program that a record comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    pub ablate: String,
    pub burn: String,
    pub rustc: String,
    /// Commit of the program, `unknown` outside a checkout; `+dirty` where files differed from it.
    pub commit: String,
    pub os: String,
    pub cpu: String,
    pub cores: usize,
    pub threads: usize,
    pub memory_gib: f64,
    /// What `NVIDIA_TF32_OVERRIDE` was: `0` keeps NVIDIA's libraries from rounding to TF32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tf32_override: Option<String>,
}

/// One stage of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Hash of `stage` and `inputs`, in hexadecimal.
    pub key: String,
    pub stage: Stage,
    pub cell: Cell,
    pub outcome: Outcome,
    /// All that went into the measurement: the resolved model table, recipe, data set fingerprint, seed, device, protocol.
    pub inputs: serde_json::Value,
    pub environment: Environment,
    /// When the stage ended, RFC 3339.
    pub finished: String,
}
