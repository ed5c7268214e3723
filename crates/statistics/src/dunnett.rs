//! The critical value of Dunnett's test: several means against one control.
//!
//! C. W. Dunnett, "A multiple comparison procedure for comparing several treatments with a control",
//! Journal of the American Statistical Association 50 (1955).

use std::f64::consts::PI;

use statrs::distribution::{ChiSquared, Continuous, ContinuousCDF, Normal, StudentsT};

/// Above, the deviation counts as known, to six digits of a critical value.
const MANY: f64 = 1e6;

/// Above, two terms of Student's t by the normal distribution hold to eight digits; its own
/// inverse would lose some.
const ALMOST_NORMAL: f64 = 1e4;

/// The `d` such that `comparisons` t statistics of `degrees` degrees of freedom, any two of which
/// have the correlation `correlation`, all lie within ±d with probability `confidence`.
///
/// With one control and groups of equal size the correlation is 0.5. A smaller correlation gives a
/// larger value, so the smallest of several is the safe one.
///
/// NaN if `confidence` is outside 0 to 1, `correlation` outside 0 to below 1, `degrees` not
/// positive, or if there is no comparison.
pub fn critical(confidence: f64, comparisons: usize, correlation: f64, degrees: f64) -> f64 {
    let valid = confidence > 0.0
        && confidence < 1.0
        && (0.0..1.0).contains(&correlation)
        && degrees > 0.0
        && comparisons > 0;
    if !valid {
        return f64::NAN;
    }
    // One comparison alone needs the least.
    let least = student(confidence, degrees);
    if comparisons == 1 {
        return least;
    }
    let most = bonferroni(confidence, comparisons, degrees);
    let statistic = Statistic::new(comparisons, correlation, degrees);
    root(least, most, |d| statistic.within(d) - confidence)
}

/// What [`critical`] is at most, whatever the correlation, by Bonferroni's inequality; quick.
pub(crate) fn bonferroni(confidence: f64, comparisons: usize, degrees: f64) -> f64 {
    student(1.0 - (1.0 - confidence) / comparisons as f64, degrees)
}

/// The t such that a t statistic lies within ±t with a probability.
pub(crate) fn student(confidence: f64, degrees: f64) -> f64 {
    let upper = 1.0 - (1.0 - confidence) / 2.0;
    if degrees > ALMOST_NORMAL {
        let z = normal().inverse_cdf(upper);
        z + (z.powi(3) + z) / (4.0 * degrees)
    } else {
        StudentsT::new(0.0, 1.0, degrees).map_or(f64::NAN, |student| student.inverse_cdf(upper))
    }
}

/// The largest of the t statistics, in absolute value.
///
/// They share the control's mean, Z, and the estimate of the standard deviation, S: given both, they
/// are independent, so that the probability is a double integral.
struct Statistic {
    comparisons: i32,
    correlation: f64,
    /// Values of Z above 0 with their weights: those below give the same.
    control: Vec<(f64, f64)>,
    /// Values of S with their weights.
    deviation: Vec<(f64, f64)>,
}

impl Statistic {
    fn new(comparisons: usize, correlation: f64, degrees: f64) -> Self {
        let normal = normal();
        // The integrand is the same at Z and -Z.
        let control = nodes(32, 0.0, 7.0, |z| 2.0 * normal.pdf(z));
        let chi = ChiSquared::new(degrees).ok().filter(|_| degrees <= MANY);
        let deviation = chi.map_or(vec![(1.0, 1.0)], |chi| {
            let s = |p: f64| (chi.inverse_cdf(p) / degrees).sqrt();
            // By the logarithm: the density's factors overflow from 238 degrees on.
            nodes(40, s(1e-11), s(1.0 - 1e-11), |s| {
                2.0 * degrees * s * chi.ln_pdf(degrees * s * s).exp()
            })
        });
        Self {
            comparisons: i32::try_from(comparisons).unwrap_or(i32::MAX),
            correlation,
            control,
            deviation,
        }
    }

