//! The trained models of a family: each variant between the two baselines that it lies between in
//! cost.

use ablate_statistics::{Arm, AtSameCost, Between};

use super::compare::{Change, Outlook};
use super::gain::{AtCost, Cost, Gain, SameCost};
use super::trained::{Figure, Trained, has_learnt, resampled_alike};
use crate::interval::{Interval, Over, Seeds};
use crate::mark::{Better, Mark};
use crate::rows::{BASELINE, Row, Rows};

/// A trained model with its cost.
struct Model<'r, 'a> {
    /// Its place in the table.
    index: usize,
    name: &'a str,
    trained: Trained<'r, 'a>,
    cost: Cost,
}

/// The trained models of a family.
pub struct Family<'r, 'a> {
    /// At least two, the cheapest first.
    baselines: Vec<Model<'r, 'a>>,
    variants: Vec<Model<'r, 'a>>,
}

impl<'r, 'a> Family<'r, 'a> {
    pub fn of(
        members: &[usize],
        models: &'r [Vec<Row<'a>>],
        figure: Figure,
        same: SameCost,
    ) -> Option<Self> {
        let is_baseline = |index: usize| models[index][0].cell.variant == BASELINE;
        let mut trained = members.iter().filter(|&&index| is_baseline(index));
        let like = trained.find_map(|&index| figure.first(&models[index]))?;
        let model = |&index: &usize| {
            let trained = Trained::of(&models[index], figure, like);
            (!trained.rows.is_empty()).then_some(Model {
                index,
                name: &models[index][0].cell.model,
                trained,
                cost: same.of(&models[index])?,
            })
        };
        let all = members.iter().filter_map(model);
        let (mut baselines, variants): (Vec<Model>, Vec<Model>) =
            all.partition(|model| is_baseline(model.index));
        baselines.sort_by(|a, b| a.cost.log.total_cmp(&b.cost.log));
        (baselines.len() > 1).then_some(Self {
            baselines,
            variants,
        })
    }

    /// The places of the baselines that enclose a model's cost, or where it lies beyond them.
    fn around(&self, model: &Model) -> Result<[usize; 2], AtCost> {
        let is_dearer = |baseline: &Model| baseline.cost.log >= model.cost.log;
        let name = |place: usize| self.baselines[place].name.to_string();
        match self.baselines.iter().position(is_dearer) {
            Some(0) if self.baselines[0].cost.log > model.cost.log => Err(AtCost::Cheaper(name(0))),
            Some(above) => Ok([above.saturating_sub(1), above.max(1)]),
            None => Err(AtCost::Dearer(name(self.baselines.len() - 1))),
        }
    }

    /// How many gains there are to tell.
    pub fn claims(&self) -> usize {
        let inside = |model: &&Model| self.around(model).is_ok();
        self.variants.iter().filter(inside).count()
    }

    pub fn judge(&self, rows: &Rows, confidence: f64, gains: &mut [Option<AtCost>]) {
        let all: Vec<&Model> = self.baselines.iter().chain(&self.variants).collect();
        let trained: Vec<&Trained> = all.iter().map(|model| &model.trained).collect();
        let resampled = resampled_alike(&trained);
        let arm = |place: usize| Arm {
            seeds: &trained[place].figures,
            first: trained[place].first(rows),
            resampled: resampled.get(place).map_or(&[][..], Vec::as_slice),
        };
        let spread_of: Vec<Arm> = (0..all.len()).map(arm).collect();
        let mut inside = Vec::new();
        for place in self.baselines.len()..all.len() {
            match self.around(all[place]) {
                Err(outside) => gains[all[place].index] = Some(outside),
                Ok(around) => {
                    let three = [place, around[0], around[1]];
                    let costs = three.map(|place| all[place].cost);
                    let of_cost = match costs.map(|cost| cost.variance) {
                        [Some(own), Some(below), Some(above)] => Some([own, below, above]),
                        _ => None,
                    };
                    let between = Between::of(
                        arm(place),
                        around.map(arm),
                        costs.map(|cost| cost.log),
                        of_cost,
                    );
                    inside.extend(between.map(|between| (three, between)));
                }
            }
        }
        let evaluated = trained[0].rows.first().and_then(|row| row.eval());
        let compared = AtSameCost {
            models: &inside
                .iter()
                .map(|(_, between)| *between)
                .collect::<Vec<_>>(),
            spread_of: &spread_of,
            confidence,
            images: evaluated.map_or(0, |eval| eval.images),
        };
        for ((three, between), told) in inside.iter().zip(compared.gains()) {
            let models = three.map(|place| all[place]);
            gains[models[0].index] = gain(models, between, told, rows)
                .map(Box::new)
                .map(AtCost::Between);
        }
    }
}

/// The gain of the first of three models over the baseline between the other two.
fn gain(
    [own, below, above]: [&Model; 3],
    between: &Between,
    told: Option<ablate_statistics::Gain>,
    rows: &Rows,
) -> Option<Gain> {
    let mean = |model: &Model| ablate_statistics::mean(&model.trained.figures);
    let share = between.share;
    let baseline = (1.0 - share) * mean(below)? + share * mean(above)?;
    let value = mean(own)? - baseline;
    // Without the costs' own chance an interval would claim too much.
    let costs_known = between.of_cost.is_some();
    let learnt = has_learnt(&[&own.trained, &below.trained, &above.trained]);
    let told = told.filter(|_| costs_known);
    let count = |model: &Model| model.trained.figures.len();
    let seeds = Seeds {
        own: count(own),
        baseline: count(below).min(count(above)),
    };
    let interval = told.as_ref().map(|told| Interval {
        low: told.low,
        high: told.high,
        over: match own.trained.resampled.is_empty() {
            true => Over::Seeds(seeds),
            false => Over::SeedsAndImages(seeds),
        },
    });
    let margin = rows.judging.margin;
    let mark = match &interval {
        _ if !learnt => Mark::Unlearnt,
        Some(interval) => Mark::of(value, interval, margin, Better::Higher),
        None => Mark::Open,
    };
    let outlook = || match &told {
        _ if !learnt => Outlook::NothingLearnt(None),
        None if !costs_known => Outlook::FewRounds,
        None => Outlook::OneSeed,
        Some(told) => match told.seeds_to_tell(margin) {
            Some(seeds) => Outlook::Seeds(seeds),
            None => Outlook::NoSeeds,
        },
    };
    Some(Gain {
        change: Change {
            value,
            mark,
            interval,
            outlook: (!mark.is_told()).then(outlook),
        },
        baseline,
        between: [below, above].map(|model| model.name.to_string()),
        share,
    })
}
