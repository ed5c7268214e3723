//! Outlines of objects as polygons, on their way through augmentation.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Rle, Segmentation};
use crate::geometry::BBox;

/// An object's outline: closed polygons of points [x, y] in pixels. What they wind around is
/// inside, the holes are those that wind the other way. Empty where nothing is known of the
/// outline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    /// Polygons as points (x, y), in pixels.
    pub polygons: Vec<Vec<[f32; 2]>>,
}

impl Outline {
    /// Of a data set's annotation: polygons as they are, run lengths by tracing the edges of their
    /// pixels.
    pub fn of(segmentation: &Segmentation) -> Self {
        let polygons = match segmentation {
            Segmentation::Polygons(polygons) => polygons
                .iter()
                .map(|polygon| same_way_round(polygon))
                .collect(),
            Segmentation::Rle(mask) => trace(mask),
        };
        Self { polygons }
    }

    /// Whether there is no polygon.
    pub fn is_empty(&self) -> bool {
        self.polygons.is_empty()
    }

    /// Every point moved. A map that keeps lines straight keeps the outline exact.
    pub fn map(&self, place: impl Fn([f32; 2]) -> [f32; 2]) -> Self {
        Self {
            polygons: self
                .polygons
                .iter()
                .map(|polygon| polygon.iter().copied().map(&place).collect())
                .collect(),
        }
    }

    /// The part inside an image of this size (Sutherland and Hodgman 1974, "Reentrant Polygon
    /// Clipping").
    pub fn clip(&self, width: f32, height: f32) -> Self {
        let sides = [
            (0, 0.0, 1.0),
            (0, width, -1.0),
            (1, 0.0, 1.0),
            (1, height, -1.0),
        ];
        let clipped = self.polygons.iter().map(|polygon| {
            let inside =
                |[x, y]: &[f32; 2]| (0.0..=width).contains(x) && (0.0..=height).contains(y);
            if polygon.iter().all(inside) {
                return polygon.clone();
            }
            sides
                .into_iter()
                .fold(polygon.clone(), |polygon, (axis, limit, sign)| {
                    cut(&polygon, axis, limit, sign)
                })
        });
        Self {
            polygons: clipped.filter(|polygon| polygon.len() >= 3).collect(),
        }
    }

    /// The tight box around it; none of an empty one.
    pub fn bounds(&self) -> Option<BBox> {
        let mut points = self.polygons.iter().flatten();
        let [x, y] = *points.next()?;
        Some(points.fold(BBox::from_xyxy(x, y, x, y), |b, [x, y]| {
            BBox::from_xyxy(b.x1.min(*x), b.y1.min(*y), b.x2.max(*x), b.y2.max(*y))
        }))
    }

    /// Calls with the pixels whose centres lie inside, a row and its columns at a time, on a map of
    /// `height` × `width` pixels each `scale` of the outline's wide.
    pub fn fill(
        &self,
        height: usize,
        width: usize,
        scale: f32,
        mut visit: impl FnMut(usize, Range<usize>),
    ) {
        let Some(bounds) = self.bounds() else { return };
        let first = (bounds.y1 / scale - 0.5).ceil().max(0.0) as usize;
        let mut crossings: Vec<(f32, i32)> = Vec::new();
        for row in first..height {
            let y = (row as f32 + 0.5) * scale;
            if y > bounds.y2 {
                return;
            }
            crossings.clear();
            for [a, b] in self.polygons.iter().flat_map(|polygon| edges(polygon)) {
                if (a[1] <= y) != (b[1] <= y) {
                    let x = a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
                    crossings.push((x / scale, if a[1] < b[1] { 1 } else { -1 }));
                }
            }
            crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
            let column = |x: f32| ((x - 0.5).ceil().max(0.0) as usize).min(width);
            let mut winding = 0;
            for pair in crossings.windows(2) {
                winding += pair[0].1;
                let columns = column(pair[0].0)..column(pair[1].0);
                if winding != 0 && !columns.is_empty() {
                    visit(row, columns);
                }
            }
        }
    }
}

/// A polygon's edges, the last back to its first point.
fn edges(polygon: &[[f32; 2]]) -> impl Iterator<Item = [[f32; 2]; 2]> + '_ {
    let next = polygon.iter().skip(1).chain(polygon.first());
    polygon.iter().zip(next).map(|(a, b)| [*a, *b])
}

/// The part of a polygon on the inner side of a line `x = limit` (axis 0) or `y = limit` (axis 1);
/// a sign of 1 keeps what lies above it.
fn cut(polygon: &[[f32; 2]], axis: usize, limit: f32, sign: f32) -> Vec<[f32; 2]> {
    let depth = |point: &[f32; 2]| (point[axis] - limit) * sign;
    let mut kept = Vec::with_capacity(polygon.len() + 4);
    for [a, b] in edges(polygon) {
        let (from, to) = (depth(&a), depth(&b));
        if from >= 0.0 {
            kept.push(a);
        }
        if (from > 0.0 && to < 0.0) || (from < 0.0 && to > 0.0) {
            let share = from / (from - to);
            let mut point = [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])];
            point[axis] = limit;
            kept.push(point);
        }
    }
    kept
}

/// A polygon turned so that it winds as traced outlines do: several of one object, which may
/// overlap, are all inside then.
fn same_way_round(polygon: &[[f64; 2]]) -> Vec<[f32; 2]> {
    let next = polygon.iter().skip(1).chain(polygon.first());
    let doubled_area: f64 = polygon
        .iter()
        .zip(next)
        .map(|([x0, y0], [x1, y1])| x0 * y1 - x1 * y0)
        .sum();
    let points = polygon.iter().map(|point| point.map(|side| side as f32));
    if doubled_area < 0.0 {
        points.rev().collect()
    } else {
        points.collect()
    }
}

