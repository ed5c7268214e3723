//! Simultaneous intervals: what all the differences from one baseline are, at once.
//!
//! The intervals of one [`Comparison`] hold together: all of them contain the true difference with
//! the confidence asked for, however many models are compared.

use std::cell::RefCell;

use crate::{
    describe,
    dunnett::{bonferroni, critical},
    pool::{Spreads, pooled, spreads},
};

/// The figures of one model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arm<'a> {
    /// One for each seed.
    pub seeds: &'a [f64],
    /// The spread is that of the first so many of them; None: of all. It is set where the number of
    /// seeds was chosen by their spread: see [`crate::seeds_for_width`].
    pub first: Option<usize>,
    /// The mean over the seeds on resampled test images, the same resamplings for every model.
    /// Empty if the test images are taken as given.
    pub resampled: &'a [f64],
}

impl<'a> Arm<'a> {
    /// Of one seed's figure; None of a single seed.
    fn variance(&self) -> Option<f64> {
        Some(describe::standard_deviation(self.firsts())?.powi(2))
    }

    /// The seeds that the spread is of.
    pub(crate) fn firsts(&self) -> &'a [f64] {
        let count = self.first.unwrap_or(self.seeds.len());
        &self.seeds[..count.min(self.seeds.len())]
    }
}

/// What is compared, and how surely.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// What the others are compared with.
    pub baseline: Arm<'a>,
    /// The others.
    pub arms: &'a [Arm<'a>],
    /// The probability that all intervals are right, 0 to 1.
    pub confidence: f64,
    /// Number of test images; it counts where they are resampled.
    pub images: usize,
}

/// The difference of one model from the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// Difference of the means.
    pub difference: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Variance of one seed's figure, as the interval takes it: of the arm, and of the baseline.
    pub variance: [f64; 2],
    /// Variance of the difference from the choice of test images; 0 if they are taken as given.
    pub of_images: f64,
    /// Number of test images.
    pub images: usize,
    /// Degrees of freedom of the variance over seeds.
    pub degrees: f64,
    /// Whether more seeds would add to them.
    pub degrees_grow: bool,
    /// Number of seeds: of the arm, and of the baseline.
    pub seeds: [usize; 2],
    /// Number of models that are compared with the baseline at once.
    pub comparisons: usize,
    /// The correlation of two of their differences, as the interval takes it.
    pub correlation: f64,
    /// The probability that all their intervals are right.
    pub confidence: f64,
}

