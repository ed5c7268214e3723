//! A model against its baseline at the same cost: a point on the line between two baselines of other
//! sizes.
//!
//! A block that makes a network bigger should gain more than a bigger baseline does. The baseline at
//! the model's cost is the weighted mean of the baselines that are cheaper and dearer.

use crate::{
    Arm,
    contrasts::resampled_variance,
    describe,
    dunnett::student,
    pool::{Pooled, Spreads, pooled, spreads},
    seeds::smallest,
};

/// A model, and the two baselines that it lies between in cost.
#[derive(Clone, Copy, Debug)]
pub struct Between<'a> {
    /// The model.
    pub own: Arm<'a>,
    /// The cheaper baseline.
    pub below: Arm<'a>,
    /// The dearer one.
    pub above: Arm<'a>,
    /// How far it is from the cheaper to the dearer one, 0 to 1: the weight of the dearer one.
    pub share: f64,
    /// Variance of the share, as far as costs are measured and not computed, with its degrees of
    /// freedom.
    pub of_cost: Option<(f64, f64)>,
}

/// Models that are each compared with the baseline at their own cost.
#[derive(Clone, Copy, Debug)]
pub struct AtSameCost<'a> {
    /// What is compared.
    pub models: &'a [Between<'a>],
    /// The models whose spread over the seeds is pooled.
    pub spread_of: &'a [Arm<'a>],
    /// The probability that one interval is right, 0 to 1: see [`crate::confidence_of_each`]. The
    /// intervals share baselines and the spread, which only makes them wrong together, so less often
    /// (Šidák, 1967).
    pub confidence: f64,
    /// Number of test images; it counts where they are resampled.
    pub images: usize,
}

/// What a model gains over the baseline at the same cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Gain {
    /// Difference from the weighted mean of the baselines' means.
    pub difference: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Standard error from the costs' own uncertainty.
    pub of_cost: f64,
    parts: Vec<Part>,
    seeds: usize,
    /// Whether more seeds would add to the degrees of freedom of their spread.
    degrees_grow: bool,
    confidence: f64,
}

/// A part of the variance of a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    variance: f64,
    degrees: f64,
    /// Whether more seeds make it smaller.
    of_seeds: bool,
}

impl AtSameCost<'_> {
    /// The gains in the order of the models; None for a model that lacks a figure, and for all if no
    /// model has two seeds, so that nothing is known of their spread.
    pub fn gains(&self) -> Vec<Option<Gain>> {
        let firsts: Vec<&[f64]> = self.spread_of.iter().map(Arm::firsts).collect();
        let Some(pooled) = pooled(&firsts) else {
            return vec![None; self.models.len()];
        };
        let unlike = spreads(&firsts) == Some(Spreads::Unlike);
        let gain = |model: &Between| self.gain(model, pooled, unlike);
        self.models.iter().map(gain).collect()
    }

    fn gain(&self, model: &Between, pooled: Pooled, unlike: bool) -> Option<Gain> {
        let arms = model.weighted();
        let mut difference = 0.0;
        for (weight, arm) in &arms {
            difference += weight * describe::mean(arm.seeds)?;
        }
        let slope = describe::mean(model.above.seeds)? - describe::mean(model.below.seeds)?;
        let of_cost = model.of_cost.map(|(variance, degrees)| Part {
            variance: slope.powi(2) * variance,
            degrees,
            of_seeds: false,
        });
        let of_images = Part {
            variance: self.of_images(&arms),
            degrees: self.images.saturating_sub(1) as f64,
            of_seeds: false,
        };
        let counted = arms.iter().filter(|(weight, _)| *weight != 0.0);
        let each = counted.map(|(weight, arm)| (weight.powi(2) / arm.seeds.len() as f64, arm));
        let with = |of_seeds: Vec<Part>| Gain {
            difference,
            low: difference,
            high: difference,
            of_cost: of_cost.map_or(0.0, |part| part.variance.sqrt()),
            parts: of_seeds
                .into_iter()
                .chain([of_images])
                .chain(of_cost)
                .filter(|part| part.variance > 0.0)
                .collect(),
            seeds: arms
                .iter()
                .map(|(_, arm)| arm.seeds.len())
                .min()
                .unwrap_or(0),
            degrees_grow: self.spread_of.iter().all(|arm| arm.first.is_none()),
            confidence: self.confidence,
        };
        let together = with(vec![Part {
            variance: pooled.variance * each.clone().map(|(share, _)| share).sum::<f64>(),
            degrees: pooled.degrees,
            of_seeds: true,
        }]);
        let own = each.map(|(share, arm)| {
            let first = arm.firsts();
            Some(Part {
                variance: describe::standard_deviation(first)?.powi(2) * share,
                degrees: (first.len() - 1) as f64,
                of_seeds: true,
            })
        });
        // One seed says nothing of its own spread.
        let own = unlike.then(|| own.collect::<Option<Vec<Part>>>());
        let gain = match own {
            None => together,
            Some(own) => {
                let own = with(own?);
                if own.half_with(1.0) > together.half_with(1.0) {
                    own
                } else {
                    together
                }
            }
        };
        let half = gain.half_with(1.0);
        Some(Gain {
            low: difference - half,
            high: difference + half,
            ..gain
        })
    }

    /// Variance of the difference from the choice of test images; 0 where they are not resampled
    /// alike.
    fn of_images(&self, arms: &[(f64, &Arm); 3]) -> f64 {
        let count = arms[0].1.resampled.len();
        let alike = arms.iter().all(|(_, arm)| arm.resampled.len() == count);
        if !alike || self.images < 2 {
            return 0.0;
        }
        let difference = |i: usize| {
            arms.iter()
                .map(|(weight, arm)| weight * arm.resampled[i])
                .sum()
        };
        let differences: Vec<f64> = (0..count).map(difference).collect();
        resampled_variance(&differences, self.images)
    }
}

