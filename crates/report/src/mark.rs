//! Better, worse or no clear change: the judgement of a change, and the sign that shows it without
//! colour.

/// A change that rounds to 0.0 is none.
const SMALLEST: f64 = 0.05;

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
    Better,
    Worse,
    /// No clear change: it rounds to zero, or lies within the spread.
    Same,
    /// One seed: no spread to judge by.
    Open,
}

impl Mark {
    /// Judges a signed change; `clear` says whether it lies outside the spread, and is None if
    /// there is no spread.
    pub fn of(change: f64, better: Better, clear: Option<bool>) -> Self {
        match clear {
            None => Mark::Open,
            Some(clear) if !clear || change.abs() < SMALLEST => Mark::Same,
            Some(_) if (change < 0.0) == (better == Better::Lower) => Mark::Better,
            Some(_) => Mark::Worse,
        }
    }

    /// `better`, `worse`, `same`, `open`: also the class in the page's style.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Better => "better",
            Mark::Worse => "worse",
            Mark::Same => "same",
            Mark::Open => "open",
        }
    }

    /// In words, for a tooltip.
    pub fn meaning(self) -> &'static str {
        match self {
            Mark::Same => "no clear change",
            Mark::Open => "one seed: no spread to judge by",
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_judged_by_its_direction_and_its_spread() {
        use Better::{Higher, Lower};
        for (change, better, clear, mark, sign) in [
            (-1.0, Lower, Some(true), Mark::Better, "▼"),
            (1.0, Lower, Some(true), Mark::Worse, "△"),
            (1.0, Higher, Some(true), Mark::Better, "▲"),
            (-1.0, Higher, Some(true), Mark::Worse, "▽"),
            (-9.0, Lower, Some(false), Mark::Same, "≈"),
            (0.04, Higher, Some(true), Mark::Same, "≈"),
            (9.0, Higher, None, Mark::Open, "?"),
        ] {
            let judged = Mark::of(change, better, clear);
            assert_eq!((judged, judged.sign(change)), (mark, sign), "{change}");
        }
    }
}
