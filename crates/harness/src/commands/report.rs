//! `ablate report`: the report of a sweep's folder, or its table as text, from its records.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    cli::{ReportArgs, ReportFormat, TableArgs},
    progress::print,
};
use ablate_files::write_atomic;
use ablate_records::{Judging, Manifest, Record, store::Store};
use ablate_report::{Contents, TableFormat, TableOptions, Written, terminal};

pub fn execute(args: &ReportArgs) -> Result<ExitCode> {
    let (store, records) = open(&args.folder)?;
    ensure!(
        !records.is_empty(),
        "{}: expected records, found none that this version can read",
        args.folder.display()
    );
    let mut manifest = manifest(&store);
    if let Some(margin) = args.margin {
        manifest.judging.margin = Some(check_margin(margin)?);
    }
    let judging = manifest.judging;
    let contents = Contents {
        title: &manifest.sweep,
        variants: &manifest.variants,
        judging,
        records: &records,
    };
    let is_table = write_table(&args.table, |options| {
        ablate_report::table(&contents, options)
    })?;
    if !is_table {
        let written = ablate_report::write(store.folder(), &contents)?;
        print(terminal::summary(&records, judging).trim_end());
        tell(&written);
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of a sweep, and its records; says which are missing since they were damaged.
pub(super) fn open(folder: &Path) -> Result<(Store, Vec<Record>)> {
    let store = Store::open(folder)?;
    let records = store.report()?;
    for file in store.damaged()? {
        tracing::warn!(
            "{}: damaged, and left out until it is measured again",
            file.display()
        );
    }
    Ok((store, records))
}

/// The folder's manifest; without one, the folder's name and the defaults.
pub(super) fn manifest(store: &Store) -> Manifest {
    store.manifest().unwrap_or_else(|| Manifest {
        sweep: folder_name(store.folder()),
        variants: Vec::new(),
        judging: Judging::default(),
        rows: Vec::new(),
    })
}

/// Writes the table where it is asked for, and says whether it is.
pub(super) fn write_table(
    args: &TableArgs,
    table: impl FnOnce(&TableOptions) -> Result<String>,
) -> Result<bool> {
    let format = match args.format {
        ReportFormat::Html => {
            of_tables_only(args)?;
            return Ok(false);
        }
        ReportFormat::Markdown => TableFormat::Markdown,
        ReportFormat::Latex => TableFormat::Latex,
        ReportFormat::Csv => TableFormat::Csv,
    };
    let table = table(&TableOptions {
        format,
        columns: &args.columns,
        scales: &args.scales,
    })?;
    match &args.output {
        // A pipe or a device is written to, not replaced by a file.
        Some(file) if file.exists() && !file.is_file() && !file.is_dir() => {
            std::fs::write(file, table)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        Some(file) => write_atomic(file, table.as_bytes())?,
        None => print(table.trim_end()),
    }
    Ok(true)
}

/// Rejects what has no effect on the page.
fn of_tables_only(args: &TableArgs) -> Result<()> {
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

/// Says where a report is.
pub(super) fn tell(written: &Written) {
    tracing::info!(
        "{}, {}, {} plots",
        written.html.display(),
        written.csv.display(),
        written.plots.len()
    );
}

/// The last part of a folder's path.
pub(super) fn folder_name(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or(folder.as_os_str())
        .to_string_lossy()
        .into_owned()
}
