//! The changes of all models of a table, judged together: what is claimed of one column is all true
//! with the confidence of a single interval.

use std::collections::BTreeMap;

use ablate_statistics::{
    Arm, Comparison as Contrasted, Contrast, confidence_of_each, seeds_to_tell, shift,
};

use super::Column;
use super::compare::{Change, Comparison, Evidence, Outlook};
use super::trained::{Figure, Trained, has_learnt, resampled_alike};
use crate::effort::Effort;
use crate::interval::{Interval, Over, Seeds};
use crate::mark::Mark;
use crate::rows::{BASELINE, Row, Rows};
use ablate_records::Stage;

/// A change of latency within this margin, in percent, is as good: another day, or another order of
/// the same instructions, makes as much of a difference.
pub const LATENCY_MARGIN: f64 = 3.0;

/// Below this mAP, in points, a network has learnt nothing.
pub const LEARNT: f64 = 0.05;

impl Column {
    /// The changes of the models of a table, in their order: the rows of a model are its seeds.
    ///
    /// None for a baseline, and where either side was not measured, or not in the same way.
    pub fn changes(&self, rows: &Rows, models: &[Vec<Row>]) -> Vec<Option<Change>> {
        let Some(comparison) = self.comparison else {
            return vec![None; models.len()];
        };
        match comparison.evidence {
            Evidence::Exact(deciding) => models
                .iter()
                .map(|seeds| self.exact(rows, seeds, comparison, deciding))
                .collect(),
            Evidence::Rounds => self.timed(rows, models, comparison),
            Evidence::Seeds => self.trained(rows, models, comparison, |_| &[]),
            Evidence::SeedsAndImages(resampled) => {
                self.trained(rows, models, comparison, resampled)
            }
        }
    }

    /// Of arithmetic, which all seeds share.
    fn exact(
        &self,
        rows: &Rows,
        seeds: &[Row],
        comparison: Comparison,
        deciding: fn(&Row) -> Option<f64>,
    ) -> Option<Change> {
        let mut changes = seeds.iter().filter_map(|row| self.change_of_row(rows, row));
        let value = changes.next()?.0;
        let judged = seeds.iter().find_map(|row| {
            let base = rows.baseline(Stage::Cost, row)?;
            comparison.unit.change(deciding(row)?, deciding(base)?)
        })?;
        Some(Change {
            value,
            // Two ways to count that contradict each other tell nothing.
            mark: match Mark::exact(judged, comparison.better) {
                Mark::Same => Mark::Same,
                mark if mark == Mark::exact(value, comparison.better) => mark,
                _ => Mark::Open,
            },
            interval: None,
            outlook: None,
        })
    }

    /// Of times, which all seeds share: the models of a family and scale were timed in rounds.
    fn timed(
        &self,
        rows: &Rows,
        models: &[Vec<Row>],
        comparison: Comparison,
    ) -> Vec<Option<Change>> {
        let paired = models.iter().map(|seeds| {
            let mut rounds = seeds
                .iter()
                .filter_map(|row| rounds(rows, row, self.stage?));
            rounds.next()
        });
        let paired: Vec<Option<Vec<f64>>> = paired.collect();
        // Each of so many independent claims may be wrong so rarely that all are right in 95 %; these
        // share a baseline, which makes them wrong together, so less often.
        let claims = paired.iter().flatten().count();
        let confidence = confidence_of_each(claims);
        let change = |(seeds, paired): (&Vec<Row>, &Option<Vec<f64>>)| {
            let mut changes = seeds.iter().filter_map(|row| self.change_of_row(rows, row));
            let value = changes.next()?.0;
            let interval = paired.as_ref().and_then(|logs| {
                let shift = shift(logs, confidence)?;
                Some(Interval {
                    low: percent(shift.low),
                    high: percent(shift.high),
                    over: Over::Rounds { rounds: logs.len() },
                })
            });
            let mark = interval.map_or(Mark::Open, |interval| {
                Mark::of(value, &interval, Some(LATENCY_MARGIN), comparison.better)
            });
            let outlook = match interval {
                Some(_) => Outlook::RoundsDiffer,
                None => Outlook::FewRounds,
            };
            Some(Change {
                value,
                mark,
                interval,
                outlook: (mark == Mark::Open).then_some(outlook),
            })
        };
        models.iter().zip(&paired).map(change).collect()
    }

    /// Of trainings.
    fn trained(
        &self,
        rows: &Rows,
        models: &[Vec<Row>],
        comparison: Comparison,
        resampled: for<'a> fn(&Row<'a>) -> &'a [Option<f64>],
    ) -> Vec<Option<Change>> {
        let figure = Figure {
            column: self,
            resampled,
        };
        let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (index, seeds) in models.iter().enumerate() {
            let cell = seeds[0].cell;
            let group = (cell.family.as_str(), cell.scale.as_str());
            groups.entry(group).or_default().push(index);
        }
        let groups: Vec<Group> = groups
            .values()
            .filter_map(|members| Group::of(members, models, figure))
            .collect();
        let claiming = groups.iter().filter(|group| group.has_spread()).count();
        // Groups share nothing, so their confidences multiply.
        let confidence = confidence_of_each(claiming);
        let mut changes = vec![None; models.len()];
        for group in &groups {
            group.judge(rows, confidence, comparison, &mut changes);
        }
        changes
    }
}

