//! Quantiles, means and standard deviations, as NumPy computes them by default.
//!
//! statrs estimates quantiles by another rule (type 8, NumPy's is type 7) and sums up means one
//! value at a time, which changes the last digits; so these are our own.

/// The `q`-quantile (0 to 1) of values in ascending order, interpolated linearly between the two
/// nearest ranks.
///
/// None if there is no value, or if `q` is outside 0 to 1.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    if sorted.is_empty() || !(0.0..=1.0).contains(&q) {
        return None;
    }
    let rank = q * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    Some(below + (above - below) * rank.fract())
}

/// The arithmetic mean; None if there is no value.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The mean of series of figures, place by place; None where one has none. Empty if the series are
/// of different lengths.
pub fn mean_by_place(series: &[&[Option<f64>]]) -> Vec<Option<f64>> {
    let length = series.first().map_or(0, |first| first.len());
    if series.iter().any(|other| other.len() != length) {
        return Vec::new();
    }
    let mean = |place: usize| {
        let sum: Option<f64> = series.iter().map(|series| series[place]).sum();
        sum.map(|sum| sum / series.len() as f64)
    };
    (0..length).map(mean).collect()
}

/// The sample standard deviation, with n − 1 in the denominator; None for fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Mean and spread of a figure over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Arithmetic mean.
    pub mean: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Sample standard deviation; None for a single value.
    pub std: Option<f64>,
    /// Number of values.
    pub n: usize,
}

impl Spread {
    /// Of all values; None if there is none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        Some(Self {
            mean: mean(&values)?,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            std: standard_deviation(&values),
            n: values.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected figures are NumPy's: `quantile`, `mean`, `std(ddof=1)`.
    #[test]
    fn figures_are_those_of_numpy() {
        let sorted = [1.0, 2.0, 3.0, 4.0, 7.0, 10.0];
        for (q, expected) in [
            (0.0, 1.0),
            (0.025, 1.125),
            (0.25, 2.25),
            (0.5, 3.5),
            (0.9, 8.5),
            (1.0, 10.0),
        ] {
            assert_eq!(quantile(&sorted, q), Some(expected), "{q}");
        }
        assert_eq!(mean(&sorted), Some(4.5));
        let std = standard_deviation(&sorted).unwrap();
        assert!((std - 3.391_164_991_562_634_3).abs() < 1e-15, "{std}");
    }

    #[test]
    fn the_mean_of_series_is_taken_place_by_place() {
        let [a, b] = [[Some(1.0), None, Some(3.0)], [Some(2.0); 3]];
        assert_eq!(mean_by_place(&[&a, &b]), [Some(1.5), None, Some(2.5)]);
        assert_eq!(mean_by_place(&[&a, &b[..2]]), []);
        assert_eq!(mean_by_place(&[]), []);
    }

    #[test]
    fn too_few_values_have_no_figure() {
        assert_eq!((quantile(&[], 0.5), mean(&[])), (None, None));
        assert_eq!(quantile(&[1.0], 1.1), None);
        assert_eq!(quantile(&[1.0], f64::NAN), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(standard_deviation(&[3.0]), None);
        assert_eq!(Spread::of([]), None);
        let one = Spread::of([3.0]).unwrap();
        assert_eq!((one.mean, one.std, one.n), (3.0, None, 1));
    }
}