impl Contrast {
    /// Half the width of the interval.
    pub fn half(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Half the width that the interval would have with so many seeds of each model, if their spread
    /// stays as it is and is known with so many degrees of freedom.
    pub(crate) fn half_with(&self, seeds: usize, degrees: f64) -> f64 {
        self.terms([seeds; 2]).half_of(self.variance, degrees)
    }

    /// Half the width that the interval keeps however many seeds there are: the choice of test
    /// images.
    pub fn least_half(&self) -> f64 {
        self.terms([1; 2]).half_of([0.0; 2], f64::INFINITY)
    }

    fn terms(&self, seeds: [usize; 2]) -> Terms {
        Terms {
            seeds,
            of_images: self.of_images,
            images: self.images as f64,
            comparisons: self.comparisons,
            correlation: self.correlation,
            confidence: self.confidence,
        }
    }
}

impl Comparison<'_> {
    /// The differences in the order of the arms; None for an arm that has no seed, and for all if
    /// no model has two, so that nothing is known of their spread.
    pub fn contrasts(&self) -> Vec<Option<Contrast>> {
        let nothing = || vec![None; self.arms.len()];
        let Some(pooled) = pooled(&self.firsts()) else {
            return nothing();
        };
        let Some(base) = describe::mean(self.baseline.seeds) else {
            return nothing();
        };
        let unlike = self.spreads() == Some(Spreads::Unlike);
        let comparisons = self.compared().count();
        // Variances of one seed's figure are taken to be the same, or are the models' own.
        let correlation = self.correlation(|_| Some(1.0));
        let own_correlation = self.correlation(|arm| arm.variance());
        let halves: RefCell<Vec<(Terms, f64)>> = RefCell::default();
        let contrast = |arm: &Arm| {
            let difference = describe::mean(arm.seeds)? - base;
            let terms = Terms {
                seeds: [arm.seeds.len(), self.baseline.seeds.len()],
                of_images: images_variance(arm, &self.baseline, self.images),
                images: self.images as f64,
                comparisons,
                correlation,
                confidence: self.confidence,
            };
            let pooled = Variances {
                each: [pooled.variance; 2],
                degrees: Degrees::Pooled(pooled.degrees),
            };
            let own = || {
                let degrees = |arm: &Arm| (arm.firsts().len() - 1) as f64;
                Some(Variances {
                    each: [arm.variance()?, self.baseline.variance()?],
                    degrees: Degrees::Own([degrees(arm), degrees(&self.baseline)]),
                })
            };
            // Mostly the same for all arms, and slow.
            let known = halves.borrow().iter().find(|(of, _)| *of == terms).copied();
            let half = known.map_or_else(|| terms.half(&pooled), |(_, half)| half);
            halves.borrow_mut().push((terms, half));
            // One seed says nothing of its own spread.
            let own = if unlike { Some(own()?) } else { None };
            let wider = own.filter(|own| terms.most_half(own) > half);
            let by_own = Terms {
                correlation: own_correlation,
                ..terms
            };
            let wider = wider.map(|own| (by_own.half(&own), own));
            let (half, widest, correlation) = match wider {
                Some((own_half, own)) if own_half > half => (own_half, own, own_correlation),
                _ => (half, pooled, correlation),
            };
            Some(Contrast {
                difference,
                low: difference - half,
                high: difference + half,
                variance: widest.each,
                of_images: terms.of_images,
                images: self.images,
                degrees: widest.degrees.of_seeds(&widest.each, terms.seeds),
                degrees_grow: self.models().all(|arm| arm.first.is_none()),
                seeds: terms.seeds,
                comparisons,
                correlation,
                confidence: self.confidence,
            })
        };
        self.arms.iter().map(contrast).collect()
    }

    /// Whether the models spread alike, by Bartlett's test; None if fewer than two models have a
    /// spread.
    pub fn spreads(&self) -> Option<Spreads> {
        spreads(&self.firsts())
    }

    /// The models that are compared and have a figure.
    fn compared(&self) -> impl Iterator<Item = &Arm<'_>> {
        self.arms.iter().filter(|arm| !arm.seeds.is_empty())
    }

    fn models(&self) -> impl Iterator<Item = &Arm<'_>> {
        self.compared().chain([&self.baseline])
    }

    fn firsts(&self) -> Vec<&[f64]> {
        self.models().map(Arm::firsts).collect()
    }

    /// The smallest correlation of two differences, 0.5 at most: the share of the baseline in the
    /// variance of both, given that of one seed's figure of each model, as far as it is known.
    fn correlation(&self, variance: impl Fn(&Arm) -> Option<f64>) -> f64 {
        let of_mean = |arm: &Arm| Some(variance(arm)? / arm.seeds.len() as f64);
        let shares = self.compared().filter_map(|arm| {
            let (own, base) = (of_mean(arm)?, of_mean(&self.baseline)?);
            (own + base > 0.0).then(|| base / (own + base))
        });
        shares.fold(0.5, f64::min)
    }
}

/// Variances of one seed's figure, of an arm and of the baseline.
struct Variances {
    each: [f64; 2],
    degrees: Degrees,
}

enum Degrees {
    /// Both are the same estimate.
    Pooled(f64),
    /// Each is an estimate of its own.
    Own([f64; 2]),
}

impl Degrees {
    /// Of the variance of a difference of means, by Welch and Satterthwaite.
    fn of_seeds(&self, each: &[f64; 2], seeds: [usize; 2]) -> f64 {
        match self {
            Degrees::Pooled(degrees) => *degrees,
            Degrees::Own(degrees) => {
                let parts = [0, 1].map(|i| each[i] / seeds[i] as f64);
                let whole = parts[0] + parts[1];
                let sum: f64 = (0..2).map(|i| parts[i].powi(2) / degrees[i]).sum();
                if sum > 0.0 {
                    whole.powi(2) / sum
                } else {
                    degrees[0] + degrees[1]
                }
            }
        }
    }
}

