//! The shift between paired measurements, without a word about how they are distributed.
//!
//! Latencies have bursts and tails, of which a t test knows nothing. Where two models are timed in
//! turn, in an order drawn anew each round, and are equally fast, each round's difference is as
//! likely to be +x as −x: that is all that Wilcoxon's signed rank test asks for, so it is exact
//! whatever else the machine does.

use crate::describe::quantile;
use crate::dunnett::student;

/// A shift and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The median of the means of all pairs of differences (Hodges and Lehmann, 1963).
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The shift of paired differences, with an interval that contains the true shift with at least the
/// probability `confidence`.
///
/// None if there are too few differences for that: ten allow for 99.8 %.
pub fn shift(differences: &[f64], confidence: f64) -> Option<Shift> {
    let count = differences.len();
    let outside = outside(count, (1.0 - confidence) / 2.0)?;
    let means = means_of_pairs(differences);
    Some(Shift {
        estimate: quantile(&means, 0.5)?,
        low: means[outside],
        high: means[means.len() - 1 - outside],
    })
}

impl Shift {
    /// Half the width of the interval.
    pub fn half(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The estimate of [`Shift`] alone, however few differences there are; None if there is none.
pub fn middle(differences: &[f64]) -> Option<f64> {
    quantile(&means_of_pairs(differences), 0.5)
}

/// The variance of [`middle`], by the width of its interval, with its degrees of freedom: bursts and
/// tails hardly move it. None for fewer than six values.
pub fn middle_variance(values: &[f64]) -> Option<(f64, f64)> {
    let shift = shift(values, 0.95)?;
    let student = student(0.95, f64::INFINITY);
    let error = shift.half() / student;
    Some((error.powi(2), (values.len() - 1) as f64))
}

/// In ascending order; a difference is a pair with itself, too.
fn means_of_pairs(differences: &[f64]) -> Vec<f64> {
    let count = differences.len();
    let mut means: Vec<f64> = (0..count)
        .flat_map(|i| (i..count).map(move |j| (i, j)))
        .map(|(i, j)| f64::midpoint(differences[i], differences[j]))
        .collect();
    means.sort_by(f64::total_cmp);
    means
}

/// How many of the means of pairs lie beyond each end of the interval: the largest number of which
/// the signed rank statistic is at most that with no more than the probability `tail`.
fn outside(count: usize, tail: f64) -> Option<usize> {
    // Above, the statistic's own distribution takes long to add up, and is normal to 1e-4.
    const EXACT: usize = 100;
    if count > EXACT {
        use statrs::distribution::{ContinuousCDF, Normal};
        let n = count as f64;
        let (mean, variance) = (n * (n + 1.0) / 4.0, n * (n + 1.0) * (2.0 * n + 1.0) / 24.0);
        let rank = mean + Normal::standard().inverse_cdf(tail) * variance.sqrt();
        return (rank >= 0.5).then_some((rank - 0.5) as usize);
    }
    // Each rank from 1 to `count` is in the sum with probability ½.
    let largest = count * (count + 1) / 2;
    let mut probability = vec![0.0; largest + 1];
    probability[0] = 1.0;
    for rank in 1..=count {
        for sum in (0..=largest).rev() {
            let with = if sum >= rank {
                probability[sum - rank]
            } else {
                0.0
            };
            probability[sum] = f64::midpoint(probability[sum], with);
        }
    }
    let mut below = 0.0;
    let rare = probability.iter().take_while(|&&p| {
        below += p;
        below <= tail
    });
    rare.count().checked_sub(1)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Table of the signed rank test, two-sided: for ten differences the critical sum is 8 at 5 %
    /// and 3 at 1 %.
    #[test]
    fn critical_sums_are_those_of_wilcoxons_table() {
        assert_eq!(outside(10, 0.025), Some(8));
        assert_eq!(outside(10, 0.005), Some(3));
        assert_eq!(outside(20, 0.025), Some(52));
        assert_eq!(outside(5, 0.025), None);
        // The normal distribution goes on where the exact one ends.
        let (exact, normal) = (outside(100, 0.01).unwrap(), outside(101, 0.01).unwrap());
        assert!((normal - exact) < 60, "{exact}, {normal}");
    }

    #[test]
    fn one_outlier_moves_nothing() {
        let mut differences: Vec<f64> = (1..=13).map(|i| f64::from(i) / 10.0).collect();
        let found = shift(&differences, 0.95).unwrap();
        assert!((found.estimate - 0.7).abs() < 1e-12, "{found:?}");
        differences[12] = 1e6;
        let moved = shift(&differences, 0.95).unwrap();
        assert!(
            (moved.estimate - 0.7).abs() < 0.06 && moved.high < 1.3,
            "{moved:?}"
        );
    }

    /// Of normal values it is nearly that of their mean, σ² / n.
    #[test]
    fn the_variance_of_a_middle_is_that_of_many_tries() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let tries: Vec<Vec<f64>> = (0..400)
            .map(|_| (0..20).map(|_| normal()).collect())
            .collect();
        let middles: Vec<f64> = tries.iter().filter_map(|values| middle(values)).collect();
        let found = crate::standard_deviation(&middles).unwrap().powi(2);
        let said = tries.iter().filter_map(|values| middle_variance(values));
        let said = said.map(|(variance, _)| variance).sum::<f64>() / 400.0;
        assert!((said / found - 1.0).abs() < 0.3, "{said}, {found}");
        assert_eq!(middle_variance(&[1.0; 5]), None);
    }

    /// Bursts of three times the duration, on one side or the other: as rarely wrong as promised.
    #[test]
    fn bursts_make_no_false_claims() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut duration = || {
            let burst = rng.random::<f64>() < 0.2;
            (1.0 + 0.1 * rng.random::<f64>()) * if burst { 3.0 } else { 1.0 }
        };
        let tries = 4000;
        let found = (0..tries).filter(|_| {
            let differences: Vec<f64> = (0..12).map(|_| (duration() / duration()).ln()).collect();
            let shift = shift(&differences, 0.95).unwrap();
            shift.low > 0.0 || shift.high < 0.0
        });
        let share = found.count() as f64 / f64::from(tries);
        assert!((0.03..=0.055).contains(&share), "{share}");
    }
}
