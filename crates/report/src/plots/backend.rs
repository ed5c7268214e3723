//! The drawing backend of plotters: what it draws becomes SVG, and resvg makes a PNG of that very SVG.
//!
//! Plotters counts in whole pixels; a pixel here is a tenth of one of the picture, so that nothing is rounded to be seen.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Drawable, DynElement, PointCollection};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle, FontTransform,
};
use resvg::{tiny_skia, usvg};
use ttf_parser::Face;

use super::style::{REGULAR, SEMIBOLD, class};

/// Pixels of the PNG for a pixel of the picture: sharp on screens of high density and in print.
const PNG_SCALE: f32 = 2.0;

pub type Area = DrawingArea<Scene, Shift>;
pub type Element<C> = DynElement<'static, Scene, C>;
type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// A drawing of a size in tenths of a pixel.
#[derive(Default)]
pub struct Scene {
    width: u32,
    height: u32,
    body: String,
    /// What the shapes that are being drawn say where a pointer rests on them.
    tip: String,
}

/// An element that says `tip` where a pointer rests on it.
pub struct Tipped<C: Clone> {
    pub element: Element<C>,
    pub tip: String,
}

impl<'a, C: Clone> PointCollection<'a, C> for &'a Tipped<C> {
    type Point = &'a C;
    type IntoIter = &'a Vec<C>;

    fn point_iter(self) -> Self::IntoIter {
        self.element.point_iter()
    }
}

impl<C: Clone> Drawable<Scene> for Tipped<C> {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        points: I,
        scene: &mut Scene,
        size: (u32, u32),
    ) -> Drawn {
        scene.tip.clone_from(&self.tip);
        let drawn = self.element.draw(points, scene, size);
        scene.tip.clear();
        drawn
    }
}

impl Scene {
    /// What `draw` draws on an area of a size.
    pub fn drawn(width: u32, height: u32, draw: impl FnOnce(&Area) -> Result<()>) -> Result<Self> {
        let scene = Rc::new(RefCell::new(Self {
            width,
            height,
            ..Self::default()
        }));
        draw(&DrawingArea::from(&scene))?;
        Ok(scene.take())
    }

    fn shape(&mut self, name: &str, place: &str, paint: &str) -> Drawn {
        let _ = match self.tip.as_str() {
            "" => writeln!(self.body, "<{name} {place} {paint}/>"),
            tip => writeln!(
                self.body,
                "<{name} {place} {paint}><title>{}</title></{name}>",
                escape(tip)
            ),
        };
        Ok(())
    }

    /// A whole SVG document, or element of a page. `alt` says in words what it shows.
    pub fn svg(&self, alt: &str) -> String {
        let Self {
            width,
            height,
            body,
            ..
        } = self;
        let [w, h] = [width, height].map(|length| f64::from(*length) / 10.0);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{w}" height="{h}" font-family="Inter, sans-serif" role="img" aria-label="{}">
{body}</svg>
"#,
            escape(alt)
        )
    }

    /// PNG bytes, two pixels for one of the picture.
    pub fn png(&self) -> Result<Vec<u8>> {
        static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
            let mut fonts = usvg::fontdb::Database::new();
            fonts.load_font_data(REGULAR.to_vec());
            fonts.load_font_data(SEMIBOLD.to_vec());
            fonts.set_sans_serif_family("Inter");
            Arc::new(fonts)
        });
        let options = usvg::Options {
            fontdb: FONTS.clone(),
            font_family: "Inter".into(),
            ..Default::default()
        };
        let tree =
            usvg::Tree::from_str(&self.svg(""), &options).context("a plot is not valid SVG")?;
        let side = |length: f32| (length * PNG_SCALE).round() as u32;
        let mut pixels =
            tiny_skia::Pixmap::new(side(tree.size().width()), side(tree.size().height()))
                .context("a plot without area")?;
        let scale = tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE);
        resvg::render(&tree, scale, &mut pixels.as_mut());
        pixels.encode_png().context("cannot encode a plot as PNG")
    }
}

