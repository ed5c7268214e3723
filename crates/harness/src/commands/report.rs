//! `ablate report`: the report of a sweep's folder, from its records.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::{cli::ReportArgs, progress::print};
use ablate_records::{Judging, store::Store};
use ablate_report::{Contents, terminal};

pub fn execute(args: &ReportArgs) -> Result<ExitCode> {
    let store = Store::open(&args.folder)?;
    let records = store.report()?;
    let (title, variants, mut judging) = match store.manifest() {
        Some(manifest) => (manifest.sweep, manifest.variants, manifest.judging),
        None => (folder_name(store.folder()), Vec::new(), Judging::default()),
    };
    if let Some(margin) = args.margin {
        ensure!(
            margin > 0.0 && margin <= 100.0,
            "--margin: expected points of mAP above 0, at most 100, found {margin}"
        );
        judging.margin = Some(margin);
    }
    let contents = Contents {
        title: &title,
        variants: &variants,
        judging,
        records: &records,
    };
    let written = ablate_report::write(store.folder(), &contents)?;
    print(terminal::summary(&records, judging).trim_end());
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
