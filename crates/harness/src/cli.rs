//! The command line.

mod run;
mod status;
mod submit;

use std::{ffi::OsString, path::PathBuf};

use ablate_detection::dataset::Split;
use ablate_model::ModelName;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use self::{
    run::RunArgs,
    status::StatusArgs,
    submit::{JobOption, KubernetesArgs, NodeKind, SlurmArgs, SubmitArgs},
};
use crate::{device::DeviceName, measure::precision::Precision};
use ablate_records::{ImageSize, Stage};

/// Measure whether a change to a YOLO detector is worth it: parameters, GFLOPs, latency and mAP of
/// every variant at every scale.
///
/// A model's name is its family, scale and variants: yolov5n, yolov5s+gsconv, yolov5n+ghost+asff.
/// Arguments of a variant follow a colon: yolov5s+asff:order=sequential,rfb=true.
#[derive(Debug, Parser)]
#[command(name = "ablate", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Log more (-vv for everything).
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Log warnings and errors only.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl Cli {
    /// Reads a command line; height and width of `--imgsz 384 640` may be two words.
    pub fn of(words: impl IntoIterator<Item = OsString>) -> Self {
        Self::parse_from(one_size(words))
    }
}

/// The words with the two of a size as one, `384,640`: an option of one or two words would take a
/// model's name for the second.
fn one_size(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let number = |word: &OsString| {
        let word = word.to_str().unwrap_or_default();
        !word.is_empty() && word.chars().all(|c| c.is_ascii_digit())
    };
    let mut joined: Vec<OsString> = Vec::new();
    for word in words {
        let option = joined
            .len()
            .checked_sub(2)
            .map(|place| joined[place] == "--imgsz");
        match joined.last_mut() {
            Some(height) if option == Some(true) && number(height) && number(&word) => {
                height.push(",");
                height.push(word);
            }
            _ => joined.push(word),
        }
    }
    joined
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a sweep: measure cost and latency, train, evaluate, and write a CSV file and a report.
    Run(RunArgs),
    /// Write a sweep down for a cluster's scheduler, and submit it.
    Submit(SubmitArgs),
    /// Print how far a sweep is: done, running, failed and waiting.
    Status(StatusArgs),
    /// Print the layers of models with output shapes, parameters and GFLOPs.
    Show(ShowArgs),
    /// Compare two models layer by layer: what was replaced, and the change in parameters and
    /// GFLOPs.
    Diff(DiffArgs),
    /// List the variants with their sources, arguments and defaults.
    Variants(VariantsArgs),
    /// Look at a data set: what it holds, what was left out and why, and its images with their boxes.
    Data(DataArgs),
    /// Train one model.
    Train(TrainArgs),
    /// Evaluate weights on a split of a data set.
    Val(ValArgs),
    /// Time models against each other, in turn.
    Latency(LatencyArgs),
    /// Compute COCO metrics of detections in COCO's results format.
    Metrics(MetricsArgs),
    /// Rewrite the report of a sweep's folder from its records, or print its table as Markdown,
    /// LaTeX or CSV.
    Report(ReportArgs),
    /// Write one report of several sweeps or machines.
    Compare(CompareArgs),
    /// List the devices of this machine that this build can use.
    Devices,
    /// Print the completion script of a shell.
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each subcommand.
    Man(ManArgs),
}

/// Models by name, and files with tables and variants of the user's own.
#[derive(Debug, Args)]
pub struct Models {
    /// Model names, such as yolov5n or yolov8s+gsconv.
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<ModelName>,
    /// Files of tables and variants.
    #[command(flatten)]
    pub tables: Tables,
}

