//! Places for labels beside markers.

use std::ops::Range;

use plotters_backend::BackendCoord;

/// A rectangle: from left to right and from top to bottom.
type Rect = [Range<i32>; 2];

/// Directions from a marker to its label, the best one first.
const DIRECTIONS: [(i32, i32); 8] = [
    (0, -1),
    (1, 0),
    (0, 1),
    (-1, 0),
    (1, -1),
    (1, 1),
    (-1, -1),
    (-1, 1),
];

/// Finds places for labels where they cover no marker and no other label.
pub struct Labels {
    plot: Rect,
    taken: Vec<Rect>,
}

impl Labels {
    /// Labels may reach a little beyond the plot at the top and on the right.
    pub fn within((across, down): (Range<i32>, Range<i32>)) -> Self {
        let plot = [across.start..across.end + 140, down.start - 60..down.end];
        let taken = Vec::new();
        Self { plot, taken }
    }

    /// Keeps labels off a marker.
    pub fn keep_clear(&mut self, marker: BackendCoord, radius: i32) {
        self.taken.push(rect(marker, (2 * radius, 2 * radius)));
    }

    /// The centre of a label of the given size beside a marker. None if there is no room.
    pub fn place(
        &mut self,
        (x, y): BackendCoord,
        radius: i32,
        (width, height): (i32, i32),
    ) -> Option<BackendCoord> {
        let centres = DIRECTIONS.map(|(right, down)| {
            // Diagonally, the corner of the label is what is near.
            let gap = radius + if right * down == 0 { 28 } else { 8 };
            (x + right * (gap + width / 2), y + down * (gap + height / 2))
        });
        let size = (width, height);
        let free = |centre: &BackendCoord| {
            let label = rect(*centre, size);
            contains(&self.plot, &label) && !self.taken.iter().any(|other| overlap(&label, other))
        };
        let place = centres.into_iter().find(free)?;
        self.taken.push(rect(place, size));
        Some(place)
    }
}

fn rect((x, y): BackendCoord, (width, height): (i32, i32)) -> Rect {
    [x - width / 2..x + width / 2, y - height / 2..y + height / 2]
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    let overlap = |a: &Range<i32>, b: &Range<i32>| a.start < b.end && b.start < a.end;
    overlap(&a[0], &b[0]) && overlap(&a[1], &b[1])
}

fn contains(outer: &Rect, inner: &Rect) -> bool {
    let contains = |a: &Range<i32>, b: &Range<i32>| a.start < b.start && b.end < a.end;
    contains(&outer[0], &inner[0]) && contains(&outer[1], &inner[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_aside_until_there_is_no_room() {
        let mut labels = Labels::within((0..1000, 0..1000));
        let (marker, size) = ((500, 500), (100, 80));
        labels.keep_clear(marker, 50);
        let places: Vec<_> = (0..9)
            .map_while(|_| labels.place(marker, 50, size))
            .collect();
        assert_eq!(
            places[..2],
            [(500, 382), (628, 500)],
            "above, then on the right"
        );
        assert!((4..=8).contains(&places.len()));
        let mut corner = Labels::within((0..1000, 0..1000));
        assert_eq!(
            corner.place((0, 1000), 50, size),
            Some((108, 902)),
            "inside the plot"
        );
    }
}
