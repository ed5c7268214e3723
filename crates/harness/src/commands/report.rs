//! `ablate report`

use std::process::ExitCode;

use anyhow::Result;

use crate::{cli::ReportArgs, progress::print};
use ablate_records::store::Store;
use ablate_report::{self, terminal};

pub fn execute(args: &ReportArgs) -> Result<ExitCode> {
    let store = Store::open(&args.folder)?;
    let records = store.report()?;
    let title = store
        .index()
        .map_or_else(|| folder_name(store.folder()), |index| index.sweep);
    let written = ablate_report::write(store.folder(), &title, &records)?;
    print(terminal::summary(&records).trim_end());
    tracing::info!(
        "{}, {}, {} plots",
        written.html.display(),
        written.csv.display(),
        written.plots.len()
    );
    Ok(ExitCode::SUCCESS)
}

fn folder_name(folder: &std::path::Path) -> String {
    folder
        .file_name()
        .unwrap_or(folder.as_os_str())
        .to_string_lossy()
        .into_owned()
}
