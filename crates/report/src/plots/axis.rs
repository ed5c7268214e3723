//! Linear and logarithmic axes: plotters' coordinates, with ticks at round values and the same
//! digits in all labels.

use std::ops::Range;

use plotters::coord::combinators::LogCoord;
use plotters::coord::ranged1d::{BoldPoints, KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

pub struct Axis {
    range: Range<f64>,
    log: bool,
    ticks: Vec<f64>,
    /// Between ticks. None if they are those of decades, each with its own digits: 0.1, 1, 10.
    step: Option<f64>,
}

/// The range of the values with a margin at both ends. A logarithmic range ignores values that have
/// no logarithm. None if there is no value to show.
pub fn range(values: impl IntoIterator<Item = f64>, log: bool) -> Option<Range<f64>> {
    let shown = values
        .into_iter()
        .filter(|x| x.is_finite() && (!log || *x > 0.0));
    let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
        (low.min(x), high.max(x))
    });
    if low > high {
        return None;
    }
    if log {
        // A single value is in the middle of a factor of two.
        let least = if high / low < 1.2 { 0.35 } else { 0.05 };
        let margin = ((high / low).ln() * 0.06).max(least).exp();
        return Some(low / margin..high * margin);
    }
    let margin = match (high > low, high) {
        (true, _) => (high - low) * 0.08,
        // A zero alone has no size of its own to go by.
        (false, 0.0) => 0.1,
        (false, _) => high.abs() * 0.1,
    };
    Some(low - margin..high + margin)
}

impl Axis {
    /// An axis with about `count` ticks. Plotters chooses them, but on a logarithmic axis it marks
    /// decades only, and nothing within one: there the ticks are 1, 2, 5, 10 or 1, 3, 10, if they
    /// fit, or linear within a decade.
    pub fn new(range: Range<f64>, log: bool, count: usize) -> Self {
        if log && range.end / range.start > 8.0 {
            let powers = range.start.log10().floor() as i32..=range.end.log10().ceil() as i32;
            let ticks = |digits: &[f64]| -> Vec<f64> {
                let decade = |power| digits.iter().map(move |digit| digit * 10f64.powi(power));
                powers
                    .clone()
                    .flat_map(decade)
                    .filter(|x| range.contains(x))
                    .collect()
            };
            let finer = [ticks(&[1.0, 2.0, 5.0]), ticks(&[1.0, 3.0])];
            let fitting = finer.into_iter().find(|ticks| ticks.len() <= count);
            let ticks = fitting.unwrap_or_else(|| ticks(&[1.0]));
            return Self {
                range,
                log,
                ticks,
                step: None,
            };
        }
        let ticks = RangedCoordf64::from(range.clone()).key_points(BoldPoints(count));
        let step = ticks
            .windows(2)
            .next()
            .map_or(1.0, |pair| pair[1] - pair[0]);
        Self {
            range,
            log,
            ticks,
            step: Some(step),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        if self.log {
            LogCoord::from(self.range().log_scale()).map(value, limit)
        } else {
            RangedCoordf64::from(self.range()).map(value, limit)
        }
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let step = self.step.unwrap_or(*value);
        if step >= 1e5 {
            return format!("{value:e}");
        }
        // Ticks have rounding errors: 0.30000000000000004, or −0.0 for zero.
        let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 6.0) as usize;
        let value = (value / step).round() * step + 0.0;
        format!("{value:.decimals$}").replace('-', "−")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(range: Range<f64>, log: bool, count: usize) -> Vec<String> {
        let axis = Axis::new(range, log, count);
        axis.ticks.iter().map(|x| axis.format_ext(x)).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            ticks(0.0..100.0, false, 6),
            ["0", "20", "40", "60", "80", "100"]
        );
        assert_eq!(ticks(0.92..2.08, false, 2), ["1", "2"]);
        assert_eq!(ticks(-13.2..4.2, false, 5), ["−10", "−5", "0"]);
        assert_eq!(
            ticks(-0.35..0.35, false, 8),
            ["−0.3", "−0.2", "−0.1", "0.0", "0.1", "0.2", "0.3"]
        );
        assert_eq!(ticks(0.0..0.11, false, 5), ["0.00", "0.05", "0.10"]);
        assert_eq!(ticks(0.8..49.0, true, 6), ["1", "2", "5", "10", "20"]);
        assert_eq!(ticks(0.07..130.0, true, 6), ["0.1", "1", "10", "100"]);
        assert_eq!(ticks(2.0..9.0, true, 5), ["2", "4", "6", "8"]);
        assert_eq!(ticks(3e-5..2e6, true, 15).last().unwrap(), "1e6");
    }

    #[test]
    fn values_have_air_around_them() {
        let over = |values: &[f64], log| range(values.iter().copied(), log);
        let log = Axis::new(over(&[1.0, 100.0], true).unwrap(), true, 5);
        assert_eq!(log.map(&10.0, (0, 1000)), 500);
        assert!(log.map(&1.0, (0, 1000)) > 0 && log.map(&100.0, (0, 1000)) < 1000);
        let alone = Axis::new(over(&[7.0], true).unwrap(), true, 5);
        assert_eq!(alone.map(&7.0, (0, 1000)), 500);
        assert!(alone.ticks.len() >= 2);
        let zero = Axis::new(over(&[0.0], false).unwrap(), false, 5);
        assert_eq!(zero.map(&0.0, (0, 1000)), 500);
        assert_eq!(
            ticks(over(&[0.0], false).unwrap(), false, 3),
            ["−0.1", "0.0", "0.1"]
        );
    }

    #[test]
    fn nothing_to_show_is_no_axis() {
        assert!(range([], false).is_none());
        assert!(range([0.0, -1.0, f64::NAN], true).is_none());
    }
}
