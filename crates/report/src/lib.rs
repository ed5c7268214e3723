//! Reports from records: `results.csv`, plots, an HTML page and a summary on the screen.
//!
//! A report reads records only, so it can be drawn at any time without running anything: after the
//! first stage it shows costs, and says why every other figure is missing. A new column of CSV,
//! screen and page is one row of the table in `columns`.

#![warn(missing_docs)]

mod caution;
mod columns;
mod compared;
mod csv;
mod data;
mod differences;
mod effort;
mod executions;
mod html;
mod interval;
mod lacks;
mod many;
mod mark;
mod modes;
mod number;
mod own;
mod pareto;
mod paste;
mod plots;
mod precision;
mod rows;
mod sentence;
mod source;
mod summary;
mod tensorboard;
pub mod terminal;

pub use compared::Compared;
pub use data::{
    DataPages, DataTable, PER_PAGE, SplitPages, Thumbnail, ThumbnailBox, write_data_pages,
};
pub use differences::Difference;
pub use own::check_own;
pub use paste::{TableFormat, TableOptions};
pub use source::Source;
pub use tensorboard::EventFile;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rayon::prelude::*;

use ablate_files::write_atomic;
use ablate_records::{Judging, Record, VariantNote};

/// What a report is about.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The page's title.
    pub title: &'a str,
    /// What the variants are. Those without records are left out; a variant without a note is not
    /// explained.
    pub variants: &'a [VariantNote],
    /// How changes are judged.
    pub judging: Judging,
    /// What was measured, in any order; a sweep may still be running.
    pub records: &'a [Record],
}

/// The files of a report.
#[derive(Clone, Debug)]
pub struct Written {
    /// `results.csv`, one row per cell.
    pub csv: PathBuf,
    /// `report.html`, which needs no other file.
    pub html: PathBuf,
    /// `plots/*.png`.
    pub plots: Vec<PathBuf>,
}

/// The report's table as text, one for each setting: see [`TableOptions`].
///
/// # Errors
/// A column or a scale that there is not; no records.
pub fn table(contents: &Contents, options: &TableOptions) -> Result<String> {
    let rows = rows::Rows::join(contents.records, contents.judging);
    paste::render(contents.title, &rows, options)
}

/// Writes `results.csv`, `plots/*.png` and `report.html` into the folder `dir`, each atomically.
/// The CSV comes first and does not wait for the plots.
///
/// # Errors
/// The path of a file that cannot be written.
///
/// # Examples
/// A report of a sweep's folder:
/// ```
/// use ablate_records::{Judging, Store};
/// use ablate_report::Contents;
///
/// # fn main() -> anyhow::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// let store = Store::create(folder.path())?;
/// let contents = Contents {
///     title: "My sweep",
///     variants: &[],
///     judging: Judging::default(),
///     records: &store.report()?,
/// };
/// let written = ablate_report::write(store.folder(), &contents)?;
/// assert!(std::fs::read_to_string(written.html)?.contains("<h1>My sweep</h1>"));
/// # Ok(())
/// # }
/// ```
pub fn write(dir: &Path, contents: &Contents) -> Result<Written> {
    let rows = rows::Rows::join(contents.records, contents.judging);
    write_rows(dir, contents.title, contents.variants, &rows, &[])
}

/// The report of rows, of one sweep or of several that differ.
fn write_rows(
    dir: &Path,
    title: &str,
    variants: &[VariantNote],
    rows: &rows::Rows,
    differences: &[Difference],
) -> Result<Written> {
    let tables = summary::tables(rows);
    let csv = dir.join("results.csv");
    write_atomic(&csv, &csv::render(rows, &tables)?)?;

    let figures = plots::figures(&tables, &rows.judging)?;
    let html = dir.join("report.html");
    let page = html::render(title, variants, rows, &tables, &figures, differences)?;
    write_atomic(&html, page.as_bytes())?;

    let draw = |figure: &plots::Figure| {
        let path = dir.join("plots").join(format!("{}.png", figure.name));
        let png = figure
            .scene
            .png()
            .with_context(|| format!("cannot draw {}", path.display()))?;
        write_atomic(&path, &png).map(|()| path)
    };
    let plots = figures.par_iter().map(draw).collect::<Result<_>>()?;
    Ok(Written { csv, html, plots })
}
