//! `ablate report`: the report of a sweep's folder, or its table as text, from its records.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};

use crate::{
    cli::{ReportArgs, ReportFormat},
    progress::print,
};
use ablate_files::write_atomic;
use ablate_records::{Judging, store::Store};
use ablate_report::{Contents, TableFormat, TableOptions, terminal};

pub fn execute(args: &ReportArgs) -> Result<ExitCode> {
    let store = Store::open(&args.folder)?;
    let records = store.report()?;
    let (title, variants, mut judging) = match store.manifest() {
        Some(manifest) => (manifest.sweep, manifest.variants, manifest.judging),
        None => (folder_name(store.folder()), Vec::new(), Judging::default()),
    };
    if let Some(margin) = args.margin {
        judging.margin = Some(check_margin(margin)?);
    }
    let contents = Contents {
        title: &title,
        variants: &variants,
        judging,
        records: &records,
    };
    let format = match args.format {
        ReportFormat::Html => None,
        ReportFormat::Markdown => Some(TableFormat::Markdown),
        ReportFormat::Latex => Some(TableFormat::Latex),
        ReportFormat::Csv => Some(TableFormat::Csv),
    };
    if let Some(format) = format {
        let options = TableOptions {
            format,
            columns: &args.columns,
            scales: &args.scales,
        };
        let table = ablate_report::table(&contents, &options)?;
        match &args.output {
            Some(file) => write_atomic(file, table.as_bytes())?,
            None => print(table.trim_end()),
        }
        return Ok(ExitCode::SUCCESS);
    }
    of_tables_only(args)?;
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

/// Rejects what has no effect on the page.
fn of_tables_only(args: &ReportArgs) -> Result<()> {
    let given = [
        ("--output", args.output.is_some()),
        ("--columns", !args.columns.is_empty()),
        ("--scale", !args.scales.is_empty()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => bail!("{option}: requires --format markdown, latex or csv"),
        None => Ok(()),
    }
}

/// A margin in points of mAP.
pub(super) fn check_margin(margin: f64) -> Result<f64> {
    ensure!(
        margin > 0.0 && margin <= 100.0,
        "--margin: expected points of mAP above 0, at most 100, found {margin}"
    );
    Ok(margin)
}

fn folder_name(folder: &std::path::Path) -> String {
    folder
        .file_name()
        .unwrap_or(folder.as_os_str())
        .to_string_lossy()
        .into_owned()
}