/// The trained models of a family and scale.
struct Group<'r, 'a> {
    baseline: Trained<'r, 'a>,
    /// With their places in the table.
    arms: Vec<(usize, Trained<'r, 'a>)>,
}

impl<'r, 'a> Group<'r, 'a> {
    fn of(members: &[usize], models: &'r [Vec<Row<'a>>], figure: Figure) -> Option<Self> {
        let is_baseline = |&&index: &&usize| models[index][0].cell.variant == BASELINE;
        let baseline = *members.iter().find(is_baseline)?;
        let like = figure.first(&models[baseline])?;
        let trained = |index: usize| Trained::of(&models[index], figure, like);
        let arms = members.iter().filter(|&&index| index != baseline);
        let arms = arms.map(|&index| (index, trained(index)));
        let arms: Vec<_> = arms.filter(|(_, arm)| !arm.rows.is_empty()).collect();
        let baseline = trained(baseline);
        (!arms.is_empty()).then_some(Self { baseline, arms })
    }

    fn has_spread(&self) -> bool {
        let arms = self.arms.iter().map(|(_, arm)| arm);
        arms.chain([&self.baseline])
            .any(|arm| arm.figures.len() > 1)
    }

    fn judge(
        &self,
        rows: &Rows,
        confidence: f64,
        comparison: Comparison,
        changes: &mut [Option<Change>],
    ) {
        let models = self.arms.iter().map(|(_, arm)| arm);
        let models: Vec<&Trained> = [&self.baseline].into_iter().chain(models).collect();
        let resampled = resampled_alike(&models);
        let resampled = |place: usize| resampled.get(place).map_or(&[][..], Vec::as_slice);
        let arms = (1..).zip(&self.arms).map(|(place, (_, trained))| Arm {
            seeds: &trained.figures,
            first: trained.first(rows),
            resampled: resampled(place),
        });
        let arms: Vec<Arm> = arms.collect();
        let evaluated = self.baseline.rows.first().and_then(|row| row.eval());
        let contrasted = Contrasted {
            baseline: Arm {
                seeds: &self.baseline.figures,
                first: self.baseline.first(rows),
                resampled: resampled(0),
            },
            arms: &arms,
            confidence,
            images: evaluated.map_or(0, |eval| eval.images),
        };
        let contrasts = contrasted.contrasts();
        for ((index, trained), contrast) in self.arms.iter().zip(contrasts) {
            changes[*index] = Some(match contrast {
                Some(contrast) => self.told(trained, &contrast, rows.judging.margin, comparison),
                None => self.untold(trained),
            });
        }
    }

    /// A change over seeds.
    fn told(
        &self,
        trained: &Trained,
        contrast: &Contrast,
        margin: Option<f64>,
        comparison: Comparison,
    ) -> Change {
        let [own, baseline] = contrast.seeds;
        let seeds = Seeds { own, baseline };
        let interval = Interval {
            low: contrast.low,
            high: contrast.high,
            over: if contrast.of_images > 0.0 {
                Over::SeedsAndImages(seeds)
            } else {
                Over::Seeds(seeds)
            },
        };
        let value = contrast.difference;
        let mark = if self.has_learnt(trained) {
            Mark::of(value, &interval, margin, comparison.better)
        } else {
            Mark::Unlearnt
        };
        let outlook = || {
            if !self.has_learnt(trained) {
                return nothing_learnt(trained);
            }
            match seeds_to_tell(contrast, margin) {
                Some(seeds) => Outlook::Seeds(seeds),
                None if contrast.least_half() > contrast.difference.abs() => {
                    Outlook::Images(contrast.least_half())
                }
                None => Outlook::NoSeeds,
            }
        };
        Change {
            value,
            mark,
            interval: Some(interval),
            outlook: (!mark.is_told()).then(outlook),
        }
    }

    /// A change of single seeds, of which the test images alone say something.
    fn untold(&self, trained: &Trained) -> Change {
        let mean =
            |trained: &Trained| ablate_statistics::mean(&trained.figures).unwrap_or(f64::NAN);
        let one = trained.figures.len() == 1 && self.baseline.figures.len() == 1;
        let over_images = Interval::over_images(&trained.resampled, &self.baseline.resampled);
        let (mark, outlook) = match self.has_learnt(trained) {
            true => (Mark::Open, Outlook::OneSeed),
            false => (Mark::Unlearnt, nothing_learnt(trained)),
        };
        Change {
            value: mean(trained) - mean(&self.baseline),
            mark,
            interval: over_images.filter(|_| one),
            outlook: Some(outlook),
        }
    }

    /// Whether the model or the baseline finds anything.
    fn has_learnt(&self, trained: &Trained) -> bool {
        has_learnt(&[trained, &self.baseline])
    }
}

fn nothing_learnt(trained: &Trained) -> Outlook {
    Outlook::NothingLearnt(trained.rows.first().and_then(|row| Effort::of(row)))
}

/// Logarithms of own time to the baseline's, round by round; None unless both were timed in the same
/// rounds.
pub fn rounds(rows: &Rows, row: &Row, stage: Stage) -> Option<Vec<f64>> {
    let base = rows.baseline(stage, row)?.timed(stage)?;
    let own = row.timed(stage)?;
    own.rounds.as_ref()?.logs_against(base.rounds.as_ref()?)
}

/// What a logarithm of a ratio is in percent.
pub fn percent(log: f64) -> f64 {
    100.0 * log.exp_m1()
}
