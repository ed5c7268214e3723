//! Confidence intervals of a difference of mAP.

use std::fmt;

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::statistics::{Spread, quantile};

/// A 95 % confidence interval of a difference against the baseline, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// What was varied to find it.
    pub over: Over,
}

/// What an interval is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Trainings, each against the baseline's of the same seed.
    Seeds(usize),
    /// Test images, of one training against another.
    Images,
}

/// Fewer resamplings do not resolve the outer 5 %.
const FEWEST_REPLICATES: usize = 200;

impl Interval {
    /// Of the mean of paired differences, one per seed in points, by Student's t distribution; None
    /// for one seed.
    pub fn over_seeds(differences: Spread) -> Option<Self> {
        let Spread {
            mean,
            std: Some(std),
            n,
            ..
        } = differences
        else {
            return None;
        };
        let student = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?;
        let half = student.inverse_cdf(0.975) * std / (n as f64).sqrt();
        Some(Self {
            low: mean - half,
            high: mean + half,
            over: Over::Seeds(n),
        })
    }

    /// Of the difference of two detectors (mAP, 0 to 1): its 2.5 % and 97.5 % quantiles over the
    /// same resamplings of the images.
    ///
    /// None for fewer than 200 resamplings, or if the two differ in number.
    pub fn over_images(own: &[Option<f64>], base: &[Option<f64>]) -> Option<Self> {
        let mut differences: Vec<f64> = own
            .iter()
            .zip(base)
            .filter_map(|(own, base)| Some(100.0 * (own.as_ref()? - base.as_ref()?)))
            .collect();
        if own.len() != base.len() || differences.len() < FEWEST_REPLICATES {
            return None;
        }
        differences.sort_by(f64::total_cmp);
        Some(Self {
            low: quantile(&differences, 0.025)?,
            high: quantile(&differences, 0.975)?,
            over: Over::Images,
        })
    }

    /// Whether the difference is clear.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = [self.low, self.high].map(crate::number::points);
        write!(f, "{low} … {high}")
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, seq::SliceRandom};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A sum of twelve uniform numbers, less its mean: normal but for its tails.
    fn normal(rng: &mut impl Rng) -> f64 {
        (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
    }

    #[test]
    fn three_seeds_by_students_table() {
        // t of 2 degrees of freedom at 0.975 is 4.3027; the standard deviation is 1, that of the
        // mean 1/√3.
        let interval = Interval::over_seeds(Spread::of([1.0, 2.0, 3.0]).unwrap()).unwrap();
        assert!(
            (interval.low - (2.0 - 4.302_65 / 3f64.sqrt())).abs() < 1e-4,
            "{interval:?}"
        );
        assert!(
            (interval.high - (2.0 + 4.302_65 / 3f64.sqrt())).abs() < 1e-4
                && !interval.excludes_zero()
        );
        assert_eq!(interval.to_string(), "−0.5 … +4.5");
        assert_eq!(Interval::over_seeds(Spread::of([1.0]).unwrap()), None);
    }

    /// A baseline against itself under other seeds: a difference is found in 5 % of the sweeps, as
    /// the interval says.
    #[test]
    fn nothing_is_found_where_there_is_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for seeds in [2, 3, 5] {
            let sweeps = 4000;
            let found = (0..sweeps).filter(|_| {
                let differences: Vec<f64> = (0..seeds)
                    .map(|_| normal(&mut rng) - normal(&mut rng))
                    .collect();
                Interval::over_seeds(Spread::of(differences).unwrap())
                    .unwrap()
                    .excludes_zero()
            });
            let share = found.count() as f64 / f64::from(sweeps);
            assert!((0.035..0.065).contains(&share), "{seeds} seeds: {share}");
        }
    }

    /// The same with trainings: mAP50-95 of one network under forty seeds, by
    /// configs/sweeps/aa.yaml.
    #[test]
    fn nothing_is_found_between_real_trainings_of_one_network() {
        let figures = include_str!("../tests/fixtures/aa.csv").lines().skip(1);
        let mut maps: Vec<f64> = figures
            .map(|line| line.split_once(',').unwrap().1.parse().unwrap())
            .collect();
        assert_eq!(maps.len(), 40);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for seeds in [2, 3, 5] {
            let sweeps = 4000;
            let found = (0..sweeps).filter(|_| {
                maps.shuffle(&mut rng);
                let differences = maps[..seeds]
                    .iter()
                    .zip(&maps[seeds..2 * seeds])
                    .map(|(own, base)| 100.0 * (own - base));
                Interval::over_seeds(Spread::of(differences).unwrap())
                    .unwrap()
                    .excludes_zero()
            });
            let share = found.count() as f64 / f64::from(sweeps);
            assert!((0.03..0.07).contains(&share), "{seeds} seeds: {share}");
        }
    }

    #[test]
    fn quantiles_of_paired_resamplings() {
        let base: Vec<Option<f64>> = (0..1001).map(|i| Some(f64::from(i % 7) / 10.0)).collect();
        let own: Vec<Option<f64>> = base
            .iter()
            .enumerate()
            .map(|(i, base)| base.map(|base| base + i as f64 / 1e5))
            .collect();
        let interval = Interval::over_images(&own, &base).unwrap();
        assert!(
            (interval.low - 0.025).abs() < 1e-9 && (interval.high - 0.975).abs() < 1e-9,
            "{interval:?}"
        );
        assert_eq!(Interval::over_images(&own[..100], &base[..100]), None);
        assert_eq!(Interval::over_images(&own, &base[1..]), None);
    }
}
