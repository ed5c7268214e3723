//! Text in Inter: styles, sizes, and cutting to a width.

use std::sync::LazyLock;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters_backend::BackendTextStyle;
use ttf_parser::Face;

use super::style::{REGULAR, SEMIBOLD};

/// Regular and semi-bold.
static FACES: LazyLock<[Face<'static>; 2]> = LazyLock::new(|| {
    [REGULAR, SEMIBOLD].map(|bytes| Face::parse(bytes, 0).expect("the embedded fonts are valid"))
});

/// A style of the given size in tenths of a pixel. The anchor is the left end of the baseline.
pub fn text(size: u32, colour: RGBColor) -> TextStyle<'static> {
    TextStyle {
        font: ("Inter", size).into_font(),
        color: colour.to_backend_color(),
        pos: Pos::new(HPos::Left, VPos::Bottom),
    }
}

/// The same in semi-bold.
pub fn bold(size: u32, colour: RGBColor) -> TextStyle<'static> {
    let mut style = text(size, colour);
    style.font = style.font.style(FontStyle::Bold);
    style
}

pub fn is_bold<S: BackendTextStyle>(style: &S) -> bool {
    matches!(style.style(), FontStyle::Bold)
}

pub fn has_glyph(c: char) -> bool {
    FACES[0].glyph_index(c).is_some()
}

/// Width of a text, and height of its capitals above the baseline.
pub fn text_size<S: BackendTextStyle>(text: &str, style: &S) -> (i32, i32) {
    let face = &FACES[usize::from(is_bold(style))];
    let em = face.units_per_em();
    // A character without a glyph is drawn in another font, about an em wide.
    let advance = |c| face.glyph_hor_advance(face.glyph_index(c)?);
    let width = text
        .chars()
        .map(|c| f64::from(advance(c).unwrap_or(em)))
        .sum();
    let height = face.capital_height().map_or(0.7 * f64::from(em), f64::from);
    let scaled = |units: f64| (units * style.size() / f64::from(em)).round() as i32;
    (scaled(width), scaled(height))
}

/// The text, cut with an ellipsis if it is wider than `width`.
pub fn fit(text: &str, style: &TextStyle, width: i32) -> String {
    if text_size(text, style).0 <= width {
        return text.to_string();
    }
    let mut short = String::from("…");
    for c in text.chars() {
        let end = short.len() - '…'.len_utf8();
        short.insert(end, c);
        if text_size(&short, style).0 > width {
            short.remove(end);
            break;
        }
    }
    short
}

/// The text in lines of at most `width`, broken at spaces, best before a dot in the middle; a word
/// that is wider is cut.
pub fn wrap(text: &str, style: &TextStyle, width: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split_inclusive(" · ") {
        let fits = |line: &String| text_size(format!("{line}{part}").trim_end(), style).0 <= width;
        match lines.last_mut().filter(|line| fits(line)) {
            Some(line) => line.push_str(part),
            None => lines.extend(words(part, style, width)),
        }
    }
    let ends = |line: &String| fit(line.trim_end_matches([' ', '·']), style, width);
    let lines: Vec<String> = lines.iter().map(ends).collect();
    if lines.is_empty() {
        vec![String::new()]
    } else {
        lines
    }
}

/// The same, broken at any space.
fn words(text: &str, style: &TextStyle, width: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_inclusive(' ') {
        let fits = |line: &String| text_size(format!("{line}{word}").trim_end(), style).0 <= width;
        match lines.last_mut().filter(|line| fits(line)) {
            Some(line) => line.push_str(word),
            None => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_go_on_in_further_lines() {
        let style = text(100, BLACK);
        assert_eq!(wrap("short", &style, 1000), ["short"]);
        assert_eq!(wrap("", &style, 1000), [""]);
        let lines = wrap("one part · and another one · last", &style, 1000);
        assert_eq!(lines, ["one part", "and another one", "last"]);
        let lines = wrap("a part that is itself too wide for it", &style, 1000);
        assert_eq!(lines, ["a part that is itself", "too wide for it"]);
        assert!(wrap(&"x".repeat(100), &style, 1000)[0].ends_with('…'));
    }

    #[test]
    fn long_text_is_cut_to_the_width() {
        let style = text(100, BLACK);
        assert_eq!(fit("short", &style, 1000), "short");
        let cut = fit("a name that is far too long", &style, 1000);
        assert!(
            cut.starts_with("a name that") && cut.ends_with('…'),
            "{cut}"
        );
        assert!((900..=1000).contains(&text_size(&cut, &style).0), "{cut}");
    }

    #[test]
    fn sizes_are_those_of_the_font() {
        let (width, height) = text_size("−12", &text(1000, BLACK));
        assert!(
            (1600..2000).contains(&width) && (720..735).contains(&height),
            "{width} {height}"
        );
        assert!(text_size("wide", &bold(1000, BLACK)).0 > text_size("wide", &text(1000, BLACK)).0);
    }
}