/// Files with tables and variants of the user's own.
#[derive(Debug, Args)]
pub struct Tables {
    /// File with a model table or a variant, named after the file (repeatable).
    #[arg(long = "table", value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Arguments of `ablate show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The models.
    #[command(flatten)]
    pub models: Models,
    /// Number of classes [default: as in the table].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub nc: Option<u32>,
    /// Height and width of the image, in pixels; one number for a square.
    #[arg(long, value_name = "SIZE", default_value = "640")]
    pub imgsz: ImageSize,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Arguments of `ablate diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Model to compare with.
    pub before: ModelName,
    /// Model to compare.
    pub after: ModelName,
    /// Files of tables and variants.
    #[command(flatten)]
    pub tables: Tables,
    /// Number of classes [default: as in the tables].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub nc: Option<u32>,
    /// Height and width of the image, in pixels; one number for a square.
    #[arg(long, value_name = "SIZE", default_value = "640")]
    pub imgsz: ImageSize,
    /// Print unchanged layers too.
    #[arg(long)]
    pub all: bool,
}

/// Output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(
    missing_docs,
    reason = "clap would print them beside each value, which lengthens the help"
)]
pub enum Format {
    Table,
    Json,
    Csv,
}

/// Arguments of `ablate variants`.
#[derive(Debug, Args)]
pub struct VariantsArgs {
    /// Files of tables and variants.
    #[command(flatten)]
    pub tables: Tables,
    /// Output format.
    #[arg(long, value_enum, default_value_t = TextFormat::Table)]
    pub format: TextFormat,
}

/// Arguments of `ablate completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell that completes.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Arguments of `ablate man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for the command and each subcommand to this folder instead.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Arguments of `ablate data`.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// Data set: a YAML file, a folder, or `shapes` (built in).
    #[arg(value_name = "FILE")]
    pub data: PathBuf,
    /// Look at this split only: train, val or test [default: all that there are].
    #[arg(long)]
    pub split: Option<Split>,
    /// Write pages of all images with their boxes to this folder; open its index.html.
    #[arg(long, value_name = "FOLDER")]
    pub html: Option<PathBuf>,
    /// Output format; -v prints all problems in the table, JSON has them always.
    #[arg(long, value_enum, default_value_t = TextFormat::Table)]
    pub format: TextFormat,
}

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
    pub max_det: Option<usize>,
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

/// Arguments of `ablate latency`.
#[derive(Debug, Args)]
pub struct LatencyArgs {
    /// The models.
    #[command(flatten)]
    pub models: Models,
    /// Number of classes [default: as in the tables].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub nc: Option<u32>,
    /// Height and width of the images, in pixels; one number for squares.
    #[arg(long, value_name = "SIZE", default_value = "640")]
    pub imgsz: ImageSize,
    /// Images per batch.
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    /// Time a training step instead: forward, loss, backward, optimizer.
    #[arg(long)]
    pub train_step: bool,
    /// Least timed work per model, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub budget: f64,
    /// Go on until each ratio is known within ± so many percent; 0: end with the budget.
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0)]
    pub within: f64,
    /// Timed work per model at most, in seconds [default: 4 × the budget].
    #[arg(long, value_name = "SECONDS")]
    pub limit: Option<f64>,
    /// Number of untimed iterations per model.
    #[arg(long, default_value_t = 3)]
    pub warmup: usize,
    /// Minimum number of timed iterations per model.
    #[arg(long, default_value_t = 10)]
    pub min_iterations: usize,
    /// Do not fold batch normalisation and RepVGG's branches into convolutions.
    #[arg(long)]
    pub no_fuse: bool,
    /// Number format of weights and activations; for f16 and bf16 the rounding error of the outputs
    /// is measured too.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub dtype: Precision,
    /// Device to time on; `ablate devices` lists them.
    #[arg(long, default_value = "flex")]
    pub device: DeviceName,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Arguments of `ablate metrics`.
#[derive(Debug, Args)]
pub struct MetricsArgs {
    /// Ground truth in COCO's format.
    #[arg(value_name = "GT.json")]
    pub ground_truth: PathBuf,
    /// Detections in COCO's results format: a list of image_id, category_id, bbox or segmentation,
    /// score.
    #[arg(value_name = "DETECTIONS.json")]
    pub detections: PathBuf,
    /// Output format.
    #[arg(long, value_enum, default_value_t = TextFormat::Table)]
    pub format: TextFormat,
}

/// Output formats of what is no flat table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(
    missing_docs,
    reason = "clap would print them beside each value, which lengthens the help"
)]
pub enum TextFormat {
    Table,
    Json,
}

/// Arguments of `ablate report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folder of a sweep's results, such as reports/ablate.
    pub folder: PathBuf,
    /// A change of mAP within so many points is as good [default: as the sweep says].
    #[arg(long, value_name = "POINTS", allow_negative_numbers = true)]
    pub margin: Option<f64>,
    /// The table instead of the page.
    #[command(flatten)]
    pub table: TableArgs,
}

/// Arguments of `ablate compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Folders of sweeps' results, two or more.
    #[arg(required = true, num_args = 2.., value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// Folder of the report [default: reports/compare-NAME-NAME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// A change of mAP within so many points is as good [default: as the sweeps say].
    #[arg(long, value_name = "POINTS", allow_negative_numbers = true)]
    pub margin: Option<f64>,
    /// The table instead of the page.
    #[command(flatten)]
    pub table: TableArgs,
}

/// A report's table as text.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// What to write: the page with plots and CSV file into the folder, or the table to standard
    /// output, to be pasted.
    #[arg(long, value_enum, default_value_t = ReportFormat::Html)]
    pub format: ReportFormat,
    /// Write the table to this file instead.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Columns of the table behind the model, by their names in results.csv, comma-separated
    /// [default: parameters, GFLOPs, latency, mAP and their changes].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Scales of the table, comma-separated [default: all].
    #[arg(
        long = "scale",
        visible_alias = "scales",
        value_name = "SCALE",
        value_delimiter = ','
    )]
    pub scales: Vec<String>,
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(
    missing_docs,
    reason = "clap would print them beside each value, which lengthens the help"
)]
pub enum ReportFormat {
    Html,
    Markdown,
    Latex,
    Csv,
}

fn stage(word: &str) -> Result<Stage, String> {
    serde_json::from_value(word.into())
        .map_err(|_| "expected cost, latency, train, eval or detect".into())
}

fn share(word: &str) -> Result<f32, String> {
    word.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or("expected a number from 0 to 1".into())
}
