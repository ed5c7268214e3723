//! What is in an image of the built-in set, and which of it is annotated.

use super::outline::{Outline, Shape};
use super::{ShapesSpec, Split};
use crate::dataset::Annotation;
use crate::dataset::random::{Draw, stream};
use crate::geometry::BBox;
use crate::mask::{Rle, Segmentation};

/// Red, green and blue in 0..=1.
pub(super) type Color = [f64; 3];

/// One object of an image; later ones lie on top.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// Index into the spec's classes.
    pub class: usize,
    /// Its outline, in pixels.
    pub outline: Outline,
    /// Its colour.
    pub color: Color,
    /// How its brightness changes along u and v.
    pub shade: (f64, f64),
}

/// A stroke in the background: from, to, half its width, in pixels.
#[derive(Clone, Debug)]
pub(super) struct Stroke {
    /// One end (x, y), in pixels.
    pub from: (f64, f64),
    /// The other end.
    pub to: (f64, f64),
    /// Half of its width, in pixels.
    pub half_width: f64,
    /// Its colour.
    pub color: Color,
}

/// An image before it is drawn.
#[derive(Clone, Debug)]
pub struct Scene {
    pub(super) side: usize,
    pub(super) background: Color,
    pub(super) texture: f64,
    pub(super) noise: f64,
    pub(super) strokes: Vec<Stroke>,
    pub(super) objects: Vec<Object>,
    /// Seeds texture and noise.
    pub(super) grain: u64,
    min_visible: f64,
    masks: bool,
}

impl Scene {
    /// Draws lots for the image of this index. The specification must have passed its check, as it
    /// has when opened.
    pub fn new(spec: &ShapesSpec, split: Split, index: u32) -> Self {
        let mut rng = stream(spec.seed, 0x7368_6170, split as u64, u64::from(index));
        let side = f64::from(spec.imgsz);
        let background = rgb(rng.unit(), rng.uniform(0.0, 0.35), rng.uniform(0.15, 0.85));
        let strokes = (0..rng.below(spec.clutter as usize + 1))
            .map(|_| Self::stroke(side, &mut rng))
            .collect();
        let [fewest, most] = spec.objects.map(|count| count as usize);
        let wanted = fewest + rng.below(most - fewest + 1);
        let mut objects: Vec<Object> = Vec::with_capacity(wanted);
        // Up to 20 tries for each object to find room, then it is left out.
        for _ in 0..wanted {
            let found = (0..20)
                .map(|_| Self::object(spec, side, &mut rng))
                .find(|object| {
                    let bounds = object.outline.bounds();
                    objects
                        .iter()
                        .all(|other| covered(&bounds, &other.outline.bounds()) <= spec.overlap)
                });
            objects.extend(found);
        }
        Self {
            side: spec.imgsz as usize,
            background,
            texture: spec.texture,
            noise: spec.noise,
            strokes,
            objects,
            grain: rng.below(1 << 30) as u64,
            min_visible: spec.min_visible,
            masks: spec.masks,
        }
    }

    fn stroke(side: f64, rng: &mut impl Draw) -> Stroke {
        let mut point = || (rng.uniform(0.0, side), rng.uniform(0.0, side));
        let (from, to) = (point(), point());
        let half_width = rng.uniform(0.003, 0.012) * side;
        Stroke {
            from,
            to,
            half_width,
            color: rgb(rng.unit(), rng.uniform(0.0, 0.6), rng.uniform(0.1, 0.9)),
        }
    }

