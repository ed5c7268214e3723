//! A drawing backend for plotters that writes SVG. Resvg renders the same SVG as PNG.
//!
//! Plotters rounds coordinates to whole pixels. Its pixel is a tenth of a pixel here, so that
//! rounding is not visible.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::LazyLock;

use anyhow::{Context, Result};
use minijinja::HtmlEscape;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Drawable, DynElement, PathElement, PointCollection};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
};
use resvg::{tiny_skia, usvg};

use super::style::{REGULAR, SEMIBOLD, class};
use super::text::{has_glyph, is_bold, text_size};

/// PNG pixels per SVG pixel: sharp on high-density screens and in print.
const PNG_SCALE: f32 = 2.0;

pub type Area = DrawingArea<Scene, Shift>;
pub type Element<C> = DynElement<'static, Scene, C>;
type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// A drawing; its size is in tenths of a pixel.
#[derive(Default)]
pub struct Scene {
    width: u32,
    height: u32,
    body: String,
    /// Tooltip of the shapes that are being drawn.
    tip: String,
    /// Whether lines that are being drawn are dashed.
    dashed: bool,
}

/// Markers smaller than this have no rim.
const LEAST_RIMMED: u32 = 30;

/// A dashed line.
pub struct Dashed<C: Clone>(pub PathElement<C>);

impl<'a, C: Clone + 'a> PointCollection<'a, C> for &'a Dashed<C> {
    type Point = &'a C;
    type IntoIter = &'a [C];

    fn point_iter(self) -> Self::IntoIter {
        self.0.point_iter()
    }
}

impl<C: Clone> Drawable<Scene> for Dashed<C> {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        points: I,
        scene: &mut Scene,
        size: (u32, u32),
    ) -> Drawn {
        scene.dashed = true;
        let drawn = self.0.draw(points, scene, size);
        scene.dashed = false;
        drawn
    }
}

/// An element with a tooltip.
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
    /// A scene of the given size with what `draw` draws.
    pub fn drawn(width: u32, height: u32, draw: impl FnOnce(&Area) -> Result<()>) -> Result<Self> {
        let scene = Rc::new(RefCell::new(Self {
            width,
            height,
            ..Self::default()
        }));
        draw(&DrawingArea::from(&scene))?;
        Ok(scene.take())
    }

    fn element(&mut self, name: &str, place: &str, paint: &str, content: &str) {
        let _ = writeln!(self.body, "<{name} {place} {paint}>{content}</{name}>");
    }

    fn shape(&mut self, name: &str, place: &str, paint: &str) -> Drawn {
        let tip = match self.tip.as_str() {
            "" => String::new(),
            tip => format!("<title>{}</title>", escape(tip)),
        };
        self.element(name, place, paint, &tip);
        Ok(())
    }

    /// An SVG document, which may stand in an HTML page as it is. `alt` describes it for screen
    /// readers.
    pub fn svg(&self, alt: &str) -> String {
        let (width, height, body) = (self.width, self.height, &self.body);
        let [w, h] = [width, height].map(|length| f64::from(length) / 10.0);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{w}" height="{h}" font-family="Inter, sans-serif" stroke-linejoin="round" stroke-linecap="round" paint-order="stroke" role="img" aria-label="{}">
{body}</svg>
"#,
            escape(alt)
        )
    }

    /// The bytes of a PNG file of twice the size.
    pub fn png(&self) -> Result<Vec<u8>> {
        static OPTIONS: LazyLock<usvg::Options> = LazyLock::new(|| {
            let mut options = usvg::Options {
                font_family: "Inter".into(),
                ..Default::default()
            };
            let fonts = options.fontdb_mut();
            fonts.load_font_data(REGULAR.to_vec());
            fonts.load_font_data(SEMIBOLD.to_vec());
            fonts.set_sans_serif_family("Inter");
            options
        });
        // A browser falls back to other fonts for characters that Inter lacks; here there are none.
        let replace = |c: char| {
            if c.is_control() || has_glyph(c) {
                c
            } else {
                '?'
            }
        };
        let svg: String = self.svg("").chars().map(replace).collect();
        let tree = usvg::Tree::from_str(&svg, &OPTIONS).context("a plot is not valid SVG")?;
        let [width, height] = [tree.size().width(), tree.size().height()]
            .map(|length| (length * PNG_SCALE).round() as u32);
        let mut pixels = tiny_skia::Pixmap::new(width, height).context("a plot without area")?;
        let scale = tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE);
        resvg::render(&tree, scale, &mut pixels.as_mut());
        pixels.encode_png().context("cannot encode a plot as PNG")
    }
}