/// The edges between a mask's pixels and what is not of it, joined to polygons: around the mask one
/// way, around its holes the other.
fn trace(mask: &Rle) -> Vec<Vec<[f32; 2]>> {
    let (height, width) = (mask.height(), mask.width());
    let pixels = mask.to_pixels();
    let inside = |x: usize, y: usize| x < width && y < height && pixels[y * width + x];
    // Each edge runs with its pixel on the right hand; by its start.
    let mut edges: BTreeMap<(usize, usize), Vec<(usize, usize)>> = BTreeMap::new();
    for (y, x) in (0..height)
        .flat_map(|y| (0..width).map(move |x| (y, x)))
        .filter(|(y, x)| inside(*x, *y))
    {
        let mut edge = |from, to| edges.entry(from).or_default().push(to);
        if y == 0 || !inside(x, y - 1) {
            edge((x, y), (x + 1, y));
        }
        if !inside(x + 1, y) {
            edge((x + 1, y), (x + 1, y + 1));
        }
        if !inside(x, y + 1) {
            edge((x + 1, y + 1), (x, y + 1));
        }
        if x == 0 || !inside(x - 1, y) {
            edge((x, y + 1), (x, y));
        }
    }
    let mut polygons = Vec::new();
    while let Some((&start, _)) = edges.first_key_value() {
        let mut corners = vec![start];
        while let Some(next) = corners.last().and_then(|at| step(&mut edges, *at)) {
            // A point within a straight line is none of its corners.
            if let [.., before, last] = corners[..]
                && ((before.0 == last.0 && last.0 == next.0)
                    || (before.1 == last.1 && last.1 == next.1))
            {
                corners.pop();
            }
            corners.push(next);
        }
        // The walk ends where it began.
        corners.pop();
        polygons.push(
            corners
                .into_iter()
                .map(|(x, y)| [x as f32, y as f32])
                .collect(),
        );
    }
    polygons
}

/// Takes an edge that starts at a point: to where it leads.
fn step(
    edges: &mut BTreeMap<(usize, usize), Vec<(usize, usize)>>,
    at: (usize, usize),
) -> Option<(usize, usize)> {
    let ends = edges.get_mut(&at)?;
    let next = ends.pop();
    if ends.is_empty() {
        edges.remove(&at);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x1: f64, y1: f64, x2: f64, y2: f64) -> Vec<[f64; 2]> {
        vec![[x1, y1], [x2, y1], [x2, y2], [x1, y2]]
    }

    /// Row-major pixels of a map that are inside.
    fn pixels(outline: &Outline, height: usize, width: usize, scale: f32) -> Vec<bool> {
        let mut pixels = vec![false; height * width];
        outline.fill(height, width, scale, |row, columns| {
            pixels[row * width..][columns].fill(true)
        });
        pixels
    }

    #[test]
    fn pixels_come_back_from_their_trace() {
        let (height, width) = (7, 9);
        // Noise: all that can happen at a corner.
        let mut state = 1u32;
        for _ in 0..200 {
            let drawn: Vec<bool> = (0..height * width)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state >> 30 != 0
                })
                .collect();
            let outline = Outline::of(&Segmentation::Rle(Rle::from_pixels(&drawn, height, width)));
            assert_eq!(pixels(&outline, height, width, 1.0), drawn);
        }
    }

    #[test]
    fn a_straight_side_is_one_edge() {
        let drawn: Vec<bool> = (0..36)
            .map(|i| (1..5).contains(&(i / 6)) && (2..4).contains(&(i % 6)))
            .collect();
        let outline = Outline::of(&Segmentation::Rle(Rle::from_pixels(&drawn, 6, 6)));
        assert_eq!(
            outline.polygons,
            [vec![[2.0, 1.0], [4.0, 1.0], [4.0, 5.0], [2.0, 5.0]]]
        );
    }

    #[test]
    fn polygons_that_overlap_are_one_object() {
        let other: Vec<[f64; 2]> = square(2.0, 0.0, 6.0, 2.0).into_iter().rev().collect();
        let outline = Outline::of(&Segmentation::Polygons(vec![
            square(0.0, 0.0, 4.0, 2.0),
            other,
        ]));
        assert_eq!(
            pixels(&outline, 2, 8, 1.0),
            [[true; 6].as_slice(), &[false; 2], &[true; 6], &[false; 2]].concat()
        );
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let outline = Outline::of(&Segmentation::Polygons(vec![
            square(-3.0, 2.0, 5.0, 14.0),
            square(20.0, 0.0, 22.0, 2.0),
        ]));
        let clipped = outline.clip(10.0, 8.0);
        assert_eq!(clipped.bounds(), Some(BBox::from_xyxy(0.0, 2.0, 5.0, 8.0)));
        assert_eq!(clipped.polygons.len(), 1);
        assert_eq!(pixels(&clipped, 8, 10, 1.0), pixels(&outline, 8, 10, 1.0));
        assert_eq!(outline.clip(0.5, 1.0).bounds(), None);
    }

    #[test]
    fn a_coarse_map_takes_the_pixels_whose_centres_are_inside() {
        let outline = Outline::of(&Segmentation::Polygons(vec![square(3.0, 1.0, 14.0, 7.0)]));
        // Centres at 2, 6, 10, 14 and 2, 6.
        assert_eq!(
            pixels(&outline, 2, 4, 4.0),
            [false, true, true, false, false, true, true, false]
        );
    }
}