    fn object(spec: &ShapesSpec, side: f64, rng: &mut impl Draw) -> Object {
        let class = rng.below(spec.classes.len());
        let shape: Shape = spec.classes[class];
        let [small, large] = spec.scale;
        let draw = rng.unit();
        let long = side * (small + (large - small) * draw * draw) / 2.0;
        let short = long / rng.uniform(1.0, spec.stretch);
        let half = if rng.chance(0.5) {
            (long, short)
        } else {
            (short, long)
        };
        // The angle whose half has tangent t, without a sine: (cos, sin) = (1 − t², 2t) / (1 + t²).
        let t = rng.uniform(-1.0, 1.0) * spec.rotation;
        let turn = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let margin = long * (1.0 - spec.truncation);
        let mut place = || rng.uniform(margin.min(side / 2.0), (side - margin).max(side / 2.0));
        let center = (place(), place());
        let hue = if rng.chance(spec.color_hint) {
            shape.hue() + rng.uniform(-0.06, 0.06)
        } else {
            rng.unit()
        };
        Object {
            class,
            outline: Outline::new(shape, center, half, turn),
            color: rgb(hue, rng.uniform(0.6, 1.0), rng.uniform(0.5, 1.0)),
            shade: (rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.15)),
        }
    }

    /// The objects of which enough is seen, by the rule in the module's description.
    pub fn annotations(&self) -> Vec<Annotation> {
        let side = self.side as i64;
        let nobody = u8::MAX;
        let mut owner = vec![nobody; self.side * self.side];
        let mut area = vec![0_u64; self.objects.len()];
        for (index, object) in self.objects.iter().enumerate() {
            for_pixels(&object.outline.bounds(), |x, y| {
                if object.outline.coverage(x as f64, y as f64) > 0.5 {
                    area[index] += 1;
                    if (0..side).contains(&x) && (0..side).contains(&y) {
                        owner[(y * side + x) as usize] = index as u8;
                    }
                }
            });
        }
        (0..self.objects.len())
            .filter_map(|index| self.annotation(index as u8, area[index], &owner))
            .collect()
    }

    fn annotation(&self, index: u8, area: u64, owner: &[u8]) -> Option<Annotation> {
        let object = &self.objects[index as usize];
        let side = self.side as i64;
        let whole = object.outline.bounds();
        let (mut seen, mut covered) = (0, false);
        let (mut x1, mut y1, mut x2, mut y2) = (side, side, 0, 0);
        for_pixels(&whole, |x, y| {
            if !(0..side).contains(&x) || !(0..side).contains(&y) {
                return;
            }
            match owner[(y * side + x) as usize] {
                own if own == index => {
                    seen += 1;
                    (x1, y1, x2, y2) = (x1.min(x), y1.min(y), x2.max(x + 1), y2.max(y + 1));
                }
                // Later objects lie on top; here one of them does.
                other if other != u8::MAX && other > index => {
                    covered |= object.outline.coverage(x as f64, y as f64) > 0.5;
                }
                _ => {}
            }
        });
        if seen == 0 || (seen as f64) < self.min_visible * area as f64 {
            return None;
        }
        let mut bbox = whole.clip(self.side as f32, self.side as f32);
        if covered {
            let shown = BBox::from_xyxy(x1 as f32, y1 as f32, x2 as f32, y2 as f32);
            bbox = BBox::from_xyxy(
                bbox.x1.max(shown.x1),
                bbox.y1.max(shown.y1),
                bbox.x2.min(shown.x2),
                bbox.y2.min(shown.y2),
            );
        }
        let mask = self.masks.then(|| {
            let pixels: Vec<bool> = owner.iter().map(|own| *own == index).collect();
            Segmentation::Rle(Rle::from_pixels(&pixels, self.side, self.side))
        });
        // As COCO has it, the area of an object with a mask is that of its mask.
        let area = mask.is_some().then_some(seen as f64);
        Some(Annotation {
            class: object.class,
            bbox,
            crowd: false,
            area,
            mask,
        })
    }
}

/// Calls with every pixel that a box touches.
pub(super) fn for_pixels(bounds: &BBox, mut visit: impl FnMut(i64, i64)) {
    for y in bounds.y1.floor() as i64..bounds.y2.ceil() as i64 {
        for x in bounds.x1.floor() as i64..bounds.x2.ceil() as i64 {
            visit(x, y);
        }
    }
}

/// Share of the smaller of two boxes that the other covers.
fn covered(a: &BBox, b: &BBox) -> f64 {
    let width = (a.x2.min(b.x2) - a.x1.max(b.x1)).max(0.0);
    let height = (a.y2.min(b.y2) - a.y1.max(b.y1)).max(0.0);
    f64::from(width * height) / f64::from(a.area().min(b.area())).max(1e-9)
}

/// From hue (a turn is 1), saturation and value.
fn rgb(hue: f64, saturation: f64, value: f64) -> Color {
    // Each channel is a trapezium over the colour circle, shifted by a third of a turn.
    [5.0, 3.0, 1.0].map(|offset| {
        let turned = hue * 6.0 + offset;
        let k = turned - 6.0 * (turned / 6.0).floor();
        value * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0))
    })
}
