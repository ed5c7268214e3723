//! Colours, markers and the font of all plots and of the report around them.

/// The regular and the semi-bold face, subsets of Inter under the SIL Open Font License (`fonts/LICENSE-OFL.txt`).
pub const REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.otf");
pub const SEMIBOLD: &[u8] = include_bytes!("../fonts/Inter-SemiBold.otf");

/// What a shape is for; a theme gives it its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Paper,
    Ink,
    Muted,
    Grid,
    /// The n-th series; the first is the baseline.
    Series(usize),
}

/// Colours on light and on dark ground. All have a contrast of 3:1 or more to their ground, and neighbours differ in
/// lightness as well as in hue.
const SERIES: [(&str, &str); 9] = [
    ("#3b4252", "#d5dbe6"),
    ("#1f6feb", "#6cabff"),
    ("#d9480f", "#ff9257"),
    ("#0c8f6f", "#3fd0a5"),
    ("#8b3fd1", "#c592ff"),
    ("#c2255c", "#ff7fa8"),
    ("#8a6d00", "#e2c044"),
    ("#0b7f9c", "#53cbe8"),
    ("#5f7f1b", "#a9d150"),
];

impl Paint {
    fn colours(self) -> (&'static str, &'static str) {
        match self {
            Paint::Paper => ("#ffffff", "#171b22"),
            Paint::Ink => ("#1d2330", "#e8ecf3"),
            Paint::Muted => ("#5f6878", "#a3adbd"),
            Paint::Grid => ("#e4e8ee", "#2c333f"),
            Paint::Series(0) => SERIES[0],
            Paint::Series(index) => SERIES[1 + (index - 1) % (SERIES.len() - 1)],
        }
    }

    pub fn light(self) -> &'static str {
        self.colours().0
    }

    /// The class by which a style sheet may recolour a shape.
    pub fn class(self) -> String {
        match self {
            Paint::Paper => "paper".into(),
            Paint::Ink => "ink".into(),
            Paint::Muted => "muted".into(),
            Paint::Grid => "grid".into(),
            Paint::Series(0) => "s0".into(),
            Paint::Series(index) => format!("s{}", 1 + (index - 1) % (SERIES.len() - 1)),
        }
    }
}

/// Rules that recolour the plots of a page for dark ground: `f-` classes are fills, `k-` classes strokes.
pub fn dark_rules() -> String {
    let paints = [Paint::Paper, Paint::Ink, Paint::Muted, Paint::Grid];
    let all = paints
        .into_iter()
        .chain((0..SERIES.len()).map(Paint::Series));
    let rule = |paint: Paint| {
        let (class, dark) = (paint.class(), paint.colours().1);
        format!("svg .f-{class}{{fill:{dark}}}svg .k-{class}{{stroke:{dark}}}")
    };
    all.map(rule).collect()
}

/// Corners of the n-th series' marker around the origin, in units of its radius; none for a circle.
pub fn marker(index: usize) -> Option<Vec<(f64, f64)>> {
    // A series that shares its colour with another one differs from it in shape: 8 colours × 7 shapes.
    let shape = if index == 0 {
        0
    } else {
        1 + (index - 1 + (index - 1) / 8) % 7
    };
    let polygon = |n: usize, turn: f64, radius: f64, inner: f64| {
        let corner = |i: usize| {
            let angle =
                std::f64::consts::TAU * (i as f64 / n as f64 + turn) - std::f64::consts::FRAC_PI_2;
            let r = if i.is_multiple_of(2) { radius } else { inner };
            (r * angle.cos(), r * angle.sin())
        };
        Some((0..n).map(corner).collect())
    };
    match shape {
        0 => None,
        1 => polygon(4, 0.125, 1.2, 1.2),
        2 => polygon(3, 0.0, 1.35, 1.35),
        3 => polygon(4, 0.0, 1.35, 1.35),
        4 => polygon(3, 0.5, 1.35, 1.35),
        5 => polygon(10, 0.0, 1.5, 0.65),
        6 => polygon(8, 0.0, 1.5, 0.55),
        _ => polygon(6, 0.0, 1.2, 1.2),
    }
}
