//! Turn, scale, shear, perspective and shift, by chance.

use rand::RngCore;

use super::canvas::Canvas;
use super::warp::warp;
use super::{AugmentConfig, Example, Label};
use crate::dataset::{InputSize, random::Draw};
use crate::geometry::BBox;

/// Boxes with a side of at most this many pixels are dropped.
const MIN_SIDE: f32 = 2.0;
/// Boxes longer than this many times their other side are dropped.
const MAX_ASPECT: f32 = 100.0;
/// Boxes of which less than this share is left in the image are dropped.
const MIN_AREA: f32 = 0.1;
/// The same for objects with an outline: their boxes fit tightly, so little that is left of one is
/// still of the object.
const MIN_OUTLINED_AREA: f32 = 0.01;

/// Moves an example by a random [`Placement`] into an input of `imgsz`: its centre becomes the
/// input's, but for the shift. So a mosaic of twice the sides is cut to its middle. Labels follow;
/// those of which too little is left are dropped.
pub fn random_affine(
    example: &Example,
    imgsz: impl Into<InputSize>,
    config: &AugmentConfig,
    rng: &mut impl RngCore,
) -> Example {
    let canvas = Canvas::of(&example.image);
    affine(&canvas, &example.labels, imgsz.into(), config, rng)
}

/// The same of a canvas, of which it looks at no more than it shows.
pub(super) fn affine(
    canvas: &Canvas,
    labels: &[Label],
    imgsz: InputSize,
    config: &AugmentConfig,
    rng: &mut impl RngCore,
) -> Example {
    let InputSize { width, height } = imgsz;
    let size = (canvas.width as f64, canvas.height as f64);
    let placement = Placement::random(size, imgsz, config, rng);
    if config.is_still() && size == (width as f64, height as f64) {
        return Example {
            image: canvas.draw(),
            labels: labels.to_vec(),
        };
    }
    let image = warp(canvas, &placement.to_source(), width, height);
    let labels = labels
        .iter()
        .filter_map(|label| placement.label(label, [width as f32, height as f32]))
        .collect();
    Example { image, labels }
}

/// A projective map from an image to the place where it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Row by row; (x', y', w') = matrix · (x, y, 1), divided by w'.
    pub matrix: [[f64; 3]; 3],
    /// The factor on lengths within it.
    pub scale: f64,
}

impl Placement {
    /// YOLOv5's composition: the centre to the origin, perspective, turn and scale, shear, and
    /// shift into the input.
    pub fn random(
        (width, height): (f64, f64),
        imgsz: impl Into<InputSize>,
        config: &AugmentConfig,
        rng: &mut impl RngCore,
    ) -> Self {
        let mut within = |most: f64| rng.uniform(-most, most);
        let center = [
            [1.0, 0.0, -width / 2.0],
            [0.0, 1.0, -height / 2.0],
            [0.0, 0.0, 1.0],
        ];
        let perspective = [
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [within(config.perspective), within(config.perspective), 1.0],
        ];
        let (sin, cos) = within(config.degrees).to_radians().sin_cos();
        let scale = 1.0 + within(config.scale);
        let turn = [
            [scale * cos, scale * sin, 0.0],
            [-scale * sin, scale * cos, 0.0],
            [0.0, 0.0, 1.0],
        ];
        let mut tangent = || within(config.shear).to_radians().tan();
        let shear = [
            [1.0, tangent(), 0.0],
            [tangent(), 1.0, 0.0],
            [0.0, 0.0, 1.0],
        ];
        let input: InputSize = imgsz.into();
        let mut middle = |side: usize| (0.5 + within(config.translate)) * side as f64;
        let shift = [
            [1.0, 0.0, middle(input.width)],
            [0.0, 1.0, middle(input.height)],
            [0.0, 0.0, 1.0],
        ];
        let matrix = [shear, turn, perspective, center]
            .iter()
            .fold(shift, |left, right| product(&left, right));
        Self { matrix, scale }
    }

    /// Where a point goes.
    pub fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let [u, v, w] = self.matrix.map(|[a, b, c]| a * x + b * y + c);
        (u / w, v / w)
    }

    /// The same in single precision.
    fn place(&self, x: f32, y: f32) -> [f32; 2] {
        let (x, y) = self.point(f64::from(x), f64::from(y));
        [x as f32, y as f32]
    }

    /// The box around the four corners of a box.
    pub fn bbox(&self, bbox: &BBox) -> BBox {
        let [x1, y1, x2, y2] = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(f64::from);
        let corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)].map(|(x, y)| self.point(x, y));
        let xs = || corners.iter().map(|corner| corner.0 as f32);
        let ys = || corners.iter().map(|corner| corner.1 as f32);
        BBox::from_xyxy(
            xs().fold(f32::INFINITY, f32::min),
            ys().fold(f32::INFINITY, f32::min),
            xs().fold(f32::NEG_INFINITY, f32::max),
            ys().fold(f32::NEG_INFINITY, f32::max),
        )
    }

    /// The map from the place back to the image.
    pub fn to_source(&self) -> [[f64; 3]; 3] {
        let [[a, b, c], [d, e, f], [g, h, i]] = self.matrix;
        let adjugate = [
            [e * i - f * h, c * h - b * i, b * f - c * e],
            [f * g - d * i, a * i - c * g, c * d - a * f],
            [d * h - e * g, b * g - a * h, a * e - b * d],
        ];
        let determinant = a * adjugate[0][0] + b * adjugate[1][0] + c * adjugate[2][0];
        adjugate.map(|row| row.map(|cell| cell / determinant))
    }

    /// The label in its new place, clipped, unless too little is left of it. Its box is that around
    /// its outline, where it has one.
    fn label(&self, label: &Label, [width, height]: [f32; 2]) -> Option<Label> {
        let outline = label
            .outline
            .map(|[x, y]| self.place(x, y))
            .clip(width, height);
        let (bbox, min_area) = match label.outline.is_empty() {
            true => (self.bbox(&label.bbox).clip(width, height), MIN_AREA),
            false => (outline.bounds().unwrap_or_default(), MIN_OUTLINED_AREA),
        };
        let (width, height) = (bbox.width(), bbox.height());
        let before = label.bbox.area() * (self.scale * self.scale) as f32;
        let keep = width > MIN_SIDE
            && height > MIN_SIDE
            && (width / height).max(height / width) < MAX_ASPECT
            && bbox.area() > min_area * before;
        keep.then_some(Label {
            class: label.class,
            bbox,
            outline,
        })
    }
}

fn product(left: &[[f64; 3]; 3], right: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    left.map(|row| [0, 1, 2].map(|column| (0..3).map(|k| row[k] * right[k][column]).sum()))
}
