//! Drawing a scene.

use image::RgbImage;

use super::scene::{Color, Scene, for_pixels};
use crate::dataset::random::{Draw, stream};

impl Scene {
    /// The image, 8-bit RGB.
    pub fn draw(&self) -> RgbImage {
        let mut canvas = self.background();
        for stroke in &self.strokes {
            let coverage =
                |x: f64, y: f64| stroke.half_width + 0.5 - distance(stroke.from, stroke.to, (x, y));
            for y in 0..self.side {
                for x in 0..self.side {
                    let alpha = coverage(x as f64 + 0.5, y as f64 + 0.5).clamp(0.0, 1.0);
                    blend(&mut canvas[y * self.side + x], stroke.color, alpha);
                }
            }
        }
        let side = self.side as i64;
        for object in &self.objects {
            for_pixels(&object.outline.bounds(), |x, y| {
                if !(0..side).contains(&x) || !(0..side).contains(&y) {
                    return;
                }
                let alpha = object.outline.coverage(x as f64, y as f64);
                let (u, v) = object.outline.local(x as f64 + 0.5, y as f64 + 0.5);
                let light = 1.0 + object.shade.0 * u + object.shade.1 * v;
                blend(
                    &mut canvas[(y * side + x) as usize],
                    object.color.map(|part| part * light),
                    alpha,
                );
            });
        }
        self.quantise(&canvas)
    }

    /// One colour, made lighter and darker by smooth noise at two scales.
    fn background(&self) -> Vec<Color> {
        let layers =
            [(4, 0.7), (16, 0.3)].map(|(cells, weight)| (Lattice::new(cells, self.grain), weight));
        let at = |index: usize| (index as f64 + 0.5) / self.side as f64;
        let mut canvas = Vec::with_capacity(self.side * self.side);
        for y in 0..self.side {
            for x in 0..self.side {
                let height: f64 = layers
                    .iter()
                    .map(|(layer, weight)| weight * layer.at(at(x), at(y)))
                    .sum();
                canvas.push(self.background.map(|part| part + self.texture * height));
            }
        }
        canvas
    }

    /// Adds noise and rounds to bytes.
    fn quantise(&self, canvas: &[Color]) -> RgbImage {
        let mut rng = stream(self.grain, 0x006e_6f69, 0, 0);
        let mut bytes = Vec::with_capacity(canvas.len() * 3);
        for color in canvas {
            for part in color {
                // The sum of two is more often small than large.
                let noise = self.noise * (rng.unit() + rng.unit() - 1.0);
                bytes.push(((part + noise).clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
            }
        }
        RgbImage::from_raw(self.side as u32, self.side as u32, bytes).unwrap_or_default()
    }
}

/// Smooth noise: random heights in −1..1 on a square lattice, and between them bilinear with eased
/// weights.
struct Lattice {
    cells: usize,
    heights: Vec<f64>,
}

impl Lattice {
    fn new(cells: usize, seed: u64) -> Self {
        let mut rng = stream(seed, 0x006c_6174, cells as u64, 0);
        let heights = (0..(cells + 1) * (cells + 1))
            .map(|_| rng.uniform(-1.0, 1.0))
            .collect();
        Self { cells, heights }
    }

    /// At a point of the unit square.
    fn at(&self, x: f64, y: f64) -> f64 {
        let split = |t: f64| {
            let cell = ((t * self.cells as f64) as usize).min(self.cells - 1);
            let rest = t * self.cells as f64 - cell as f64;
            (cell, rest * rest * (3.0 - 2.0 * rest))
        };
        let ((i, s), (j, t)) = (split(x), split(y));
        let row = |j: usize| {
            let left = j * (self.cells + 1) + i;
            self.heights[left] * (1.0 - s) + self.heights[left + 1] * s
        };
        row(j) * (1.0 - t) + row(j + 1) * t
    }
}

fn blend(below: &mut Color, above: Color, alpha: f64) {
    for (below, above) in below.iter_mut().zip(above) {
        *below += (above - *below) * alpha;
    }
}

/// Of a point from a line segment.
fn distance(from: (f64, f64), to: (f64, f64), point: (f64, f64)) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (point.0 - from.0, point.1 - from.1);
    let along = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
    let (x, y) = (px - along * dx, py - along * dy);
    (x * x + y * y).sqrt()
}
