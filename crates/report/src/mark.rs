//! Better, worse, as good or can't tell: the verdict of a change, and the sign that shows it without
//! colour.

use crate::interval::Interval;

/// An exact change that rounds to 0.0 is none: the figures are the same.
const SMALLEST: f64 = 0.05;

/// What `≈` means, wherever it is explained.
pub const AS_GOOD: &str = "≈ as good (the whole interval lies within the margin, or, of a cost, the figures are the same)";

/// What `?` means.
pub const OPEN: &str = "? can't tell";

/// What `∅` means.
pub const UNLEARNT: &str = "∅ neither network has learnt";

/// Which way a figure improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Costs and times.
    Lower,
    /// Accuracies.
    Higher,
}

/// What a change means for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A clear change for the better.
    Better,
    /// A clear change for the worse.
    Worse,
    /// The whole interval lies within the margin, or, of a cost, the figures are the same.
    Same,
    /// Nothing can be told.
    Open,
    /// Neither network has learnt, so that there is nothing to be told.
    Unlearnt,
}

impl Mark {
    /// Of a change that has no chance in it.
    pub fn exact(change: f64, better: Better) -> Self {
        if change.abs() < SMALLEST {
            Mark::Same
        } else {
            Self::direction(change, better)
        }
    }

    /// Of a change with an interval. `margin` is the change that the reader does not mind.
    pub fn of(change: f64, interval: &Interval, margin: Option<f64>, better: Better) -> Self {
        let within = |margin: f64| interval.low >= -margin && interval.high <= margin;
        if margin.is_some_and(within) {
            Mark::Same
        } else if interval.excludes_zero() {
            Self::direction(change, better)
        } else {
            Mark::Open
        }
    }

    /// Whether the change has a verdict.
    pub fn is_told(self) -> bool {
        !matches!(self, Mark::Open | Mark::Unlearnt)
    }

    fn direction(change: f64, better: Better) -> Self {
        if (change < 0.0) == (better == Better::Lower) {
            Mark::Better
        } else {
            Mark::Worse
        }
    }

    /// `better`, `worse`, `same`, `open`, `unlearnt`: also the class in the page's style.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Better => "better",
            Mark::Worse => "worse",
            Mark::Same => "same",
            Mark::Open => "open",
            Mark::Unlearnt => "unlearnt",
        }
    }

    /// In words, for a tooltip.
    pub fn meaning(self) -> &'static str {
        match self {
            Mark::Same => "as good",
            Mark::Open => "can't tell",
            Mark::Unlearnt => "neither network has learnt",
            mark => mark.word(),
        }
    }

    /// Points the way of the change; full if it is better, hollow if it is worse.
    pub fn sign(self, change: f64) -> &'static str {
        match (self, change > 0.0) {
            (Mark::Better, true) => "▲",
            (Mark::Better, false) => "▼",
            (Mark::Worse, true) => "△",
            (Mark::Worse, false) => "▽",
            (Mark::Same, _) => "≈",
            (Mark::Open, _) => "?",
            (Mark::Unlearnt, _) => "∅",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::{Over, Seeds};

    #[test]
    fn a_change_is_judged_by_its_direction() {
        use Better::{Higher, Lower};
        for (change, better, mark, sign) in [
            (-1.0, Lower, Mark::Better, "▼"),
            (1.0, Lower, Mark::Worse, "△"),
            (1.0, Higher, Mark::Better, "▲"),
            (-1.0, Higher, Mark::Worse, "▽"),
            (0.04, Higher, Mark::Same, "≈"),
        ] {
            let judged = Mark::exact(change, better);
            assert_eq!((judged, judged.sign(change)), (mark, sign), "{change}");
        }
    }

    /// One sentence says what ≈ means, in the documentation, too.
    #[test]
    fn the_documentation_says_the_same() {
        let docs = include_str!("../../../docs/figures.md");
        let (sign, meaning) = AS_GOOD.split_once(' ').unwrap();
        let (short, why) = meaning.split_once(" (").unwrap();
        let row = format!("| `{sign}` | {short}: {} |", why.trim_end_matches(')'));
        assert!(docs.contains(&row), "{row}");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in [
            include_str!("../../../docs/tutorial.md"),
            include_str!("../../../CHANGELOG.md"),
        ] {
            assert!(words(text).contains(&format!("as good ({why}")), "{why}");
        }
    }

    #[test]
    fn a_change_is_judged_by_its_interval_and_the_margin() {
        for (low, high, margin, mark) in [
            (0.1, 2.0, None, Mark::Better),
            (-2.0, -0.1, None, Mark::Worse),
            (-0.2, 0.3, None, Mark::Open),
            (-0.2, 0.3, Some(1.0), Mark::Same),
            (-0.2, 1.3, Some(1.0), Mark::Open),
            // Clear, but no more than the reader minds.
            (-0.8, -0.2, Some(1.0), Mark::Same),
            (-1.2, -0.2, Some(1.0), Mark::Worse),
        ] {
            let interval = Interval {
                low,
                high,
                over: Over::Seeds(Seeds {
                    own: 3,
                    baseline: 3,
                }),
            };
            let found = Mark::of(low + high, &interval, margin, Better::Higher);
            assert_eq!(found, mark, "{low} … {high}");
        }
    }
}
