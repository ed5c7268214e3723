//! Better, worse or the same: the judgement of a change, and the sign that shows it without colour.

/// What a change means for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Better,
    Worse,
    /// Not to be told from nothing: it rounds to zero, or the spread is larger.
    Same,
    /// There is no spread to judge by.
    Open,
}

impl Mark {
    /// Of a change in something that is better when it is low; `clear` where the spread allows a judgement.
    pub fn lower(change: f64, clear: bool) -> Self {
        match change {
            x if x.abs() < 0.05 || !clear => Mark::Same,
            x if x < 0.0 => Mark::Better,
            _ => Mark::Worse,
        }
    }

    /// Of a change in something that is better when it is high; `clear` is none where there is no spread.
    pub fn higher(change: f64, clear: Option<bool>) -> Self {
        clear.map_or(Mark::Open, |clear| Self::lower(-change, clear))
    }

    pub fn word(self) -> &'static str {
        match self {
            Mark::Better => "better",
            Mark::Worse => "worse",
            Mark::Same => "same",
            Mark::Open => "open",
        }
    }

    /// Points the way of the change; full where it is better, hollow where it is worse.
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
