//! Which points belong to a shape.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::geometry::BBox;

/// A class of the built-in set. Each fills the square from (−1, −1) to (1, 1), y downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle.
    Triangle,
    /// A star of five points.
    Star,
    /// A disc with a hole.
    Ring,
    /// A plus sign.
    Cross,
}

/// Radius of a ring's hole, half the width of a cross's arms.
const HOLE: f64 = 0.55;
const ARM: f64 = 0.36;

/// Corners of a star: five points at radius 1 and five at 0.45 between them.
const STAR: [(f64, f64); 10] = [
    (0.0, -1.0),
    (0.264_503, -0.364_058),
    (0.951_057, -0.309_017),
    (0.427_975, 0.139_058),
    (0.587_785, 0.809_017),
    (0.0, 0.45),
    (-0.587_785, 0.809_017),
    (-0.427_975, 0.139_058),
    (-0.951_057, -0.309_017),
    (-0.264_503, -0.364_058),
];
const TRIANGLE: [(f64, f64); 3] = [(0.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
const SQUARE: [(f64, f64); 4] = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
const CROSS: [(f64, f64); 8] = [
    (-ARM, -1.0),
    (ARM, -1.0),
    (1.0, -ARM),
    (1.0, ARM),
    (ARM, 1.0),
    (-ARM, 1.0),
    (-1.0, ARM),
    (-1.0, -ARM),
];

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 6] = [
        Self::Circle,
        Self::Square,
        Self::Triangle,
        Self::Star,
        Self::Ring,
        Self::Cross,
    ];

    /// Its colour, as a hue in 0..1: all shapes around the colour circle.
    pub(super) fn hue(self) -> f64 {
        self as u8 as f64 / Self::ALL.len() as f64
    }

    /// Is the point in the shape?
    pub(super) fn contains(self, u: f64, v: f64) -> bool {
        match self {
            Self::Circle => u * u + v * v <= 1.0,
            Self::Ring => (HOLE * HOLE..=1.0).contains(&(u * u + v * v)),
            Self::Square => u.abs() <= 1.0 && v.abs() <= 1.0,
            Self::Triangle => (-1.0..=1.0).contains(&v) && 2.0 * u.abs() <= v + 1.0,
            Self::Cross => {
                let (small, large) = if u.abs() < v.abs() {
                    (u.abs(), v.abs())
                } else {
                    (v.abs(), u.abs())
                };
                small <= ARM && large <= 1.0
            }
            Self::Star => is_inside(&STAR, u, v),
        }
    }

    /// The corners of its convex hull, as far as they matter for its bounds; none for what is
    /// round.
    fn hull(self) -> &'static [(f64, f64)] {
        match self {
            Self::Circle | Self::Ring => &[],
            Self::Square => &SQUARE,
            Self::Triangle => &TRIANGLE,
            Self::Cross => &CROSS,
            Self::Star => &STAR,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Star => "star",
            Self::Ring => "ring",
            Self::Cross => "cross",
        })
    }
}

/// Even-odd rule.
fn is_inside(corners: &[(f64, f64)], u: f64, v: f64) -> bool {
    let mut inside = false;
    let mut previous = corners[corners.len() - 1];
    for &corner in corners {
        let ((u0, v0), (u1, v1)) = (previous, corner);
        if (v0 > v) != (v1 > v) && u < u0 + (v - v0) * (u1 - u0) / (v1 - v0) {
            inside = !inside;
        }
        previous = corner;
    }
    inside
}

/// A shape put somewhere: its point (u, v) is at `center + matrix · (u, v)`, in pixels.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    /// Which shape it is.
    pub shape: Shape,
    /// Its centre (x, y), in pixels.
    pub center: (f64, f64),
    matrix: [[f64; 2]; 2],
    inverse: [[f64; 2]; 2],
}

impl Outline {
    /// Half sides in pixels; (cos, sin) of the turn.
    pub fn new(shape: Shape, center: (f64, f64), half: (f64, f64), turn: (f64, f64)) -> Self {
        let (cos, sin) = turn;
        let matrix = [[half.0 * cos, -half.1 * sin], [half.0 * sin, half.1 * cos]];
        let inverse = [[cos / half.0, sin / half.0], [-sin / half.1, cos / half.1]];
        Self {
            shape,
            center,
            matrix,
            inverse,
        }
    }

    /// The tight box around it, whether in the image or not.
    pub fn bounds(&self) -> BBox {
        let [[a, b], [c, d]] = self.matrix;
        let hull = self.shape.hull();
        let (mut x1, mut y1, mut x2, mut y2) = (f64::MAX, f64::MAX, f64::MIN, f64::MIN);
        if hull.is_empty() {
            // A turned ellipse.
            (x2, y2) = ((a * a + b * b).sqrt(), (c * c + d * d).sqrt());
            (x1, y1) = (-x2, -y2);
        }
        for &(u, v) in hull {
            let (x, y) = (a * u + b * v, c * u + d * v);
            (x1, y1, x2, y2) = (x1.min(x), y1.min(y), x2.max(x), y2.max(y));
        }
        let (cx, cy) = self.center;
        BBox::from_xyxy(
            (cx + x1) as f32,
            (cy + y1) as f32,
            (cx + x2) as f32,
            (cy + y2) as f32,
        )
    }

    /// (u, v) of a point of the image.
    pub fn local(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (x - self.center.0, y - self.center.1);
        let [[a, b], [c, d]] = self.inverse;
        (a * dx + b * dy, c * dx + d * dy)
    }

    /// Share of the pixel whose top left corner is (x, y) that it covers, in sixteenths; a quick
    /// look at the corners settles most pixels.
    pub fn coverage(&self, x: f64, y: f64) -> f64 {
        const GRID: [f64; 4] = [0.125, 0.375, 0.625, 0.875];
        let inside = |dx: f64, dy: f64| {
            let (u, v) = self.local(x + dx, y + dy);
            self.shape.contains(u, v)
        };
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)];
        let within = corners
            .into_iter()
            .filter(|&(dx, dy)| inside(dx, dy))
            .count();
        if within == 0 || within == corners.len() {
            return if within == 0 { 0.0 } else { 1.0 };
        }
        let hits = GRID
            .iter()
            .flat_map(|&dy| GRID.iter().map(move |&dx| (dx, dy)))
            .filter(|&(dx, dy)| inside(dx, dy));
        hits.count() as f64 / 16.0
    }
}
