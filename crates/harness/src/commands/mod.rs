//! The subcommands, one file each.

mod compare;
mod completions;
mod data;
mod devices;
mod diff;
mod latency;
mod man;
mod metrics;
mod report;
mod run;
mod show;
mod status;
mod submit;
mod train;
mod val;
mod variants;

use std::process::ExitCode;

use ablate_model::{Catalog, Graph, ModelName};
use ablate_records::ImageSize;
use anyhow::{Result, bail};

use crate::{
    cli::{Command, Tables},
    progress::print,
};

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
        Command::Submit(args) => submit::execute(&args),
        Command::Status(args) => status::execute(&args),
        Command::Show(args) => show::execute(&args),
        Command::Diff(args) => diff::execute(&args),
        Command::Variants(args) => variants::execute(&args),
        Command::Data(args) => data::execute(&args),
        Command::Train(args) => train::execute(&args),
        Command::Val(args) => val::execute(&args),
        Command::Latency(args) => latency::execute(&args),
        Command::Metrics(args) => metrics::execute(&args),
        Command::Report(args) => report::execute(&args),
        Command::Compare(args) => compare::execute(&args),
        Command::Devices => devices::execute(),
        Command::Completions(args) => completions::execute(&args),
        Command::Man(args) => man::execute(&args),
    }
}

/// The built-in models and those of the user's files.
fn catalog(tables: &Tables) -> Result<Catalog> {
    let mut catalog = Catalog::builtin();
    for file in &tables.files {
        if let Some(note) = catalog.add_file(file)? {
            tracing::info!("{note}");
        }
    }
    Ok(catalog)
}

fn graph(catalog: &Catalog, model: &ModelName, nc: Option<usize>) -> Result<Graph> {
    Ok(catalog.resolve(model)?.graph(nc)?)
}

/// Rejects an image whose sides the graph can't take.
fn check_imgsz(imgsz: ImageSize, graph: &Graph) -> Result<()> {
    match imgsz.check(graph.max_stride()) {
        Ok(_) => Ok(()),
        Err(message) => bail!("--imgsz: {message}"),
    }
}

/// Height and width, `640×640`.
fn by_sides(imgsz: ImageSize) -> String {
    format!("{}×{}", imgsz.height, imgsz.width)
}

/// Prints what was read otherwise than written.
fn print_notes(model: &str, graph: &Graph) {
    for note in &graph.notes {
        print(&format!("{model}: {note}"));
    }
}
