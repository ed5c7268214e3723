//! What one stage of one cell measured: the only thing that a report reads.
//!
//! A record is a JSON file, written atomically as soon as its stage ends. Its key is a hash of
//! everything that went into the measurement, so a sweep that shares a cell with an earlier one
//! finds the record and does not measure again.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{DataAccount, ImageSize};

/// The stages of a cell, in the order in which a sweep runs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Parameters and GFLOPs, by arithmetic.
    Cost,
    /// Times of a forward pass.
    Latency,
    /// Training on the train split.
    Train,
    /// COCO figures of the trained model.
    Eval,
    /// Times from an image to its boxes, by the trained model.
    Detect,
}

impl Stage {
    /// In order.
    pub const ALL: [Self; 5] = [
        Self::Cost,
        Self::Latency,
        Self::Train,
        Self::Eval,
        Self::Detect,
    ];

    /// `cost`, `latency`, `train`, `eval`, `detect`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Latency => "latency",
            Self::Train => "train",
            Self::Eval => "eval",
            Self::Detect => "detect",
        }
    }
}

/// One model × data set × seed × device of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Family, scale and variants: `yolov5n+gsconv`.
    pub model: String,
    /// `yolov5`.
    pub family: String,
    /// The variants without the family, `gsconv+asff`, or `baseline`.
    pub variant: String,
    /// `n`, `s`, `m`, `l` or `x`.
    pub scale: String,
    /// Number of classes of the detection head.
    pub nc: usize,
    /// Image sizes of its stages.
    pub imgsz: ImageSizes,
    /// The data set's name; None if the cell is neither trained nor evaluated.
    pub dataset: Option<String>,
    /// Seed of initial weights, augmentation and order; None if the cell is not trained.
    pub seed: Option<u64>,
    /// `flex`, `tch:cuda:0`.
    pub device: String,
    /// Batch size of the latency measurement.
    pub batch: usize,
    /// Number format of weights and feature maps in the latency measurement: `f32`, `f16` or
    /// `bf16`. The other stages use f32.
    #[serde(default = "f32", skip_serializing_if = "is_f32")]
    pub dtype: String,
}

/// Batch size and number format of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timing<'a> {
    /// Images per forward pass.
    pub batch: usize,
    /// `f16` or `bf16`; None for f32, the default.
    pub rounded_to: Option<&'a str>,
}

impl Cell {
    /// Batch size and number format of its latency.
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

/// Height and width of the network's input in pixels, stage by stage: published costs are for 640
/// pixels, whatever a network is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ImageSizes {
    /// Of the cost.
    pub cost: ImageSize,
    /// Of the latency.
    pub latency: ImageSize,
    /// Of training and evaluation.
    pub train: ImageSize,
}

impl From<usize> for ImageSizes {
    /// The same at every stage.
    fn from(imgsz: usize) -> Self {
        let imgsz = ImageSize::from(imgsz);
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
    /// It was measured.
    Done {
        /// What was measured.
        measurement: Measurement,
    },
    /// It failed.
    Failed {
        /// The whole error.
        error: String,
    },
    /// It was not run: the sweep does not request it, or an earlier stage failed.
    Skipped {
        /// In words.
        reason: String,
    },
    /// Halving stopped the training early. Its figures cannot be compared with those of a finished
    /// training.
    Stopped {
        /// In words.
        reason: String,
        /// Where it was stopped, and by which rule.
        rung: Rung,
        /// The epochs until then.
        epochs: Vec<EpochLog>,
    },
}

/// Where halving stopped a model, all its seeds together, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Number of epochs trained.
    pub epoch: usize,
    /// Number of epochs of the whole training.
    pub epochs: usize,
    /// Share of the ranked models that goes on, 0 to 1.
    pub keep: f64,
    /// Number of ranked models.
    pub ranked: usize,
    /// Number of models that went on.
    pub kept: usize,
    /// The model's place among the ranked, from 1, by fitness.
    pub place: usize,
    /// Fitness on the validation split, the mean over the model's seeds.
    pub fitness: f64,
    /// Number of seeds.
    pub seeds: usize,
    /// The lowest fitness that went on.
    pub least: f64,
    /// mAP50-95 of boxes on the validation split, 0 to 1, the mean over the seeds.
    pub map50_95: f64,
}

