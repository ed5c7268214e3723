//! The subcommands, one file each.

mod completions;
mod devices;
mod diff;
mod latency;
mod man;
mod metrics;
mod report;
mod run;
mod show;
mod train;
mod val;
mod variants;

use std::process::ExitCode;

use ablate_model::{Catalog, Graph, ModelName};
use anyhow::{Result, bail};

use crate::cli::{Command, Tables};

/// Context of an error that is the work's, not the input's.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(&'static str);

/// Runs a subcommand.
///
/// # Errors
/// Mean that the input is wrong, unless they carry a [`Failure`].
pub fn execute(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run(args) => run::execute(&args),
        Command::Show(args) => show::execute(&args),
        Command::Diff(args) => diff::execute(&args),
        Command::Variants(args) => variants::execute(&args),
        Command::Train(args) => train::execute(&args),
        Command::Val(args) => val::execute(&args),
        Command::Latency(args) => latency::execute(&args),
        Command::Metrics(args) => metrics::execute(&args),
        Command::Report(args) => report::execute(&args),
        Command::Devices => devices::execute(),
        Command::Completions(args) => completions::execute(&args),
        Command::Man(args) => man::execute(&args),
    }
}

/// The built-in models and those of the user's files.
fn catalog(tables: &Tables) -> Result<Catalog> {
    let mut catalog = Catalog::builtin();
    for file in &tables.files {
        catalog.add_file(file)?;
    }
    Ok(catalog)
}

fn graph(catalog: &Catalog, model: &ModelName, nc: Option<usize>) -> Result<Graph> {
    Ok(catalog.resolve(model)?.graph(nc)?)
}

/// Rejects an image side that the graph can't take.
fn check_imgsz(imgsz: usize, graph: &Graph) -> Result<()> {
    let stride = graph.max_stride();
    if imgsz == 0 || !imgsz.is_multiple_of(stride) || imgsz > 8192 {
        bail!("--imgsz: expected a multiple of {stride} up to 8192, found {imgsz}");
    }
    Ok(())
}
