//! The Pareto front of accuracy and cost: which models are worth a look when many were measured.
//!
//! A model is on the front if no other model of the same table is at least as accurate at no more
//! cost and better in one of the two. Models with the same two figures are on it together. The front
//! goes by the figures as measured, means over the seeds: it claims nothing about differences that
//! the seeds or the rounds do not tell. Those have their intervals.

use crate::columns::LEARNT;
use crate::summary::{Line, Table};

/// The front in a sentence, wherever one is marked.
pub const MEANING: &str = "No other model is at least as accurate at no more cost, and better in one of the two. \
     The front goes by the measured figures: close neighbours may not differ, and their intervals say whether they do.";

/// The sign of a model on the front, beside its name.
pub const SIGN: &str = "◆";

/// What accuracy is weighed against. Less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// The median, in milliseconds.
    Latency,
    /// The published convention.
    Gflops,
    /// Trainable ones, in millions.
    Params,
}

impl Cost {
    /// The first is what a front is of if all are known.
    const ALL: [Self; 3] = [Self::Latency, Self::Gflops, Self::Params];

    /// `latency`, `GFLOPs`, `parameters`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Gflops => "GFLOPs",
            Self::Params => "parameters",
        }
    }

    /// The positive figure of a model; None if it was not measured.
    pub fn of(self, line: &Line) -> Option<f64> {
        let figure = match self {
            Self::Latency => line.latency()?.median_ms,
            Self::Gflops => line.cost()?.gflops,
            Self::Params => line.cost()?.params as f64 / 1e6,
        };
        (figure > 0.0).then_some(figure)
    }
}

/// mAP50-95 in percent, the mean over the seeds; None if the model was not evaluated.
pub fn accuracy(line: &Line) -> Option<f64> {
    line.coco("AP").map(|spread| 100.0 * spread.mean)
}

/// The front of some models.
#[derive(Clone, Debug, PartialEq)]
pub struct Front {
    /// What accuracy is weighed against.
    pub cost: Cost,
    on: Vec<bool>,
}

impl Front {
    /// The front of these models against one cost. None if fewer than two have both figures, or
    /// none of them has learnt anything: there is nothing to choose from.
    pub fn against(cost: Cost, lines: &[&Line]) -> Option<Self> {
        let point = |line: &&Line| {
            let accuracy = accuracy(line).filter(|map| *map >= LEARNT)?;
            Some((cost.of(line)?, accuracy))
        };
        let points: Vec<Option<(f64, f64)>> = lines.iter().map(point).collect();
        (points.iter().flatten().count() > 1).then(|| Self {
            cost,
            on: on_front(&points),
        })
    }

    /// The front of a table: against the cost that most of its trained models have, and against
    /// latency before GFLOPs. None where nothing was trained.
    pub fn of(table: &Table) -> Option<Self> {
        let lines: Vec<&Line> = table.lines.iter().collect();
        let known = |cost: &Cost| {
            let trained = lines.iter().filter(|line| accuracy(line).is_some());
            trained.filter(|line| cost.of(line).is_some()).count()
        };
        // The last of several greatest is taken, so the costs go backwards.
        let cost = Cost::ALL.into_iter().rev().max_by_key(known)?;
        Self::against(cost, &lines)
    }

    /// Whether the model of this index is on it.
    pub fn has(&self, index: usize) -> bool {
        self.on.get(index).is_some_and(|on| *on)
    }

    /// How many models are on it.
    pub fn len(&self) -> usize {
        self.on.iter().filter(|on| **on).count()
    }
}

/// Which points, cost and gain, no other point dominates. What is no point is on no front.
fn on_front(points: &[Option<(f64, f64)>]) -> Vec<bool> {
    let mut order: Vec<(usize, (f64, f64))> = points
        .iter()
        .enumerate()
        .filter_map(|(index, point)| Some((index, (*point)?)))
        .filter(|(_, (cost, gain))| cost.is_finite() && gain.is_finite())
        .collect();
    order.sort_by(|(_, (a, x)), (_, (b, y))| a.total_cmp(b).then(y.total_cmp(x)));
    let mut on = vec![false; points.len()];
    let mut last: Option<(f64, f64)> = None;
    for (index, point) in order {
        if last.is_none_or(|last| point.1 > last.1 || point == last) {
            on[index] = true;
            last = Some(point);
        }
    }
    on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(points: &[(f64, f64)]) -> Vec<usize> {
        let points: Vec<_> = points.iter().copied().map(Some).collect();
        let on = on_front(&points);
        (0..points.len()).filter(|&index| on[index]).collect()
    }

    /// As the definition has it, pair by pair.
    fn dominated((cost, gain): (f64, f64), points: &[(f64, f64)]) -> bool {
        points
            .iter()
            .any(|&(c, g)| c <= cost && g >= gain && (c < cost || g > gain))
    }

    #[test]
    fn the_front_is_what_no_other_point_beats_in_both() {
        assert_eq!(
            front(&[(2.0, 40.0), (1.0, 30.0), (3.0, 39.0), (4.0, 50.0)]),
            [0, 1, 3]
        );
        assert_eq!(front(&[(1.0, 40.0), (1.0, 41.0)]), [1], "the same cost");
        assert_eq!(front(&[(1.0, 40.0), (2.0, 40.0)]), [0], "the same gain");
        assert_eq!(front(&[(1.0, 40.0), (1.0, 40.0)]), [0, 1], "the same both");
        assert_eq!(front(&[(f64::NAN, 90.0), (1.0, 40.0)]), [1]);
        assert_eq!(on_front(&[None, Some((1.0, 1.0))]), [false, true]);
    }

    #[test]
    fn the_front_agrees_with_its_definition() {
        // What costs more gains more, by and large, on a grid so coarse that there are equal figures.
        let points: Vec<(f64, f64)> = (0..400u32)
            .map(|i| (i * 37 % 23, i * i % 5))
            .map(|(cost, luck)| (f64::from(cost), f64::from(cost / 2 + luck)))
            .collect();
        let expected: Vec<usize> = (0..points.len())
            .filter(|&index| !dominated(points[index], &points))
            .collect();
        assert_eq!(front(&points), expected);
        assert!((3..399).contains(&expected.len()), "{}", expected.len());
    }
}
