//! Colours and fonts of the plots and of the report around them.

use plotters::prelude::*;

/// The regular and the semi-bold face, subsets of Inter under the SIL Open Font License
/// (`fonts/LICENSE-OFL.txt`).
pub const REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.otf");
pub const SEMIBOLD: &[u8] = include_bytes!("../fonts/Inter-SemiBold.otf");

pub const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub const INK: RGBColor = RGBColor(0x1d, 0x23, 0x30);
pub const MUTED: RGBColor = RGBColor(0x5f, 0x68, 0x78);
pub const GRID: RGBColor = RGBColor(0xe4, 0xe8, 0xee);

/// Number of colours before those of the series.
const FIXED: usize = 6;

/// The style of the Pareto front.
pub const FRONT: usize = usize::MAX;

/// The style of the models in the background, where there are too many for a colour each.
pub const REST: usize = usize::MAX - 1;

/// CSS class, colour on light and on dark ground; the series come last, the baseline's first among
/// them. All but the grid have a contrast of at least 3:1 to their ground. Neighbours differ in
/// lightness as well as in hue.
const PALETTE: [(&str, RGBColor, &str); 15] = [
    ("paper", PAPER, "#171b22"),
    ("ink", INK, "#e8ecf3"),
    ("muted", MUTED, "#a3adbd"),
    ("grid", GRID, "#2c333f"),
    ("front", RGBColor(0x2f, 0x4b, 0x8f), "#9fb4ff"),
    ("rest", RGBColor(0x8a, 0x93, 0xa3), "#7b8698"),
    ("s0", RGBColor(0x3b, 0x42, 0x52), "#d5dbe6"),
    ("s1", RGBColor(0x1f, 0x6f, 0xeb), "#6cabff"),
    ("s2", RGBColor(0xd9, 0x48, 0x0f), "#ff9257"),
    ("s3", RGBColor(0x0c, 0x8f, 0x6f), "#3fd0a5"),
    ("s4", RGBColor(0x8b, 0x3f, 0xd1), "#c592ff"),
    ("s5", RGBColor(0xc2, 0x25, 0x5c), "#ff7fa8"),
    ("s6", RGBColor(0x8a, 0x6d, 0x00), "#e2c044"),
    ("s7", RGBColor(0x0b, 0x7f, 0x9c), "#53cbe8"),
    ("s8", RGBColor(0x5f, 0x7f, 0x1b), "#a9d150"),
];

/// Colour of the n-th series. The colours repeat, except that of the baseline (0).
pub fn series(index: usize) -> RGBColor {
    match index {
        FRONT => return PALETTE[4].1,
        REST => return PALETTE[5].1,
        _ => {}
    }
    let repeated = PALETTE.len() - FIXED - 1;
    let place = if index == 0 {
        0
    } else {
        1 + (index - 1) % repeated
    };
    PALETTE[FIXED + place].1
}

/// The CSS class of a colour of the palette.
pub fn class((r, g, b): (u8, u8, u8)) -> Option<&'static str> {
    let of = PALETTE
        .iter()
        .find(|(_, light, _)| *light == RGBColor(r, g, b));
    of.map(|(class, ..)| *class)
}

/// CSS rules that recolour plots for dark ground. `f-` classes are fills, `k-` classes strokes.
pub fn dark_rules() -> String {
    let rule = |(class, _, dark): &(&str, RGBColor, &str)| {
        format!("svg .f-{class}{{fill:{dark}}}svg .k-{class}{{stroke:{dark}}}")
    };
    PALETTE.iter().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_has_a_class_of_its_own() {
        for (name, light, _) in PALETTE {
            assert_eq!(class(light.rgb()), Some(name));
        }
        assert_eq!(class(BLACK.rgb()), None);
    }
}
