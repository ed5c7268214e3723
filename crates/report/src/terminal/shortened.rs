//! The models of a table that are printed.

use super::folded;
use crate::lacks::Lacks;
use crate::many::{best_first, is_many, models};
use crate::pareto::{Front, SIGN};
use crate::rows::scale_order;
use crate::summary::{Line, Table};

/// Models printed of many.
const MOST_MODELS: usize = 20;

/// A table as the screen has room for: all models, or the best of many.
pub struct Shortened<'t, 'a> {
    pub table: &'t Table<'a>,
    /// In their order on the screen, by their index in the table.
    models: Vec<usize>,
    pub lacks: Lacks<'a>,
    pub front: Option<Front>,
}

impl<'t, 'a> Shortened<'t, 'a> {
    pub fn of(table: &'t Table<'a>) -> Self {
        let many = is_many(table);
        let mut models = best_first(table);
        if many {
            models.truncate(MOST_MODELS);
        } else {
            models.sort_unstable();
        }
        models.sort_by_key(|&index| {
            let cell = table.lines[index].cell();
            (&cell.family, scale_order(&cell.scale))
        });
        Self {
            table,
            models,
            lacks: Lacks::of(&table.lines),
            front: Front::of(table).filter(|_| many),
        }
    }

    /// The models with their index in the table.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &'t Line<'a>)> {
        let table = self.table;
        self.models
            .iter()
            .map(move |&index| (index, &table.lines[index]))
    }

    /// What is said below the table: of the models that it leaves out, and of what models lack.
    pub fn words(&self, width: usize) -> String {
        let mut words = self.lacks.sentences();
        let more = self.table.lines.len() - self.models.len();
        if more > 0 {
            let best = match &self.front {
                Some(front) => format!(
                    "{SIGN} {} on the Pareto front of mAP50-95 and {}. Baselines, front and best mAP come first",
                    models(front.len()),
                    front.cost.name()
                ),
                None => "Baselines come first, then the fastest or smallest".into(),
            };
            words.push(format!(
                "{best}; {} more in report.html and results.csv.",
                models(more)
            ));
        }
        words.iter().map(|text| folded(text, width, "")).collect()
    }
}
