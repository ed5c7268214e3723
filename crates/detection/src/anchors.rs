//! How well a head's anchors fit the boxes of a data set, and better ones where they don't:
//! YOLOv5's autoanchor.

use crate::dataset::CachedDataset;
use crate::dataset::random::{Draw, Stream, stream};

/// Width and height in pixels of the network's input.
pub type Size = [f32; 2];

/// Share of boxes that some anchor matches, above which anchors are left as they are.
pub const GOOD_RECALL: f64 = 0.98;

/// Restarts of k-means, of which the best counts.
const RESTARTS: usize = 30;
/// Maximum number of steps of one k-means; it ends earlier if nothing moves.
const STEPS: usize = 100;
/// Rounds of mutation after k-means.
const GENERATIONS: usize = 1000;
/// Boxes that are looked at for new anchors; of more, every so many.
const MOST_BOXES: usize = 50_000;

/// How anchors fit boxes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Share of boxes that at least one anchor matches.
    pub best_possible_recall: f64,
    /// Mean number of anchors that match a box.
    pub anchors_per_box: f64,
}

/// Sizes of all boxes that training sees, at the size of the network's input.
pub fn box_sizes(data: &CachedDataset) -> Vec<Size> {
    let labels = (0..data.len()).flat_map(|index| data.labels(index));
    labels
        .map(|label| [label.bbox.width(), label.bbox.height()])
        .collect()
}

/// The same, each image's scaled by a random factor from 0.9 to 1.1, so that boxes at the edge of a
/// match count in part.
pub fn jittered_box_sizes(data: &CachedDataset, seed: u64) -> Vec<Size> {
    let mut rng = random(seed, 0);
    let image = |index: usize| {
        let factor = rng.uniform(0.9, 1.1) as f32;
        data.labels(index)
            .iter()
            .map(move |label| [label.bbox.width() * factor, label.bbox.height() * factor])
    };
    (0..data.len()).flat_map(image).collect()
}

/// How the anchors fit; a box and an anchor match when no side is `threshold` times the other's. No
/// boxes fit perfectly.
pub fn fit(boxes: &[Size], anchors: &[Size], threshold: f32) -> Fit {
    let (mut met, mut matches) = (0usize, 0usize);
    for size in boxes {
        let matching = anchors
            .iter()
            .filter(|anchor| likeness(size, anchor) > 1.0 / threshold)
            .count();
        met += usize::from(matching > 0);
        matches += matching;
    }
    let share = |count: usize| {
        if boxes.is_empty() {
            1.0
        } else {
            count as f64 / boxes.len() as f64
        }
    };
    Fit {
        best_possible_recall: share(met),
        anchors_per_box: share(matches),
    }
}

/// Anchors for these boxes, smallest area first: k-means, then mutations of it as long as they fit
/// better. The same for the same seed.
///
/// None if the boxes are fewer than the anchors.
pub fn evolve(boxes: &[Size], count: usize, threshold: f32, seed: u64) -> Option<Vec<Size>> {
    // A box below two pixels is matched by no anchor that is worth having.
    let seen: Vec<Size> = boxes
        .iter()
        .copied()
        .filter(|[w, h]| *w >= 2.0 || *h >= 2.0)
        .collect();
    let boxes: Vec<Size> = seen
        .iter()
        .copied()
        .step_by(seen.len().div_ceil(MOST_BOXES).max(1))
        .collect();
    if count == 0 || boxes.len() < count {
        return None;
    }
    let mut rng = random(seed, 1);
    let mut best = k_means(&boxes, count, &mut rng);
    let mut best_fitness = fitness(&boxes, &best, threshold);
    for _ in 0..GENERATIONS {
        let mutant = mutated(&best, &mut rng);
        let mutant_fitness = fitness(&boxes, &mutant, threshold);
        if mutant_fitness > best_fitness {
            (best, best_fitness) = (mutant, mutant_fitness);
        }
    }
    best.sort_by(|[aw, ah], [bw, bh]| (aw * ah).total_cmp(&(bw * bh)));
    Some(best)
}

fn random(seed: u64, purpose: u64) -> Stream {
    stream(seed, 0x616e_6368, purpose, 0)
}

/// The worse of the two sides' ratios, each the smaller side to the larger: 1 for equal sizes.
fn likeness([w, h]: &Size, [anchor_w, anchor_h]: &Size) -> f32 {
    let alike = |a: f32, b: f32| (a / b).min(b / a);
    alike(*w, *anchor_w).min(alike(*h, *anchor_h))
}

/// Mean likeness of boxes and their best anchors, where they match.
fn fitness(boxes: &[Size], anchors: &[Size], threshold: f32) -> f64 {
    let best = boxes.iter().map(|size| {
        anchors
            .iter()
            .map(|anchor| likeness(size, anchor))
            .fold(0.0, f32::max)
    });
    best.filter(|likeness| *likeness > 1.0 / threshold)
        .map(f64::from)
        .sum::<f64>()
        / boxes.len() as f64
}

/// Centres of least squared distance, sides in units of their standard deviations (Lloyd 1982).
fn k_means(boxes: &[Size], count: usize, rng: &mut Stream) -> Vec<Size> {
    let spread = [0, 1].map(|side| deviation(boxes.iter().map(|size| size[side])).max(1e-6));
    let points: Vec<Size> = boxes
        .iter()
        .map(|[w, h]| [w / spread[0], h / spread[1]])
        .collect();
    let restarts = (0..RESTARTS).map(|_| {
        let mut places: Vec<usize> = (0..points.len()).collect();
        rng.shuffle(&mut places);
        lloyd(
            &points,
            places[..count].iter().map(|place| points[*place]).collect(),
        )
    });
    let best = restarts
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(centres, _)| centres)
        .unwrap_or_default();
    best.into_iter()
        .map(|[w, h]| [w * spread[0], h * spread[1]])
        .collect()
}

