//! The command line of `ablate status`.

use std::path::PathBuf;

use clap::Args;

use super::TextFormat;

/// Arguments of `ablate status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Folder of a sweep's results, such as reports/ablate.
    pub folder: PathBuf,
    /// Output format.
    #[arg(long, value_enum, default_value_t = TextFormat::Table)]
    pub format: TextFormat,
}
