//! The command lines of `ablate report` and `ablate compare`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
