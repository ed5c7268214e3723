//! What a variant gains over the baseline at the same cost: the gain that is the block's and not its
//! size's.
//!
//! The baseline at a variant's cost is interpolated between the baselines of other scales, linearly in
//! the logarithm of the cost. Nothing is extrapolated.

use std::collections::BTreeMap;

use ablate_statistics::{Arm, AtSameCost, Between, confidence_of_each, middle_variance};

use super::compare::{Change, Evidence, Outlook};
use super::trained::{Figure, Trained, has_learnt, resampled_alike};
use crate::interval::{Interval, Over};
use crate::mark::{Better, Mark};
use crate::rows::{BASELINE, Row, Rows};

/// What the baseline costs as much of as the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameCost {
    /// The median.
    Latency,
    /// The exact ones: those of the published convention don't see all that a block computes.
    Gflops,
}

/// A column of `results.csv`: name, and what it is.
pub struct GainColumn {
    pub csv: &'static str,
    pub tip: &'static str,
}

impl SameCost {
    pub const ALL: [Self; 2] = [Self::Latency, Self::Gflops];

    /// `latency`, `GFLOPs`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Gflops => "GFLOPs",
        }
    }

    /// The gain and the ends of its interval, in points.
    pub fn columns(self) -> [GainColumn; 3] {
        let of = |[csv, tip]: [&'static str; 2]| GainColumn { csv, tip };
        match self {
            Self::Latency => [
                of([
                    "gain_at_latency",
                    "mAP50-95 above the baseline of the same latency, which is interpolated between its scales; of all seeds",
                ]),
                of([
                    "gain_at_latency_low",
                    "lower end of the gain's 95 % interval, over seeds, test images and latencies",
                ]),
                of(["gain_at_latency_high", "upper end of that interval"]),
            ],
            Self::Gflops => [
                of([
                    "gain_at_gflops",
                    "mAP50-95 above the baseline of the same exact GFLOPs, which is interpolated between its scales; of all seeds",
                ]),
                of([
                    "gain_at_gflops_low",
                    "lower end of the gain's 95 % interval, over seeds and test images",
                ]),
                of(["gain_at_gflops_high", "upper end of that interval"]),
            ],
        }
    }

    /// The logarithm of a model's cost; None if it was not measured.
    fn of(self, seeds: &[Row]) -> Option<Cost> {
        let (cost, variance) = match self {
            Self::Gflops => (
                seeds.iter().find_map(Row::cost)?.gflops_exact,
                Some((0.0, 1.0)),
            ),
            Self::Latency => {
                let latency = seeds.iter().find_map(Row::latency)?;
                let rounds = latency
                    .rounds
                    .as_ref()
                    .map_or(&[][..], |rounds| &rounds.medians_ms);
                let logs: Vec<f64> = rounds.iter().map(|ms| ms.ln()).collect();
                (latency.median_ms, middle_variance(&logs))
            }
        };
        (cost > 0.0).then(|| Cost {
            log: cost.ln(),
            variance,
        })
    }
}

#[derive(Clone, Copy)]
struct Cost {
    log: f64,
    /// With its degrees of freedom; None if it is not known.
    variance: Option<(f64, f64)>,
}

/// A variant beside the baseline at the same cost.
#[derive(Clone, Debug, PartialEq)]
pub enum AtCost {
    /// The baseline's scales enclose it.
    Between(Box<Gain>),
    /// It costs less than this cheapest trained baseline, or more than this dearest one.
    Cheaper(String),
    /// See `Cheaper`.
    Dearer(String),
}

/// A gain over the baseline at the same cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Gain {
    /// Points.
    pub change: Change,
    /// mAP50-95 of the baseline there, in points.
    pub baseline: f64,
    /// The models that it is interpolated between.
    pub between: [String; 2],
    /// How far it is from the first to the second, 0 to 1.
    pub share: f64,
}

/// The gains of the models of a table, in their order.
///
/// None for a baseline, for a model without accuracy or cost, and where fewer than two scales of the
/// baseline have both.
pub fn gains(rows: &Rows, models: &[Vec<Row>], cost: SameCost) -> Vec<Option<AtCost>> {
    let Some(figure) = accuracy() else {
        return vec![None; models.len()];
    };
    let mut families: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, seeds) in models.iter().enumerate() {
        families
            .entry(&seeds[0].cell.family)
            .or_default()
            .push(index);
    }
    let families = families.values();
    let families: Vec<Family> = families
        .filter_map(|members| Family::of(members, models, figure, cost))
        .collect();
    let claims = families.iter().map(Family::claims).sum();
    let mut gains = vec![None; models.len()];
    for family in &families {
        family.judge(rows, confidence_of_each(claims), &mut gains);
    }
    gains
}

/// mAP50-95 of the boxes with its resamplings.
fn accuracy() -> Option<Figure<'static>> {
    super::all().find_map(|column| match column.comparison?.evidence {
        Evidence::SeedsAndImages(resampled) => Some(Figure { column, resampled }),
        _ => None,
    })
}

/// A trained model with its cost.
struct Model<'r, 'a> {
    /// Its place in the table.
    index: usize,
    name: &'a str,
    trained: Trained<'r, 'a>,
    cost: Cost,
}

/// The trained models of a family.
struct Family<'r, 'a> {
    /// At least two, the cheapest first.
    baselines: Vec<Model<'r, 'a>>,
    variants: Vec<Model<'r, 'a>>,
}

impl<'r, 'a> Family<'r, 'a> {
    fn of(
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
    fn claims(&self) -> usize {
        let inside = |model: &&Model| self.around(model).is_ok();
        self.variants.iter().filter(inside).count()
    }

    fn judge(&self, rows: &Rows, confidence: f64, gains: &mut [Option<AtCost>]) {
        let all: Vec<&Model> = self.baselines.iter().chain(&self.variants).collect();
        let trained: Vec<&Trained> = all.iter().map(|model| &model.trained).collect();
        let resampled = resampled_alike(&trained);
        let arm = |place: usize| Arm {
            seeds: &trained[place].figures,
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
            first_seeds: rows.judging.first_seeds,
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
    let seeds = own.trained.figures.len();
    let interval = told.as_ref().map(|told| Interval {
        low: told.low,
        high: told.high,
        over: match own.trained.resampled.is_empty() {
            true => Over::Seeds { seeds },
            false => Over::SeedsAndImages { seeds },
        },
    });
    let margin = rows.judging.margin;
    let mark = match &interval {
        Some(interval) if learnt => Mark::of(value, interval, margin, Better::Higher),
        _ => Mark::Open,
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
            outlook: (mark == Mark::Open).then(outlook),
        },
        baseline,
        between: [below, above].map(|model| model.name.to_string()),
        share,
    })
}