/// What a stage measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase")]
pub enum Measurement {
    /// Of [`Stage::Cost`].
    Cost(CostMeasurement),
    /// Of [`Stage::Latency`].
    Latency(LatencyMeasurement),
    /// Of [`Stage::Train`].
    Train(TrainMeasurement),
    /// Of [`Stage::Eval`].
    Eval(EvalMeasurement),
    /// Of [`Stage::Detect`].
    Detect(Box<DetectMeasurement>),
}

/// What a model costs, by arithmetic on its table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostMeasurement {
    /// Trainable parameters.
    pub params: u64,
    /// GFLOPs at the cell's image size in the published (THOP) convention, as the model tables
    /// print them.
    pub gflops: f64,
    /// 2 × multiply-accumulates of every convolution and matrix product at that size, in 1e9.
    pub gflops_exact: f64,
    /// Rows of the model table.
    pub layers: usize,
}

/// Milliseconds of a forward pass of the whole batch, including the decoding of boxes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyMeasurement {
    /// Median of the timed iterations.
    pub median_ms: f64,
    /// Mean.
    pub mean_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// The fastest iteration.
    pub min_ms: f64,
    /// Sample standard deviation; 0 for a single iteration.
    pub std_ms: f64,
    /// Batch size divided by the median, per second.
    pub images_per_s: f64,
    /// Number of iterations before the first timed one.
    pub warmup: usize,
    /// Number of timed iterations.
    pub iterations: usize,
    /// Every timed iteration in milliseconds, in order.
    pub samples_ms: Vec<f64>,
    /// The rounds in which it was timed in turn with other models; None in records of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<Rounds>,
    /// What else the machine did meanwhile; None if it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// Peak of the untimed iterations; it includes the weights of the models that are timed in
    /// turn.
    #[serde(default)]
    pub memory: PeakMemory,
    /// If the number format is not f32: the largest difference from f32 of a box or probability, as
    /// a share of the largest (0 to 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding_error: Option<f64>,
}

/// The rounds in which several models were timed, each once in every round, in an order drawn anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rounds {
    /// The same for all models that were timed in turn, and for no others.
    pub session: String,
    /// Median of the iterations of each round, in milliseconds.
    pub medians_ms: Vec<f64>,
}

impl Rounds {
    /// Natural logarithms of the ratios to a baseline's times, round by round; None if the two were
    /// not timed in the same rounds.
    pub fn logs_against(&self, base: &Self) -> Option<Vec<f64>> {
        let together =
            self.session == base.session && self.medians_ms.len() == base.medians_ms.len();
        let ratios = self.medians_ms.iter().zip(&base.medians_ms);
        together.then(|| ratios.map(|(own, base)| (own / base).ln()).collect())
    }
}

/// What else a machine did while something was timed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Cores that other programs kept busy, on average.
    pub others: f64,
    /// Cores that a virtual machine asked for and did not get, on average.
    pub stolen: f64,
    /// Clock of the slowest core in MHz, before and after; None if the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_mhz: Option<(f64, f64)>,
    /// The hottest sensor in °C, at the end; None if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f64>,
}

