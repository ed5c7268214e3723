//! Reports from records: `results.csv`, plots, an HTML page and a summary on the screen.
//!
//! A report reads records only, so it can be drawn at any time without running anything: after the
//! first stage it shows costs, and says why every other figure is missing. A new column of CSV,
//! screen and page is one row of the table in `columns`.

#![warn(missing_docs)]

mod columns;
mod csv;
mod data;
mod html;
mod interval;
mod lacks;
mod many;
mod mark;
mod number;
mod pareto;
mod plots;
mod rows;
mod summary;
pub mod terminal;

pub use data::{
    DataPages, DataTable, PER_PAGE, SplitPages, Thumbnail, ThumbnailBox, write_data_pages,
};

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
    let csv = dir.join("results.csv");
    write_atomic(&csv, &csv::render(&rows)?)?;

    let tables = summary::tables(&rows);
    let figures = plots::figures(&tables)?;
    let html = dir.join("report.html");
    let Contents {
        title, variants, ..
    } = contents;
    let page = html::render(title, variants, &rows, &tables, &figures)?;
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
