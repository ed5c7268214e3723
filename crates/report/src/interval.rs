//! Confidence intervals of a change against the baseline.

use ablate_statistics::quantile;

/// A 95 % confidence interval of a change against the baseline, in the unit of the change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// What was varied to find it.
    pub over: Over,
}

/// What an interval is over: for what else it should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Trainings under other seeds, evaluated on the same images.
    Seeds(Seeds),
    /// Trainings under other seeds, evaluated on other images of the same kind.
    SeedsAndImages(Seeds),
    /// The same two trainings, evaluated on other images.
    Images,
    /// Other timings on the same machine.
    Rounds {
        /// Number of rounds in which the models were timed in turn.
        rounds: usize,
    },
}

/// Numbers of seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// Of the model.
    pub own: usize,
    /// Of the baseline.
    pub baseline: usize,
}

impl Seeds {
    /// `5 seeds`, `5 seeds, 3 of the baseline`.
    fn words(self) -> String {
        let own = match self.own {
            1 => "1 seed".into(),
            own => format!("{own} seeds"),
        };
        match self.baseline == self.own {
            true => own,
            false => format!("{own}, {} of the baseline", self.baseline),
        }
    }
}

impl Over {
    /// `5 seeds`, `5 seeds and test images`, `test images`, `12 rounds`.
    pub fn words(self) -> String {
        match self {
            Over::Seeds(seeds) => seeds.words(),
            Over::SeedsAndImages(seeds) => format!("{} and test images", seeds.words()),
            Over::Images => "test images".into(),
            Over::Rounds { rounds } => format!("{rounds} rounds"),
        }
    }
}

/// Fewer resamplings do not resolve the outer 5 %.
const FEWEST_REPLICATES: usize = 200;

impl Interval {
    /// Of the difference of two detectors in points, whose figures these are on the same resamplings of
    /// the images, in points, too: its 2.5 % and 97.5 % quantiles.
    ///
    /// None for fewer than 200 resamplings, or if the two differ in number.
    pub fn over_images(own: &[Option<f64>], base: &[Option<f64>]) -> Option<Self> {
        let mut differences: Vec<f64> = own
            .iter()
            .zip(base)
            .filter_map(|(own, base)| Some(own.as_ref()? - base.as_ref()?))
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

    /// Whether there is a difference.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_paired_resamplings() {
        let base: Vec<Option<f64>> = (0..1001).map(|i| Some(f64::from(i % 7) / 10.0)).collect();
        let own: Vec<Option<f64>> = base
            .iter()
            .enumerate()
            .map(|(i, base)| base.map(|base| base + i as f64 / 1e3))
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
