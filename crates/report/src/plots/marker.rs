//! Markers, which distinguish series without colour.

use plotters::prelude::*;

use super::backend::{Element, Scene};
use super::style;

/// The n-th series' marker.
pub fn marker<C: Clone + 'static>(at: C, series: usize, radius: i32) -> Element<C> {
    let fill = style::series(series).filled();
    match corners(series) {
        None => Circle::new(at, radius, fill).into_dyn(),
        Some(corners) => {
            let moved = corners
                .into_iter()
                .map(|corner| corner.map(|x| (f64::from(radius) * x).round() as i32));
            let corners: Vec<_> = moved.map(|[x, y]| (x, y)).collect();
            (EmptyElement::<C, Scene>::at(at) + Polygon::new(corners, fill)).into_dyn()
        }
    }
}

/// Corners of the n-th series' marker around the origin, in units of its radius; none for a circle.
fn corners(index: usize) -> Option<Vec<[f64; 2]>> {
    // A series that shares its colour with another one differs from it in shape: 8 colours × 7
    // shapes.
    let shape = match index {
        0 | style::REST => 0,
        style::FRONT => 3,
        _ => 1 + (index - 1 + (index - 1) / 8) % 7,
    };
    let polygon = |n: usize, turn: f64, radius: f64, inner: f64| {
        let corner = |i: usize| {
            let angle = std::f64::consts::TAU * (i as f64 / n as f64 + turn - 0.25);
            let r = if i.is_multiple_of(2) { radius } else { inner };
            [r * angle.cos(), r * angle.sin()]
        };
        Some((0..n).map(corner).collect())
    };
    match shape {
        0 => None,
        1 => polygon(4, 0.125, 1.2, 1.2),
        2 => polygon(3, 0.0, 1.35, 1.35),
        3 => polygon(4, 0.0, 1.35, 1.35),
        4 => polygon(3, 0.5, 1.35, 1.35),
        5 => polygon(10, 0.0, 1.5, 0.65),
        6 => polygon(8, 0.0, 1.5, 0.55),
        _ => polygon(6, 0.0, 1.2, 1.2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_that_share_a_colour_differ_in_shape() {
        assert!((1..100).all(|index| style::series(index) != style::series(0)));
        let looks: Vec<_> = (0..57)
            .map(|index| {
                (
                    style::class(style::series(index).rgb()),
                    corners(index).map(|c| format!("{c:?}")),
                )
            })
            .collect();
        let distinct: std::collections::BTreeSet<_> = looks.iter().collect();
        assert_eq!(distinct.len(), looks.len());
    }
}
