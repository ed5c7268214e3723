//! From values to pixels, and the ticks between.

/// A linear or logarithmic axis.
#[derive(Clone, Debug)]
pub struct Axis {
    log: bool,
    low: f64,
    high: f64,
}

impl Axis {
    /// An axis over the values with some air at both ends. A logarithmic one leaves out values that have no logarithm.
    /// None where there is no value to show.
    pub fn over(values: impl IntoIterator<Item = f64>, log: bool) -> Option<Self> {
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
            // One value alone stands in the middle of a factor of two.
            let air = ((high / low).ln() * 0.06)
                .max(if high / low < 1.2 { 0.35 } else { 0.05 })
                .exp();
            Some(Self {
                log,
                low: low / air,
                high: high * air,
            })
        } else {
            let air = if high > low {
                (high - low) * 0.08
            } else {
                (high.abs() * 0.1).max(1e-6)
            };
            Some(Self {
                log,
                low: low - air,
                high: high + air,
            })
        }
    }

    /// The same axis, reaching at least over these values.
    pub fn including(mut self, low: f64, high: f64) -> Self {
        self.low = self.low.min(low);
        self.high = self.high.max(high);
        self
    }

    /// The same axis, going no further than these values.
    pub fn within(mut self, low: f64, high: f64) -> Self {
        self.low = self.low.max(low);
        self.high = self.high.min(high);
        self
    }

    /// 0 at the axis's beginning, 1 at its end.
    pub fn at(&self, x: f64) -> f64 {
        if self.log {
            (x / self.low).ln() / (self.high / self.low).ln()
        } else {
            (x - self.low) / (self.high - self.low)
        }
    }

    /// About `count` round values with their labels; whole numbers only where asked for.
    pub fn ticks(&self, count: usize, whole: bool) -> Vec<(f64, String)> {
        let decades = (self.high / self.low).log10();
        let (values, step) = if self.log && decades > 0.9 {
            let digits: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
            let sets = digits.map(|digits| self.decades(digits));
            let fitting = sets
                .iter()
                .find(|ticks| ticks.len() <= count + 1)
                .unwrap_or(&sets[2]);
            (fitting.clone(), 0.0)
        } else {
            self.steps(count, whole)
        };
        values.into_iter().map(|x| (x, label(x, step))).collect()
    }

    fn decades(&self, digits: &[f64]) -> Vec<f64> {
        let powers = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let all =
            powers.flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
        all.filter(|x| (self.low..=self.high).contains(x)).collect()
    }

    fn steps(&self, count: usize, whole: bool) -> (Vec<f64>, f64) {
        let rough = (self.high - self.low) / count.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let mut step = power
            * [1.0, 2.0, 5.0, 10.0]
                .into_iter()
                .find(|d| d * power >= rough)
                .unwrap_or(10.0);
        if whole {
            step = step.max(1.0);
        }
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        ((first..=last).map(|i| i as f64 * step).collect(), step)
    }
}

fn label(x: f64, step: f64) -> String {
    let text = if step > 0.0 {
        let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
        format!("{x:.decimals$}")
    } else if x >= 1e5 {
        format!("{x:e}")
    } else {
        format!("{x}")
    };
    // A number that is almost a power of ten, 0.30000000000000004, in the digits that it has.
    let tidy = if text.len() > 8 {
        format!("{x:.3}").trim_end_matches('0').to_string()
    } else {
        text
    };
    tidy.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, count: usize, whole: bool) -> Vec<String> {
        axis.ticks(count, whole)
            .into_iter()
            .map(|(_, label)| label)
            .collect()
    }

    #[test]
    fn ticks_are_round() {
        let axis = Axis::over([0.0, 100.0], false).unwrap().within(0.0, 100.0);
        assert_eq!(
            labels(&axis, 5, false),
            ["0", "20", "40", "60", "80", "100"]
        );
        let axis = Axis::over([1.0, 40.0], true).unwrap();
        assert_eq!(labels(&axis, 5, false), ["1", "2", "5", "10", "20"]);
        let axis = Axis::over([0.1, 90.0], true).unwrap();
        assert_eq!(labels(&axis, 5, false), ["0.1", "1", "10", "100"]);
        let axis = Axis::over([1.0, 2.0], false).unwrap();
        assert_eq!(labels(&axis, 6, true), ["1", "2"]);
        let axis = Axis::over([-12.0, 3.0], false).unwrap();
        assert_eq!(labels(&axis, 4, false), ["−10", "−5", "0"]);
    }

    #[test]
    fn values_map_to_the_unit_interval() {
        let axis = Axis::over([1.0, 100.0], true).unwrap();
        assert!((axis.at(10.0) - 0.5).abs() < 1e-12);
        assert!(axis.at(1.0) > 0.0 && axis.at(100.0) < 1.0);
        let lonely = Axis::over([7.0], true).unwrap();
        assert!((lonely.at(7.0) - 0.5).abs() < 1e-12);
        assert!(lonely.ticks(5, false).len() >= 2);
        let zero = Axis::over([0.0], false).unwrap();
        assert!((zero.at(0.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_show_is_no_axis() {
        assert!(Axis::over([], false).is_none());
        assert!(Axis::over([0.0, -1.0, f64::NAN], true).is_none());
    }
}
