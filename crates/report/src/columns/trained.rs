//! The trainings of a model as statistics take them: one figure for each seed, and resamplings of
//! the test images.

use ablate_statistics::mean_by_place;

use super::Column;
use super::judge::LEARNT;
use crate::rows::{self, Row, Rows, comparable};

/// Fewer resamplings do not tell the spread over test images.
const FEWEST_RESAMPLED: usize = 200;

/// A figure of trainings, in points.
#[derive(Clone, Copy)]
pub struct Figure<'c> {
    pub column: &'c Column,
    /// The figure on resampled test images, 0 to 1; empty if they are not resampled.
    pub resampled: for<'a> fn(&Row<'a>) -> &'a [Option<f64>],
}

impl Figure<'_> {
    fn of(&self, row: &Row) -> Option<f64> {
        Some(100.0 * (self.column.value)(row)?.number()?)
    }

    /// The first evaluated seed of a model that has the figure.
    pub fn first<'r, 'a>(&self, seeds: &'r [Row<'a>]) -> Option<&'r Row<'a>> {
        rows::evaluated(seeds).find(|row| self.of(row).is_some())
    }
}

/// The trainings of a model that can be compared with the others.
pub struct Trained<'r, 'a> {
    pub rows: Vec<&'r Row<'a>>,
    /// Points, seed by seed.
    pub figures: Vec<f64>,
    /// Points, the mean over the seeds by resampling of the images; empty if they were not resampled.
    pub resampled: Vec<Option<f64>>,
}

impl<'r, 'a> Trained<'r, 'a> {
    /// The seeds of a model that were trained and evaluated like `like`.
    pub fn of(seeds: &'r [Row<'a>], figure: Figure, like: &Row) -> Self {
        let usable = |row: &&Row| figure.of(row).is_some() && comparable(row, like);
        let rows: Vec<&Row> = rows::evaluated(seeds).filter(usable).collect();
        let resampled: Vec<_> = rows.iter().map(|row| (figure.resampled)(row)).collect();
        let points = |share: Option<f64>| Some(100.0 * share?);
        Self {
            figures: rows.iter().filter_map(|row| figure.of(row)).collect(),
            resampled: mean_by_place(&resampled).into_iter().map(points).collect(),
            rows,
        }
    }

    /// How many of the figures are of the seeds that chose how many more there are; None if none did, and
    /// where most of them have no figure, so that they have no spread.
    pub fn first(&self, rows: &Rows) -> Option<usize> {
        let first = rows.first_seeds(self.rows.first()?)? as u64;
        let is_first = |row: &&&Row| row.cell.seed.is_some_and(|seed| seed < first);
        let count = self.rows.iter().filter(is_first).count();
        (count > 1).then_some(count)
    }
}

/// Whether any of the models finds anything.
pub fn has_learnt(models: &[&Trained]) -> bool {
    let figures = models.iter().flat_map(|model| &model.figures);
    figures.into_iter().any(|&figure| figure >= LEARNT)
}

/// The resampled figures of models, of those resamplings that all have; empty if there are too few.
pub fn resampled_alike(models: &[&Trained]) -> Vec<Vec<f64>> {
    let all: Vec<&Vec<Option<f64>>> = models.iter().map(|model| &model.resampled).collect();
    let count = all.first().map_or(0, |first| first.len());
    if all.iter().any(|resampled| resampled.len() != count) {
        return Vec::new();
    }
    let kept = (0..count).filter(|&i| all.iter().all(|resampled| resampled[i].is_some()));
    let kept: Vec<usize> = kept.collect();
    if kept.len() < FEWEST_RESAMPLED {
        return Vec::new();
    }
    let figures =
        |resampled: &Vec<Option<f64>>| kept.iter().filter_map(|&i| resampled[i]).collect();
    all.into_iter().map(figures).collect()
}
