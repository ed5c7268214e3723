//! The command lines of `ablate train` and `ablate val`.

use std::{num::NonZeroUsize, path::PathBuf};

use ablate_detection::dataset::Split;
use ablate_model::ModelName;
use clap::Args;

use super::{Tables, TextFormat, share};
use crate::device::DeviceName;
use ablate_records::ImageSize;

/// Arguments of `ablate train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Model name.
    pub model: ModelName,
    /// Files of tables and variants.
    #[command(flatten)]
    pub tables: Tables,
    /// Data set: a YAML file, a folder, or `shapes` (built in).
    #[arg(long)]
    pub data: PathBuf,
    /// Recipe file [default: YOLOv5's scratch-low].
    #[arg(long)]
    pub recipe: Option<PathBuf>,
    /// Number of epochs (overrides the recipe).
    #[arg(long)]
    pub epochs: Option<usize>,
    /// Height and width of the network's input, in pixels; one number for a square.
    #[arg(long, value_name = "SIZE", default_value = "640")]
    pub imgsz: ImageSize,
    /// Images per batch, or -1 for as many as fit the GPU (overrides the recipe).
    #[arg(long, allow_negative_numbers = true)]
    pub batch: Option<i64>,
    /// Seed of the first weights, the order of images and augmentation.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Device to train on; `ablate devices` lists them.
    #[arg(long, default_value = "flex")]
    pub device: DeviceName,
    /// Folder of the checkpoints and weights [default: runs/MODEL].
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Continue from the folder's last checkpoint.
    #[arg(long)]
    pub resume: bool,
    /// File of first weights (.safetensors or .pt) [default: random weights].
    #[arg(long, conflicts_with = "resume")]
    pub weights: Option<PathBuf>,
    /// Write the curves as an event file of TensorBoard, in the folder's tensorboard/; with --resume
    /// they go on.
    #[arg(long)]
    pub tensorboard: bool,
}

/// Arguments of `ablate val`.
#[derive(Debug, Args)]
pub struct ValArgs {
    /// Model name.
    pub model: ModelName,
    /// Files of tables and variants.
    #[command(flatten)]
    pub tables: Tables,
    /// File of weights (.safetensors or .pt).
    #[arg(long)]
    pub weights: PathBuf,
    /// Evaluate even if the file leaves some of the model's tensors random.
    #[arg(long)]
    pub allow_partial: bool,
    /// Data set: a YAML file, a folder, or `shapes` (built in).
    #[arg(long)]
    pub data: PathBuf,
    /// Split to evaluate: train, val or test.
    #[arg(long, default_value = "val")]
    pub split: Split,
    /// Longer side of the images, in pixels, or height and width of the network's input.
    #[arg(long, value_name = "SIZE", default_value = "640")]
    pub imgsz: ImageSize,
    /// Images per batch.
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    /// Pad images to squares [default: rectangles by aspect ratio, as YOLOv5 and Ultralytics].
    #[arg(long)]
    pub square: bool,
    /// Minimum confidence, 0 to 1 [default: 0.001].
    #[arg(long, value_parser = share)]
    pub conf: Option<f32>,
    /// NMS IoU threshold, 0 to 1 [default: 0.6 anchor-based, 0.7 anchor-free]; not for end-to-end
    /// heads, which suppress nothing.
    #[arg(long, value_parser = share)]
    pub iou: Option<f32>,
    /// Maximum number of detections per image [default: 300].
    #[arg(long)]
    pub max_det: Option<NonZeroUsize>,
    /// Device to evaluate on; `ablate devices` lists them.
    #[arg(long, default_value = "flex")]
    pub device: DeviceName,
    /// Write the detections to this file, in COCO's results format, under the data set's own image
    /// ids (else file names).
    #[arg(long, value_name = "FILE")]
    pub save_json: Option<PathBuf>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = TextFormat::Table)]
    pub format: TextFormat,
}