/// Moves centres to the means of the points nearest to them until they stay; with the sum of
/// squared distances. A centre without points stays.
fn lloyd(points: &[Size], mut centres: Vec<Size>) -> (Vec<Size>, f64) {
    let distance = |[x, y]: &Size, [u, v]: &Size| f64::from((x - u).powi(2) + (y - v).powi(2));
    let mut total = f64::INFINITY;
    for _ in 0..STEPS {
        let mut sums = vec![[0.0f64; 3]; centres.len()];
        let mut sum = 0.0;
        for point in points {
            let distances = centres
                .iter()
                .map(|centre| distance(point, centre))
                .enumerate();
            let (nearest, least) = distances
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .unwrap_or((0, 0.0));
            sum += least;
            let [x, y, n] = &mut sums[nearest];
            (*x, *y, *n) = (*x + f64::from(point[0]), *y + f64::from(point[1]), *n + 1.0);
        }
        if sum >= total {
            break;
        }
        total = sum;
        for (centre, [x, y, n]) in centres.iter_mut().zip(sums).filter(|(_, [.., n])| *n > 0.0) {
            *centre = [(x / n) as f32, (y / n) as f32];
        }
    }
    (centres, total)
}

fn deviation(values: impl Iterator<Item = f32> + Clone) -> f32 {
    let n = values.clone().count() as f64;
    let mean = values.clone().map(f64::from).sum::<f64>() / n;
    (values
        .map(|value| (f64::from(value) - mean).powi(2))
        .sum::<f64>()
        / n)
        .sqrt() as f32
}

/// Most sides changed by a factor around 1, from 0.3 to 3, at least one of them; none below two
/// pixels.
fn mutated(anchors: &[Size], rng: &mut Stream) -> Vec<Size> {
    loop {
        let strength = rng.unit() * 0.1;
        let mut factor = || {
            if rng.chance(0.9) {
                (1.0 + strength * normal(rng)).clamp(0.3, 3.0) as f32
            } else {
                1.0
            }
        };
        let factors: Vec<Size> = anchors.iter().map(|_| [factor(), factor()]).collect();
        if factors.iter().flatten().any(|factor| *factor != 1.0) {
            return anchors
                .iter()
                .zip(factors)
                .map(|([w, h], [x, y])| [(w * x).max(2.0), (h * y).max(2.0)])
                .collect();
        }
    }
}

/// Nearly a standard normal number: the sum of twelve uniform ones, less 6. Exact arithmetic, so
/// the same on every machine.
fn normal(rng: &mut Stream) -> f64 {
    (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Boxes in three clouds.
    fn boxes() -> Vec<Size> {
        let mut rng = random(3, 2);
        let around = |[w, h]: Size, rng: &mut Stream| {
            [
                w * rng.uniform(0.8, 1.25) as f32,
                h * rng.uniform(0.8, 1.25) as f32,
            ]
        };
        (0..300)
            .map(|i| around([[8.0, 8.0], [40.0, 20.0], [100.0, 220.0]][i % 3], &mut rng))
            .collect()
    }

    #[test]
    fn a_match_has_no_side_that_many_times_the_others() {
        let found = fit(
            &[[10.0, 10.0], [10.0, 41.0], [39.0, 3.0]],
            &[[10.0, 10.0], [40.0, 10.0]],
            4.0,
        );
        // The first matches the first anchor only (40 is four times 10), the second none, the third
        // both.
        assert_eq!(
            found,
            Fit {
                best_possible_recall: 2.0 / 3.0,
                anchors_per_box: 1.0
            }
        );
        assert_eq!(fit(&[], &[[1.0, 1.0]], 4.0).best_possible_recall, 1.0);
    }

    #[test]
    fn new_anchors_lie_in_the_clouds_and_are_the_same_again() {
        let found = evolve(&boxes(), 3, 4.0, 0).unwrap();
        for (anchor, cloud) in found.iter().zip([[8.0, 8.0], [40.0, 20.0], [100.0, 220.0]]) {
            assert!(likeness(anchor, &cloud) > 0.85, "{anchor:?} for {cloud:?}");
        }
        assert_eq!(found, evolve(&boxes(), 3, 4.0, 0).unwrap());
        assert_eq!(fit(&boxes(), &found, 4.0).best_possible_recall, 1.0);
    }

    #[test]
    fn mutation_never_makes_them_worse() {
        let boxes = boxes();
        let clusters = k_means(&boxes, 6, &mut random(0, 1));
        let evolved = evolve(&boxes, 6, 4.0, 0).unwrap();
        assert!(fitness(&boxes, &evolved, 4.0) >= fitness(&boxes, &clusters, 4.0));
    }

    #[test]
    fn too_few_boxes_make_no_anchors() {
        assert_eq!(evolve(&[[9.0, 9.0]; 8], 9, 4.0, 0), None);
        // As many as anchors, all alike, do.
        assert_eq!(evolve(&[[9.0, 9.0]; 9], 9, 4.0, 0).unwrap().len(), 9);
        assert_eq!(evolve(&[[1.0, 1.0]; 20], 9, 4.0, 0), None);
    }
}