impl Load {
    /// What disturbed the timing, in words; None if nothing did. `cores` is the number of cores of
    /// the machine.
    pub fn disturbance(&self, cores: usize) -> Option<String> {
        // So much of all cores comes from the system itself.
        let share = |busy: f64| busy / cores.max(1) as f64 > 0.03;
        let mut found = Vec::new();
        if share(self.others) {
            found.push(format!("other programs kept {:.1} cores busy", self.others));
        }
        if share(self.stolen) {
            found.push(format!("the host withheld {:.1} cores", self.stolen));
        }
        if let Some((before, after)) = self.clock_mhz.filter(|(a, b)| *b < 0.9 * a) {
            found.push(format!("the clock fell from {before:.0} to {after:.0} MHz"));
        }
        if let Some(celsius) = self.temperature_c.filter(|celsius| *celsius >= 95.0) {
            found.push(format!("a sensor read {celsius:.0} °C"));
        }
        (!found.is_empty()).then(|| found.join(", "))
    }
}

/// Peak memory in MiB; None if it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PeakMemory {
    /// Resident memory of the process.
    pub host_mib: Option<f64>,
    /// Memory reserved by the device's allocator.
    pub device_mib: Option<f64>,
}

/// A finished training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainMeasurement {
    /// All epochs, in order.
    pub epochs: Vec<EpochLog>,
    /// Wall-clock seconds of all epochs, including evaluation; summed over resumed runs.
    pub train_s: f64,
    /// Training images per second, including data loading and augmentation, excluding evaluation.
    pub images_per_s: f64,
    /// Zero-based epoch of the best checkpoint.
    pub best_epoch: usize,
    /// Checkpoint of the best epoch, relative to the sweep's folder.
    pub best_weights: String,
    /// Checkpoint of the last epoch, relative to the sweep's folder.
    pub last_weights: String,
    /// Number of images of the training split.
    pub train_images: usize,
    /// Number of images of the validation split.
    pub val_images: usize,
    /// What the training and the validation split hold, and what was left out of them; empty in
    /// records of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataAccount>,
    /// The file of weights that the training started from; None if all weights were random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<FirstWeights>,
    /// How the anchors fit the training split; None for a head without anchors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchors: Option<Box<AnchorFit>>,
    /// Peak memory.
    #[serde(default)]
    pub memory: PeakMemory,
}

/// How well anchors fit a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnchorFit {
    /// Share of boxes that at least one anchor matches, 0 to 1.
    pub best_possible_recall: f64,
    /// Mean number of anchors that match a box.
    pub anchors_per_box: f64,
    /// Width and height of the anchors in pixels, level by level; None if they are those of the
    /// model's table.
    pub replaced: Option<Vec<Vec<[f64; 2]>>>,
}

/// A file of weights that a training started from, and how much of it fits the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FirstWeights {
    /// The file's name, without its folder.
    pub file: String,
    /// Number of the model's tensors that the file filled.
    pub taken: usize,
    /// Number of the model's tensors.
    pub total: usize,
    /// Number of the file's tensors that do not fit the model.
    pub unused: usize,
}

/// One epoch of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    /// Zero-based number; people see epochs counted from 1.
    pub epoch: usize,
    /// Learning rate of the weights at the epoch's last step.
    pub lr: f64,
    /// Mean losses by name: `box`, `obj`, `cls`; `box`, `cls`, `dfl` for a head without anchors.
    pub losses: BTreeMap<String, f64>,
    /// mAP50 (0 to 1) of the moving average of the weights on the validation split; None if the
    /// epoch was not evaluated.
    pub map50: Option<f64>,
    /// mAP50-95, as `map50`.
    pub map50_95: Option<f64>,
    /// mAP50 of the masks; None also for a model without masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_map50: Option<f64>,
    /// mAP50-95 of the masks, as `mask_map50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_map50_95: Option<f64>,
    /// Wall-clock seconds, including evaluation.
    pub seconds: f64,
}

/// COCO figures of a trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalMeasurement {
    /// The split that was evaluated: `val`, `test`.
    pub split: String,
    /// Number of its images.
    pub images: usize,
    /// Number of objects in them.
    pub instances: usize,
    /// What the split holds, and what was left out of it; None in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataAccount>,
    /// Figures of the boxes.
    #[serde(flatten)]
    pub boxes: ApFigures,
    /// Figures of the masks; None if the model makes none or the data set has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks: Option<ApFigures>,
    /// mAP50-95 of boxes (0 to 1) on resampled images, the same for every model on the same images;
    /// None if no drawn image has an object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bootstrap: Vec<Option<f64>>,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Milliseconds from an image in memory to its boxes on the host, by trained weights, one image at a
