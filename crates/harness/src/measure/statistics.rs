//! Statistics of timed iterations.

use ablate_records::{LatencyMeasurement, PeakMemory};
use ablate_statistics::{mean, quantile, standard_deviation};

/// Sums up timed iterations, each a forward pass of `batch` images, in milliseconds.
///
/// Percentiles interpolate linearly between the two nearest ranks, as NumPy does by default.
///
/// # Panics
/// If there is no sample.
pub fn summarize(samples_ms: Vec<f64>, batch: usize, warmup: usize) -> LatencyMeasurement {
    let mut sorted = samples_ms.clone();
    sorted.sort_by(f64::total_cmp);
    let percentile = |q| quantile(&sorted, q).expect("at least one sample");
    let median_ms = percentile(0.5);
    LatencyMeasurement {
        median_ms,
        mean_ms: mean(&samples_ms).expect("at least one sample"),
        p90_ms: percentile(0.9),
        p99_ms: percentile(0.99),
        min_ms: sorted[0],
        std_ms: standard_deviation(&samples_ms).unwrap_or(0.0),
        images_per_s: batch as f64 * 1e3 / median_ms,
        warmup,
        iterations: sorted.len(),
        samples_ms,
        rounds: None,
        load: None,
        memory: PeakMemory::default(),
        rounding_error: None,
        by: None,
        no_plan: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() < 1e-12 * expected.abs().max(1.0),
            "{actual} is not {expected}"
        );
    }

    /// Expected figures are NumPy's: `median`, `mean`, `percentile`, `std(ddof=1)`.
    #[test]
    fn figures_are_those_of_numpy() {
        let measured = summarize(vec![4.0, 1.0, 3.0, 2.0, 10.0, 7.0], 4, 3);
        assert_close(measured.median_ms, 3.5);
        assert_close(measured.mean_ms, 4.5);
        assert_close(measured.p90_ms, 8.5);
        assert_close(measured.p99_ms, 9.85);
        assert_close(measured.min_ms, 1.0);
        assert_close(measured.std_ms, 3.391_164_991_562_634_3);
        assert_close(measured.images_per_s, 4.0 / 3.5e-3);
        assert_eq!((measured.iterations, measured.warmup), (6, 3));
        assert_eq!(
            measured.samples_ms,
            [4.0, 1.0, 3.0, 2.0, 10.0, 7.0],
            "in the order in which they ran"
        );
    }

    #[test]
    fn a_single_sample_has_no_spread() {
        let measured = summarize(vec![2.0], 1, 0);
        assert_eq!(
            (measured.median_ms, measured.p99_ms, measured.std_ms),
            (2.0, 2.0, 0.0)
        );
    }
}
