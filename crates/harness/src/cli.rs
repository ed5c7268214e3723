//! The command line.

mod latency;
mod report;
mod run;
mod status;
mod submit;
mod training;

use std::{ffi::OsString, path::PathBuf};

use ablate_detection::dataset::Split;
use ablate_model::ModelName;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use self::{
    latency::LatencyArgs,
    report::{CompareArgs, ReportArgs, ReportFormat, TableArgs},
    run::RunArgs,
    status::StatusArgs,
    submit::{JobOption, KubernetesArgs, NodeKind, SlurmArgs, SubmitArgs},
    training::{TrainArgs, ValArgs},
};
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