/// time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectMeasurement {
    /// Of the whole way. All models of a round detect on the same image, that of the next round on
    /// the next one.
    pub whole: LatencyMeasurement,
    /// Of its parts.
    pub parts: DetectParts,
    /// The split that the images are of.
    pub split: String,
    /// Number of images.
    pub images: usize,
    /// Detections of an image, the mean.
    pub boxes_per_image: f64,
    /// The least score of a detection, 0 to 1.
    pub confidence: f64,
}

/// Medians of the parts of a detection in milliseconds, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DetectParts {
    /// The decoded image is resized, padded and made numbers from 0 to 1.
    pub letterbox_ms: f64,
    /// It is copied to the device.
    pub upload_ms: f64,
    /// The forward pass, with the decoding of boxes.
    pub forward_ms: f64,
    /// All boxes are copied to the host.
    pub download_ms: f64,
    /// Boxes below the least score and suppressed ones go; the rest is turned back into pixels of
    /// the original image. Masks, if the model makes them, are drawn.
    pub suppression_ms: f64,
}

/// Average precision and recall, of boxes or of masks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApFigures {
    /// The twelve COCO figures (0 to 1) by name: AP, AP50, AP75, AP_small … AR_large; None if there
    /// is nothing to measure (pycocotools prints -1).
    pub coco: BTreeMap<String, Option<f64>>,
    /// AP by class, in the data set's order.
    pub per_class: Vec<ClassAp>,
}

impl ApFigures {
    /// A COCO figure by name, 0 to 1; `AR_100`, `AR@100` and `ar100` are the same name. None if
    /// there is nothing to measure.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let normalized = |text: &str| {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
                .to_lowercase()
        };
        self.coco
            .iter()
            .find(|(key, _)| normalized(key) == normalized(name))
            .and_then(|(_, figure)| *figure)
    }
}

/// Average precision of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAp {
    /// The class's name.
    pub name: String,
    /// Number of its objects in the split.
    pub instances: usize,
    /// AP over IoU 0.50 to 0.95, 0 to 1; None if there are no objects.
    pub ap: Option<f64>,
    /// AP at IoU 0.50, 0 to 1; None if there are no objects.
    pub ap50: Option<f64>,
}

/// The machine and the program that a record comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of ablate.
    pub ablate: String,
    /// Version of Burn.
    pub burn: String,
    /// Version of the Rust compiler.
    pub rustc: String,
    /// Commit of the program, `unknown` outside a checkout; with `+dirty` if files differed from
    /// it.
    pub commit: String,
    /// Operating system.
    pub os: String,
    /// Processor.
    pub cpu: String,
    /// Number of cores.
    pub cores: usize,
    /// Number of threads used.
    pub threads: usize,
    /// Memory of the machine in GiB.
    pub memory_gib: f64,
    /// Value of `NVIDIA_TF32_OVERRIDE`: `0` keeps NVIDIA's libraries from rounding to TF32. None if
    /// it was not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tf32_override: Option<String>,
}

/// One stage of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Hash of `stage` and `inputs`, 32 hexadecimal digits; empty if the record only says that the
    /// stage was skipped.
    pub key: String,
    /// One of the cell's stages.
    pub stage: Stage,
    /// The cell that was measured.
    pub cell: Cell,
    /// What was measured, or why nothing was.
    pub outcome: Outcome,
    /// Everything that went into the measurement: the resolved model table, recipe, data set
    /// fingerprint, seed, device, protocol.
    pub inputs: serde_json::Value,
    /// Where it was measured.
    pub environment: Environment,
    /// When the stage ended, RFC 3339.
    pub finished: String,
}