/// Shapes that are too small to be seen are left out: SVG has no path of one point and no rectangle without area.
impl DrawingBackend for Scene {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        self.draw_rect((x, y), (x + 1, y + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S) -> Drawn {
        self.draw_path([a, b], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        filled: bool,
    ) -> Drawn {
        let (width, height) = (right - left, bottom - top);
        if width <= 0 || height <= 0 {
            return Ok(());
        }
        let place = format!(r#"x="{left}" y="{top}" width="{width}" height="{height}""#);
        self.shape("rect", &place, &paint(style, filled))
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let mut path: Vec<_> = path.into_iter().collect();
        path.dedup();
        if path.len() < 2 || style.color().alpha == 0.0 {
            return Ok(());
        }
        self.shape("polyline", &points(path), &paint(style, false))
    }

    /// Filled circles and polygons are markers, which have a rim.
    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        filled: bool,
    ) -> Drawn {
        let place = format!(r#"cx="{x}" cy="{y}" r="{radius}""#);
        self.shape(
            "circle",
            &place,
            &if filled {
                rimmed(style)
            } else {
                paint(style, false)
            },
        )
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn {
        self.shape("polygon", &points(corners), &rimmed(style))
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        if text.is_empty() {
            return Ok(());
        }
        let (_, height) = text_size(text, style);
        let base = y + match style.anchor().v_pos {
            VPos::Top => height as i32,
            VPos::Center => height as i32 / 2,
            VPos::Bottom => 0,
        };
        let turn = match style.transform() {
            FontTransform::None => 0,
            FontTransform::Rotate90 => 90,
            FontTransform::Rotate180 => 180,
            FontTransform::Rotate270 => 270,
        };
        let turn = if turn == 0 {
            String::new()
        } else {
            format!(r#" transform="rotate({turn} {x} {y})""#)
        };
        let weight = if is_bold(style) {
            r#" font-weight="600""#
        } else {
            ""
        };
        let _ = writeln!(
            self.body,
            r#"<text x="{x}" y="{base}" font-size="{}" text-anchor="{anchor}" {}{weight}{turn}>{}</text>"#,
            style.size(),
            paint(&style.color(), true),
            escape(text)
        );
        Ok(())
    }

    /// A text's box reaches from its base line to the height of its capitals, and so do its anchors.
    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok(text_size(text, style))
    }
}

/// Width of a text, and height of its capitals above the base line.
pub fn text_size<S: BackendTextStyle>(text: &str, style: &S) -> (u32, u32) {
    static FACES: LazyLock<[Face<'static>; 2]> = LazyLock::new(|| {
        [REGULAR, SEMIBOLD].map(|bytes| Face::parse(bytes, 0).expect("the fonts within are whole"))
    });
    let face = &FACES[usize::from(is_bold(style))];
    let em = face.units_per_em();
    // A character that the face lacks is drawn from another one, about an em wide.
    let advance = |c| face.glyph_hor_advance(face.glyph_index(c)?);
    let width: f64 = text
        .chars()
        .map(|c| f64::from(advance(c).unwrap_or(em)))
        .sum();
    let height = face.capital_height().map_or(0.7 * f64::from(em), f64::from);
    let scaled = |units: f64| (units * style.size() / f64::from(em)).round() as u32;
    (scaled(width), scaled(height))
}

fn is_bold<S: BackendTextStyle>(style: &S) -> bool {
    matches!(style.style(), FontStyle::Bold)
}

fn paint<S: BackendStyle>(style: &S, filled: bool) -> String {
    let ((r, g, b), width) = (style.color().rgb, style.stroke_width());
    let class = class((r, g, b)).unwrap_or("other");
    if filled {
        format!(r##"fill="#{r:02x}{g:02x}{b:02x}" class="f-{class}""##)
    } else {
        format!(
            r##"fill="none" stroke="#{r:02x}{g:02x}{b:02x}" class="k-{class}" stroke-width="{width}" stroke-linejoin="round" stroke-linecap="round""##
        )
    }
}

/// Filled, with a rim in the colour of the paper, which keeps neighbouring markers apart.
fn rimmed<S: BackendStyle>(style: &S) -> String {
    let (r, g, b) = style.color().rgb;
    let class = class((r, g, b)).unwrap_or("other");
    format!(
        r##"fill="#{r:02x}{g:02x}{b:02x}" class="f-{class} k-paper" stroke="#ffffff" stroke-width="10""##
    )
}

fn points(path: impl IntoIterator<Item = BackendCoord>) -> String {
    let points = path.into_iter().map(|(x, y)| format!("{x},{y}"));
    format!(r#"points="{}""#, points.collect::<Vec<_>>().join(" "))
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