    /// The probability that all statistics lie within ±d.
    fn within(&self, d: f64) -> f64 {
        let normal = normal();
        let (shared, own) = (self.correlation.sqrt(), (1.0 - self.correlation).sqrt());
        let given = |s: f64, z: f64| {
            let above = normal.cdf((shared * z + d * s) / own);
            let below = normal.cdf((shared * z - d * s) / own);
            (above - below).powi(self.comparisons)
        };
        let over_control = |s: f64| -> f64 {
            let terms = self.control.iter().map(|&(z, weight)| weight * given(s, z));
            terms.sum()
        };
        let terms = self
            .deviation
            .iter()
            .map(|&(s, weight)| weight * over_control(s));
        terms.sum()
    }
}

fn normal() -> Normal {
    Normal::standard()
}

/// Points and weights of an integral over a density, by Gauss and Legendre.
fn nodes(count: usize, from: f64, to: f64, density: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let (half, middle) = ((to - from) / 2.0, f64::midpoint(to, from));
    let scaled = legendre(count).into_iter().map(|(x, weight)| {
        let x = middle + half * x;
        (x, half * weight * density(x))
    });
    scaled.collect()
}

/// The roots of the Legendre polynomial of a degree on −1 to 1, with their weights.
fn legendre(degree: usize) -> Vec<(f64, f64)> {
    let n = degree as f64;
    let root = |k: usize| {
        let mut x = (PI * (k as f64 + 0.75) / (n + 0.5)).cos();
        loop {
            let (mut before, mut value) = (1.0, x);
            for k in 2..=degree {
                let k = k as f64;
                let next = ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k;
                (before, value) = (value, next);
            }
            let slope = n * (x * value - before) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                return (x, 2.0 / ((1.0 - x * x) * slope * slope));
            }
        }
    };
    (0..degree).map(root).collect()
}

/// Where a rising function is zero, by the Illinois method; `low` and `high` enclose it. `high`, which
/// claims least, of a function that has no value.
fn root(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut at_low, mut at_high) = (f(low), f(high));
    if !at_low.is_finite() || !at_high.is_finite() {
        return high;
    }
    let mut last = 0;
    for _ in 0..100 {
        let middle = high - at_high * (high - low) / (at_high - at_low);
        if !middle.is_finite() || (high - low).abs() < 1e-9 * high {
            break;
        }
        let value = f(middle);
        if value.abs() < 1e-9 {
            return middle;
        }
        if value < 0.0 {
            (low, at_low) = (middle, value);
            if last < 0 {
                at_high /= 2.0;
            }
            last = -1;
        } else {
            (high, at_high) = (middle, value);
            if last > 0 {
                at_low /= 2.0;
            }
            last = 1;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As fixtures/dunnett.py integrates with SciPy's adaptive rule; the first are also those of
    /// Dunnett, "New tables for multiple comparisons with a control", Biometrics 20 (1964).
    #[test]
    fn critical_values_are_those_of_an_adaptive_integral() {
        let fixture = include_str!("../tests/fixtures/dunnett.json");
        let values: Vec<[f64; 5]> = serde_json::from_str(fixture).unwrap();
        assert!(values.len() > 15);
        for [confidence, comparisons, correlation, degrees, expected] in values {
            let found = critical(confidence, comparisons as usize, correlation, degrees);
            assert!(
                (found - expected).abs() < 1e-6 * expected,
                "{comparisons} comparisons, {degrees} degrees: {found} is not {expected}"
            );
        }
    }

    /// Without correlation and with the deviation known, the statistics are independent.
    #[test]
    fn independent_statistics_by_sidaks_formula() {
        let each = 0.95f64.powf(1.0 / 7.0);
        let expected = normal().inverse_cdf(f64::midpoint(1.0, each));
        let found = critical(0.95, 7, 0.0, f64::INFINITY);
        assert!((found - expected).abs() < 1e-8, "{found}, {expected}");
    }

    #[test]
    fn one_comparison_is_students() {
        assert!((critical(0.95, 1, 0.5, 2.0) - 4.302_652_73).abs() < 1e-7);
    }

    #[test]
    fn what_has_no_value_is_nan() {
        for (confidence, comparisons, correlation, degrees) in [
            (1.0, 2, 0.5, 4.0),
            (0.95, 0, 0.5, 4.0),
            (0.95, 2, 1.0, 4.0),
            (0.95, 2, -0.1, 4.0),
            (0.95, 2, 0.5, 0.0),
            (f64::NAN, 2, 0.5, 4.0),
        ] {
            let found = critical(confidence, comparisons, correlation, degrees);
            assert!(found.is_nan(), "{found}");
        }
    }
}