impl<'a> Between<'a> {
    /// A model between a cheaper and a dearer baseline, with its share, in the logarithm of the
    /// cost. `costs` are the logarithms, own, below, above; `of_cost` are their variances with their
    /// degrees of freedom, or None if costs are exact.
    ///
    /// None if the model is not between the two, or the two cost the same.
    pub fn of(
        own: Arm<'a>,
        [below, above]: [Arm<'a>; 2],
        costs: [f64; 3],
        of_cost: Option<[(f64, f64); 3]>,
    ) -> Option<Self> {
        let [cost, low, high] = costs;
        let share = (cost - low) / (high - low);
        let inside = high > low && (0.0..=1.0).contains(&share);
        // The share moves by so much with each of the three logarithms.
        let moves = [1.0, share - 1.0, -share].map(|by| by / (high - low));
        let of_cost = of_cost.map(|each| {
            let parts = moves.iter().zip(each);
            let parts = parts.map(|(by, (variance, degrees))| (by.powi(2) * variance, degrees));
            let whole: f64 = parts.clone().map(|(variance, _)| variance).sum();
            let squares: f64 = parts.map(|(v, degrees)| v.powi(2) / degrees).sum();
            let degrees = if squares > 0.0 {
                whole.powi(2) / squares
            } else {
                f64::INFINITY
            };
            (whole, degrees)
        });
        inside.then_some(Self {
            own,
            below,
            above,
            share,
            of_cost,
        })
    }

    /// The models with their weights in the difference.
    fn weighted(&self) -> [(f64, &Arm<'a>); 3] {
        [
            (1.0, &self.own),
            (self.share - 1.0, &self.below),
            (-self.share, &self.above),
        ]
    }
}

impl Gain {
    /// Smallest number of seeds of each model that would tell whether there is a gain, or that there
    /// is none beyond the margin, if gain and spread stay as they are; None if a hundred would not.
    pub fn seeds_to_tell(&self, margin: Option<f64>) -> Option<usize> {
        let difference = self.difference.abs();
        let tells = |seeds: usize| {
            let half = self.half_with(seeds as f64 / self.seeds.max(1) as f64);
            difference > half || margin.is_some_and(|margin| difference + half <= margin)
        };
        smallest(self.seeds.max(2), 100, tells)
    }

    /// Half the width that the interval has with so many times as many seeds.
    fn half_with(&self, times: f64) -> f64 {
        let part = |part: &Part| match part.of_seeds {
            true if self.degrees_grow => (part.variance / times, part.degrees * times),
            true => (part.variance / times, part.degrees),
            false => (part.variance, part.degrees),
        };
        let parts: Vec<(f64, f64)> = self.parts.iter().map(part).collect();
        let variance: f64 = parts.iter().map(|(variance, _)| variance).sum();
        if variance == 0.0 {
            return 0.0;
        }
        // Degrees of freedom by Welch and Satterthwaite.
        let squares: f64 = parts.iter().map(|(v, degrees)| v.powi(2) / degrees).sum();
        student(self.confidence, variance.powi(2) / squares) * variance.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(seeds: &[f64]) -> Arm<'_> {
        Arm {
            seeds,
            ..Arm::default()
        }
    }

    const BELOW: [f64; 3] = [30.0, 31.0, 29.0];
    const ABOVE: [f64; 3] = [36.0, 35.0, 37.0];
    const OWN: [f64; 3] = [34.0, 35.0, 33.0];

    fn gain(share: f64, of_cost: Option<(f64, f64)>) -> Gain {
        let arms = [arm(&OWN), arm(&BELOW), arm(&ABOVE)];
        let [own, below, above] = arms;
        let models = [Between {
            own,
            below,
            above,
            share,
            of_cost,
        }];
        let compared = AtSameCost {
            models: &models,
            spread_of: &arms,
            confidence: 0.95,
            images: 0,
        };
        compared.gains().remove(0).unwrap()
    }

    /// Every model has a standard deviation of 1 over three seeds, six degrees of freedom in all:
    /// Student's t is 2.446912.
    #[test]
    fn a_weighted_mean_of_two_baselines() {
        let quarter = gain(0.25, None);
        assert!((quarter.difference - 2.5).abs() < 1e-12);
        let variance: f64 = (1.0 + 0.75f64.powi(2) + 0.25f64.powi(2)) / 3.0;
        let half = 2.446_911_85 * variance.sqrt();
        assert!(
            (quarter.high - quarter.difference - half).abs() < 1e-6,
            "{quarter:?}"
        );
        // At a baseline's own cost, the other one says nothing.
        let at = gain(0.0, None);
        assert!((at.high - at.difference - 2.446_911_85 * (2.0f64 / 3.0).sqrt()).abs() < 1e-6);
        assert_eq!(gain(1.0, None).difference, -2.0);
    }

    /// The baselines are six points apart, so an error of 0.1 of the way is one of 0.6 points.
    #[test]
    fn an_uncertain_cost_widens_the_interval() {
        let (sure, unsure) = (gain(0.5, None), gain(0.5, Some((0.01, 1e9))));
        assert!((unsure.of_cost - 0.6).abs() < 1e-12 && sure.of_cost == 0.0);
        let wider = unsure.high - unsure.low > sure.high - sure.low;
        assert!(wider, "{sure:?} {unsure:?}");
    }

    #[test]
    fn more_seeds_would_tell() {
        let found = gain(0.6, None);
        assert!(found.low < 0.0 && found.high > 0.0, "{found:?}");
        let seeds = found.seeds_to_tell(None).unwrap();
        assert!((4..60).contains(&seeds), "{seeds}");
        // However many seeds there are, costs stay as uncertain as they are.
        assert_eq!(gain(0.6, Some((0.01, 9.0))).seeds_to_tell(None), None);
    }

    #[test]
    fn single_seeds_have_no_spread() {
        let arms = [arm(&[34.0]), arm(&[30.0]), arm(&[36.0])];
        let [own, below, above] = arms;
        let models = [Between {
            own,
            below,
            above,
            share: 0.5,
            of_cost: None,
        }];
        let compared = AtSameCost {
            models: &models,
            spread_of: &arms,
            confidence: 0.95,
            images: 0,
        };
        assert_eq!(compared.gains(), [None]);
    }
}