/// What the width of an interval is made of beside the variances over seeds.
#[derive(Clone, Copy, PartialEq)]
struct Terms {
    seeds: [usize; 2],
    of_images: f64,
    images: f64,
    comparisons: usize,
    correlation: f64,
    confidence: f64,
}

impl Terms {
    fn half(&self, variances: &Variances) -> f64 {
        let degrees = variances.degrees.of_seeds(&variances.each, self.seeds);
        self.half_of(variances.each, degrees)
    }

    /// Half the width of the interval, given variances of one seed's figure and their degrees of
    /// freedom.
    fn half_of(&self, each: [f64; 2], degrees: f64) -> f64 {
        let (variance, degrees) = self.variance(each, degrees);
        if variance == 0.0 {
            return 0.0;
        }
        critical(self.confidence, self.comparisons, self.correlation, degrees) * variance.sqrt()
    }

    /// What [`Self::half`] is at most; quick.
    fn most_half(&self, variances: &Variances) -> f64 {
        let degrees = variances.degrees.of_seeds(&variances.each, self.seeds);
        let (variance, degrees) = self.variance(variances.each, degrees);
        bonferroni(self.confidence, self.comparisons, degrees) * variance.sqrt()
    }

    /// Of the difference, with its degrees of freedom by Welch and Satterthwaite.
    fn variance(&self, each: [f64; 2], degrees: f64) -> (f64, f64) {
        let of_seeds = each[0] / self.seeds[0] as f64 + each[1] / self.seeds[1] as f64;
        let parts = [(of_seeds, degrees), (self.of_images, self.images - 1.0)];
        let variance = of_seeds + self.of_images;
        let parts = parts.into_iter().filter(|(part, _)| *part > 0.0);
        let sum: f64 = parts.map(|(part, degrees)| part.powi(2) / degrees).sum();
        (variance, variance.powi(2) / sum)
    }
}

/// Variance of the difference over resampled test images; 0 where they are not resampled alike.
fn images_variance(arm: &Arm, baseline: &Arm, images: usize) -> f64 {
    if arm.resampled.len() != baseline.resampled.len() || images < 2 {
        return 0.0;
    }
    let pairs = arm.resampled.iter().zip(baseline.resampled);
    let differences: Vec<f64> = pairs.map(|(own, base)| own - base).collect();
    resampled_variance(&differences, images)
}

