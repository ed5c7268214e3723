//! A drawing: shapes and text in pixels, kept as SVG, drawn as PNG from the very same SVG.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use resvg::{tiny_skia, usvg};
use ttf_parser::Face;

use super::style::{Paint, REGULAR, SEMIBOLD, marker};

/// Pixels of the PNG for a pixel of the scene: sharp on screens of high density and in print.
pub const PNG_SCALE: f32 = 2.0;

pub type Point = (f64, f64);

/// Where a text's own point lies along it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    pub size: f64,
    pub bold: bool,
    pub paint: Paint,
    pub anchor: Anchor,
}

impl Type {
    pub fn new(size: f64, paint: Paint, anchor: Anchor) -> Self {
        Self {
            size,
            bold: false,
            paint,
            anchor,
        }
    }

    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }
}

pub struct Scene {
    pub width: f64,
    pub height: f64,
    body: String,
}

impl Scene {
    /// An empty sheet.
    pub fn new(width: f64, height: f64) -> Self {
        let mut scene = Self {
            width,
            height,
            body: String::new(),
        };
        scene.rect((0.0, 0.0), (width, height), Paint::Paper, "");
        scene
    }

    /// A rectangle between two corners; `tip` shows where a pointer rests on it.
    pub fn rect(&mut self, a: Point, b: Point, paint: Paint, tip: &str) {
        let (x, y) = (a.0.min(b.0), a.1.min(b.1));
        let (w, h) = ((a.0 - b.0).abs(), (a.1 - b.1).abs());
        self.shape(
            &format!(
                r#"<rect x="{x:.2}" y="{y:.2}" width="{w:.2}" height="{h:.2}" {}"#,
                fill(paint)
            ),
            tip,
        );
    }

    /// A line through points.
    pub fn line(&mut self, points: &[Point], width: f64, paint: Paint) {
        let path = corners(points.iter().copied());
        let (colour, class) = (paint.light(), paint.class());
        let _ = writeln!(
            self.body,
            r#"<polyline points="{path}" fill="none" stroke="{colour}" class="k-{class}" stroke-width="{width}" stroke-linejoin="round" stroke-linecap="round"/>"#
        );
    }

    /// The marker of the n-th series.
    pub fn marker(&mut self, at: Point, radius: f64, series: usize, tip: &str) {
        // A rim in the colour of the paper keeps neighbours apart.
        let rim = format!(
            r##"class="f-{0} k-paper" fill="{1}" stroke="#ffffff" stroke-width="1""##,
            Paint::Series(series).class(),
            Paint::Series(series).light()
        );
        let shape = match marker(series) {
            None => format!(
                r#"<circle cx="{:.2}" cy="{:.2}" r="{radius:.2}" {rim}"#,
                at.0, at.1
            ),
            Some(shape) => {
                let moved = shape
                    .into_iter()
                    .map(|(x, y)| (at.0 + radius * x, at.1 + radius * y));
                format!(r#"<polygon points="{}" {rim}"#, corners(moved))
            }
        };
        self.shape(&shape, tip);
    }

    fn shape(&mut self, open: &str, tip: &str) {
        let _ = match tip {
            "" => writeln!(self.body, "{open}/>"),
            tip => writeln!(
                self.body,
                "{open}><title>{}</title>{}",
                escape(tip),
                close(open)
            ),
        };
    }

    /// Text on the base line through `at`.
    pub fn text(&mut self, at: Point, text: &str, set: Type) {
        self.turned_text(at, text, set, 0.0);
    }

    /// Text turned about `at`, in degrees, clockwise.
    pub fn turned_text(&mut self, at: Point, text: &str, set: Type, degrees: f64) {
        let anchor = match set.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if set.bold {
            r#" font-weight="600""#
        } else {
            ""
        };
        let turn = if degrees == 0.0 {
            String::new()
        } else {
            format!(r#" transform="rotate({degrees} {:.2} {:.2})""#, at.0, at.1)
        };
        let _ = writeln!(
            self.body,
            r#"<text x="{:.2}" y="{:.2}" font-size="{}" text-anchor="{anchor}" {}{weight}{turn}>{}</text>"#,
            at.0,
            at.1,
            set.size,
            fill(set.paint),
            escape(text)
        );
    }

    /// A whole SVG document, or element of a page. `alt` says in words what it shows.
    pub fn svg(&self, alt: &str) -> String {
        let Self {
            width,
            height,
            body,
        } = self;
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="Inter, sans-serif" role="img" aria-label="{}">
{body}</svg>
"#,
            escape(alt)
        )
    }

    /// PNG bytes, [`PNG_SCALE`] pixels for one of the scene.
    pub fn png(&self) -> Result<Vec<u8>> {
        static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
        let fonts = FONTS.get_or_init(|| {
            let mut fonts = usvg::fontdb::Database::new();
            fonts.load_font_data(REGULAR.to_vec());
            fonts.load_font_data(SEMIBOLD.to_vec());
            fonts.set_sans_serif_family("Inter");
            Arc::new(fonts)
        });
        let options = usvg::Options {
            fontdb: fonts.clone(),
            font_family: "Inter".into(),
            ..Default::default()
        };
        let tree =
            usvg::Tree::from_str(&self.svg(""), &options).context("a plot is not valid SVG")?;
        let side = |length: f64| (length as f32 * PNG_SCALE).round() as u32;
        let mut pixels = tiny_skia::Pixmap::new(side(self.width), side(self.height))
            .context("a plot without area")?;
        resvg::render(
            &tree,
            tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE),
            &mut pixels.as_mut(),
        );
        pixels.encode_png().context("cannot encode a plot as PNG")
    }
}

/// Width of a text in pixels.
pub fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    static FACES: OnceLock<[Option<Face<'static>>; 2]> = OnceLock::new();
    let faces = FACES.get_or_init(|| [REGULAR, SEMIBOLD].map(|bytes| Face::parse(bytes, 0).ok()));
    let Some(face) = &faces[usize::from(bold)] else {
        return 0.6 * size * text.chars().count() as f64;
    };
    let advance = |c| {
        face.glyph_index(c)
            .and_then(|glyph| face.glyph_hor_advance(glyph))
    };
    // A character that the face lacks is drawn from another one, about an em wide.
    let em = face.units_per_em();
    let units: f64 = text
        .chars()
        .map(|c| f64::from(advance(c).unwrap_or(em)))
        .sum();
    units * size / f64::from(em)
}

/// The text, cut with an ellipsis where it is wider than `width`.
pub fn fit(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size, false) <= width {
        return text.to_string();
    }
    let mut short: Vec<char> = text.chars().collect();
    while !short.is_empty()
        && text_width(&short.iter().collect::<String>(), size, false) > width - size
    {
        short.pop();
    }
    short.into_iter().chain(['…']).collect()
}

fn fill(paint: Paint) -> String {
    format!(r#"fill="{}" class="f-{}""#, paint.light(), paint.class())
}

fn corners(points: impl Iterator<Item = Point>) -> String {
    points
        .map(|(x, y)| format!("{x:.2},{y:.2}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn close(open: &str) -> String {
    let name = open
        .trim_start_matches('<')
        .split(' ')
        .next()
        .unwrap_or_default();
    format!("</{name}>")
}

/// As XML text or attribute; XML knows no control characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