/// Invisible shapes are left out: SVG readers warn of lines with one point and of rectangles
/// without area.
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
        let paint = if filled { fill(style) } else { stroke(style) };
        self.shape("rect", &place, &paint)
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
        let dashes = if self.dashed {
            r#" stroke-dasharray="55 45""#
        } else {
            ""
        };
        self.shape("polyline", &points(path), &(stroke(style) + dashes))
    }

    /// A filled circle or polygon is a marker and gets a rim.
    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        filled: bool,
    ) -> Drawn {
        let place = format!(r#"cx="{x}" cy="{y}" r="{radius}""#);
        let paint = match filled {
            true if radius < LEAST_RIMMED => fill(style),
            true => rimmed(style),
            false => stroke(style),
        };
        self.shape("circle", &place, &paint)
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
        let height = text_size(text, style).1;
        let baseline = match style.anchor().v_pos {
            VPos::Top => y + height,
            VPos::Center => y + height / 2,
            VPos::Bottom => y,
        };
        let turned = |degrees| format!(r#"transform="rotate({degrees} {x} {y})""#);
        let turn = match style.transform() {
            FontTransform::None => String::new(),
            FontTransform::Rotate90 => turned(90),
            FontTransform::Rotate180 => turned(180),
            FontTransform::Rotate270 => turned(270),
        };
        let (size, weight) = (style.size(), if is_bold(style) { 600 } else { 400 });
        let place = format!(
            r#"x="{x}" y="{baseline}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" {turn}"#
        );
        if !text.is_empty() {
            self.element("text", &place, &rimmed(&style.color()), &escape(text));
        }
        Ok(())
    }

    /// The box of a text reaches from the baseline to the top of its capitals; so do anchors.
    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let (width, height) = text_size(text, style);
        Ok((width as u32, height as u32))
    }
}

/// Colour as `#rrggbb` and its class in the palette.
fn colour<S: BackendStyle>(style: &S) -> (String, &'static str) {
    let (r, g, b) = style.color().rgb;
    let class = class((r, g, b)).unwrap_or("other");
    (format!("#{r:02x}{g:02x}{b:02x}"), class)
}

fn fill<S: BackendStyle>(style: &S) -> String {
    let (colour, class) = colour(style);
    format!(r#"fill="{colour}" class="f-{class}""#)
}

/// Filled, with a rim in the colour of the paper that separates it from what is below.
fn rimmed<S: BackendStyle>(style: &S) -> String {
    let (colour, class) = colour(style);
    format!(r##"fill="{colour}" class="f-{class} k-paper" stroke="#ffffff" stroke-width="20""##)
}

fn stroke<S: BackendStyle>(style: &S) -> String {
    let ((colour, class), width) = (colour(style), style.stroke_width());
    format!(r#"fill="none" stroke="{colour}" class="k-{class}" stroke-width="{width}""#)
}

fn points(path: impl IntoIterator<Item = BackendCoord>) -> String {
    let points = path.into_iter().map(|(x, y)| format!("{x},{y}"));
    format!(r#"points="{}""#, points.collect::<Vec<_>>().join(" "))
}

/// Escapes text and attributes for XML, which allows no control characters.
fn escape(text: &str) -> String {
    let control = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    HtmlEscape(&text.replace(control, " ")).to_string()
}
