//! Records become a table, plots, a page and a summary on the screen.
//!
//! A report reads records only, so it can be drawn again without running anything, and at any time: after the first
//! stage it shows costs, and says of every other figure why it is not there yet.

mod csv;
mod html;
mod interval;
mod mark;
mod number;
mod plots;
mod rows;
mod summary;
pub mod terminal;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rayon::prelude::*;

use ablate_records::{Record, files::write_atomic};

/// The files of a report.
#[derive(Clone, Debug)]
pub struct Written {
    /// `results.csv`, a row a cell.
    pub csv: PathBuf,
    /// `report.html`, which needs no other file.
    pub html: PathBuf,
    /// `plots/*.png`.
    pub plots: Vec<PathBuf>,
}

/// Writes `results.csv`, `plots/*.png` and `report.html` into `dir`, each atomically.
///
/// The records may come in any order and from a sweep that is still running. The CSV is written first and does not
/// wait for the plots.
///
/// # Errors
/// A file that cannot be written, by its name.
pub fn write(dir: &Path, title: &str, records: &[Record]) -> Result<Written> {
    let rows = rows::Rows::join(records);
    let csv = dir.join("results.csv");
    write_atomic(&csv, &csv::render(&rows)?)?;

    let tables = summary::tables(&rows);
    let figures = plots::figures(&tables)?;
    let html = dir.join("report.html");
    write_atomic(
        &html,
        html::render(title, &rows, &tables, &figures)?.as_bytes(),
    )?;

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