/// Variance of a figure from the choice of so many test images, by its values on resampled ones.
pub(crate) fn resampled_variance(resampled: &[f64], images: usize) -> f64 {
    // Resamplings vary about the mean of the images drawn, by so much less than these do.
    let less = images.saturating_sub(1) as f64 / images as f64;
    describe::standard_deviation(resampled).map_or(0.0, |std| std.powi(2) / less)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASELINE: [f64; 3] = [40.1, 41.0, 39.2];

    fn arm(seeds: &[f64]) -> Arm<'_> {
        Arm {
            seeds,
            ..Arm::default()
        }
    }

    fn contrasts(arms: &[Arm]) -> Vec<Option<Contrast>> {
        let comparison = Comparison {
            baseline: arm(&BASELINE),
            arms,
            confidence: 0.95,
            images: 200,
        };
        comparison.contrasts()
    }

    fn assert_interval(contrast: Option<Contrast>, low: f64, high: f64, tolerance: f64) {
        let contrast = contrast.unwrap();
        assert!(
            (contrast.low - low).abs() < tolerance && (contrast.high - high).abs() < tolerance,
            "{contrast:?}"
        );
    }

    /// Expected intervals are those of SciPy's `stats.dunnett`, which draws random numbers and is
    /// right to three digits.
    #[test]
    fn models_that_spread_alike_have_dunnetts_intervals() {
        let arms = [
            arm(&[42.0, 41.5, 43.1]),
            arm(&[40.0, 39.9, 41.2]),
            arm(&[38.2, 39.0, 37.5]),
        ];
        let found = contrasts(&arms);
        assert_interval(found[0], 0.217_46, 3.982_54, 4e-3);
        assert_interval(found[1], -1.615_87, 2.149_20, 4e-3);
        assert_interval(found[2], -3.749_20, 0.015_87, 4e-3);
    }

    /// Two models: Welch's interval, by SciPy's `stats.ttest_ind(…, equal_var=False)`.
    #[test]
    fn models_that_spread_unlike_go_by_their_own_spread() {
        let wild = [30.0, 50.0, 41.0];
        let comparison = Comparison {
            baseline: arm(&BASELINE),
            arms: &[arm(&wild)],
            confidence: 0.95,
            images: 200,
        };
        assert_eq!(comparison.spreads(), Some(Spreads::Unlike));
        let found = comparison.contrasts();
        assert_interval(found[0], -24.373_090, 24.839_757, 1e-4);
        assert!((found[0].unwrap().degrees - 2.032_290).abs() < 1e-5);
    }

    /// Differences from a baseline that hardly varies have little in common, so that they are wrong one
    /// by one: their intervals are wider than those of differences that share half of their chance.
    #[test]
    fn a_steady_baseline_leaves_differences_to_themselves() {
        let steady = [40.0, 40.1, 39.9];
        let wild = [[38.0, 42.0, 40.0], [36.0, 39.0, 45.0], [41.0, 37.0, 42.0]];
        let of = |arms: &[Arm]| {
            let comparison = Comparison {
                baseline: arm(&steady),
                arms,
                confidence: 0.95,
                images: 200,
            };
            let found = comparison.contrasts()[0].unwrap();
            (comparison.correlation(|arm| arm.variance()), found)
        };
        let (correlation, found) = of(&wild.each_ref().map(|seeds| arm(seeds)));
        assert!(correlation < 0.01, "{correlation}");
        let half = |correlation| {
            let variance = found.variance[0] / 3.0 + found.variance[1] / 3.0;
            critical(0.95, 3, correlation, found.degrees) * variance.sqrt()
        };
        assert!((found.half() - half(correlation)).abs() < 1e-9);
        assert!(found.half() > half(0.5));
        // What more seeds would tell goes by the same.
        assert_eq!(found.half_with(3, found.degrees), found.half());
    }

    #[test]
    fn one_seed_goes_by_the_others_spread() {
        let found = contrasts(&[arm(&[44.0]), arm(&[40.0, 39.9, 41.2]), arm(&[])]);
        let one = found[0].unwrap();
        assert!(one.low > 0.0 && one.half() > found[1].unwrap().half());
        assert_eq!(found[2], None);
        let single = Comparison {
            baseline: arm(&BASELINE[..1]),
            arms: &[arm(&[44.0])],
            confidence: 0.95,
            images: 200,
        };
        assert_eq!((single.contrasts(), single.spreads()), (vec![None], None));
    }

    /// The choice of test images widens the interval, and only by what the two models do not have
    /// in common.
    #[test]
    fn test_images_add_their_own_chance() {
        let own = [40.0, 39.9, 41.2];
        let easy_or_hard: Vec<f64> = (0..200).map(|i| f64::from(i % 10)).collect();
        let harder: Vec<f64> = easy_or_hard.iter().map(|x| x - 1.0).collect();
        let other: Vec<f64> = (0..200).map(|i| f64::from(i % 7)).collect();
        let of = |resampled| {
            let comparison = Comparison {
                baseline: Arm {
                    seeds: &BASELINE,
                    first: None,
                    resampled: &easy_or_hard,
                },
                arms: &[Arm {
                    seeds: &own,
                    first: None,
                    resampled,
                }],
                confidence: 0.95,
                images: 200,
            };
            comparison.contrasts()[0].unwrap()
        };
        let given = contrasts(&[arm(&own)])[0].unwrap();
        assert_eq!(of(&harder).half(), given.half());
        let wide = of(&other);
        assert!(wide.half() > given.half() && wide.of_images > 1.0);
        assert!(wide.least_half() > 0.0 && wide.least_half() < wide.half());
        assert_eq!(given.least_half(), 0.0);
    }

    #[test]
    fn what_never_varies_is_known() {
        let comparison = Comparison {
            baseline: arm(&[0.0, 0.0]),
            arms: &[arm(&[0.0, 0.0])],
            confidence: 0.95,
            images: 200,
        };
        let found = comparison.contrasts()[0].unwrap();
        assert_eq!((found.low, found.high), (0.0, 0.0));
    }
}
