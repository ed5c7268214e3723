//! The command line.

use std::path::PathBuf;

use ablate_model::ModelName;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::{device::DeviceName, measure::precision::Precision};
use ablate_records::Stage;

/// Is this change to a YOLO detector worth it? Parameters, GFLOPs, latency and mAP of every variant at every scale.
///
/// A model is written family, scale, variants: yolov5n, yolov5s+gsconv, yolov5n+ghost+asff; a variant's arguments follow a
/// colon: yolov5s+asff:order=sequential,rfb=true.
#[derive(Debug, Parser)]
#[command(name = "ablate", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Say more (-vv for all).
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Say only what is wrong.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a sweep: costs, latencies, trainings and evaluations, with a CSV file and a report.
    Run(RunArgs),
    /// Print the table of models: rows, parameters, GFLOPs.
    Show(ShowArgs),
    /// Compare two models row by row: what was replaced, and what it did to parameters and GFLOPs.
    Diff(DiffArgs),
    /// Train one model.
    Train(TrainArgs),
    /// Evaluate weights on a split of a data set.
    Val(ValArgs),
    /// Time models against each other, in turn.
    Latency(LatencyArgs),
    /// COCO metrics of detections in COCO's results format.
    Metrics(MetricsArgs),
    /// Draw the report of a sweep's folder again.
    Report(ReportArgs),
    /// List the devices that this build can use.
    Devices,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The sweep's file.
    pub sweep: PathBuf,
    /// Folder of the results; reports/NAME where not given.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Run this cell only; --dry-run lists the ids. May be given again.
    #[arg(long = "cell", value_name = "ID")]
    pub cells: Vec<String>,
    /// Devices in place of the sweep's.
    #[arg(long = "device", visible_alias = "devices", value_delimiter = ',')]
    pub devices: Vec<DeviceName>,
    /// Run these variants only, whether the sweep has them or not; the same holds for --scales and --families.
    #[arg(long, num_args = 1..)]
    pub variants: Vec<String>,
    /// Run these scales only.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub scales: Vec<String>,
    /// Run these families only.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub families: Vec<String>,
    /// Run these stages only.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = stage)]
    pub stages: Vec<Stage>,
    /// Measure again what has been measured.
    #[arg(long)]
    pub fresh: bool,
    /// Print the cells and stop.
    #[arg(long)]
    pub dry_run: bool,
}

/// Models by name, and files with the reader's own tables.
#[derive(Debug, Args)]
pub struct Models {
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<ModelName>,
    #[command(flatten)]
    pub tables: Tables,
}

#[derive(Debug, Args)]
pub struct Tables {
    /// A model table or a variant of your own, known by its file's name from then on. May be given again.
    #[arg(long = "table", value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub models: Models,
    /// Number of classes; the table's own where not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub nc: Option<u32>,
    /// Height and width of the image in pixels.
    #[arg(long, default_value_t = 640)]
    pub imgsz: usize,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    pub before: ModelName,
    pub after: ModelName,
    #[command(flatten)]
    pub tables: Tables,
    /// Number of classes; the tables' own where not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub nc: Option<u32>,
    /// Height and width of the image in pixels.
    #[arg(long, default_value_t = 640)]
    pub imgsz: usize,
    /// Show the rows that are the same, too.
    #[arg(long)]
    pub all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    Csv,
}

#[derive(Debug, Args)]
pub struct TrainArgs {
    pub model: ModelName,
    #[command(flatten)]
    pub tables: Tables,
    /// The data set: its file, or `shapes`.
    #[arg(long)]
    pub data: PathBuf,
    /// The recipe's file; the default recipe where not given.
    #[arg(long)]
    pub recipe: Option<PathBuf>,
    /// In place of the recipe's; the same holds for --batch.
    #[arg(long)]
    pub epochs: Option<usize>,
    /// Height and width of the network's input in pixels.
    #[arg(long, default_value_t = 640)]
    pub imgsz: usize,
    /// -1: as many images as fit the GPU.
    #[arg(long, allow_negative_numbers = true)]
    pub batch: Option<i64>,
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    #[arg(long, default_value = "flex")]
    pub device: DeviceName,
    /// Folder of the checkpoints and the log; runs/MODEL where not given.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Go on from the folder's last checkpoint.
    #[arg(long)]
    pub resume: bool,
    /// Begin with these weights (.safetensors or .pt).
    #[arg(long, conflicts_with = "resume")]
    pub weights: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ValArgs {
    pub model: ModelName,
    #[command(flatten)]
    pub tables: Tables,
    /// The weights (.safetensors or .pt).
    #[arg(long)]
    pub weights: PathBuf,
    /// The data set: its file, or `shapes`.
    #[arg(long)]
    pub data: PathBuf,
    /// train, val or test.
    #[arg(long, default_value = "val")]
    pub split: String,
    #[arg(long, default_value_t = 640)]
    pub imgsz: usize,
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    /// Evaluate all images in squares, and not in rectangles by their aspect ratio, as YOLOv5 and Ultralytics do.
    #[arg(long)]
    pub square: bool,
    /// Detections must be surer than this; 0.001 where not given.
    #[arg(long, value_parser = part)]
    pub conf: Option<f32>,
    /// Of two boxes of a class that overlap by more than this the less sure one goes; where not given 0.6 for a head with anchors and 0.7 for one
    /// without, as YOLOv5 and Ultralytics have it.
    #[arg(long, value_parser = part)]
    pub iou: Option<f32>,
    /// Detections of an image at most; 300 where not given.
    #[arg(long)]
    pub max_det: Option<usize>,
    #[arg(long, default_value = "flex")]
    pub device: DeviceName,
    /// Write the detections to this file, in COCO's results format.
    #[arg(long, value_name = "FILE")]
    pub save_json: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = MetricsFormat::Table)]
    pub format: MetricsFormat,
}

#[derive(Debug, Args)]
pub struct LatencyArgs {
    #[command(flatten)]
    pub models: Models,
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub nc: Option<u32>,
    /// Height and width of the images in pixels.
    #[arg(long, default_value_t = 640)]
    pub imgsz: usize,
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    /// Time a training step in place of the forward pass: forward, loss, backward, optimizer.
    #[arg(long)]
    pub train_step: bool,
    /// Seconds of timed work a model.
    #[arg(long, default_value_t = 5.0)]
    pub budget: f64,
    /// Iterations a model that are not timed.
    #[arg(long, default_value_t = 3)]
    pub warmup: usize,
    /// Timed iterations a model at least.
    #[arg(long, default_value_t = 10)]
    pub min_iterations: usize,
    /// Keep batch normalisation and RepVGG's branches as they are in training, instead of folding them into convolutions.
    #[arg(long)]
    pub no_fuse: bool,
    /// Format of weights and maps; what rounding to it does to the outputs is measured too.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub dtype: Precision,
    #[arg(long, default_value = "flex")]
    pub device: DeviceName,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct MetricsArgs {
    /// Ground truth in COCO's format.
    #[arg(value_name = "GT.json")]
    pub ground_truth: PathBuf,
    /// Detections in COCO's results format: a list of image_id, category_id, bbox or segmentation, score.
    #[arg(value_name = "DETECTIONS.json")]
    pub detections: PathBuf,
    #[arg(long, value_enum, default_value_t = MetricsFormat::Table)]
    pub format: MetricsFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MetricsFormat {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A sweep's folder.
    pub folder: PathBuf,
}

fn stage(word: &str) -> Result<Stage, String> {
    serde_json::from_value(word.into()).map_err(|_| "write cost, latency, train or eval".into())
}

/// A part of the whole.
fn part(word: &str) -> Result<f32, String> {
    word.parse()
        .ok()
        .filter(|part| (0.0..=1.0).contains(part))
        .ok_or("a number from 0 to 1 would be right".into())
}
