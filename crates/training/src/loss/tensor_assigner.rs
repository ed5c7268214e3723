//! Task-aligned assignment by tensor operations, which needs no predictions on the host: what
//! [`TaskAlignedAssigner::assign`] does, for a batch at once.

use burn::Tensor;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Bool, Int};

use super::overlaps::overlaps;
use super::scene::{Column, Scene};
use super::task_aligned::{EPSILON, TaskAlignedAssigner};

/// Which box each cell of a batch answers for; off any training device.
pub(super) struct Assignment {
    /// What the probability of the box's class should be, `[batch · cells, 1]`; 0 for cells that
    /// answer for none.
    pub scores: Tensor<2>,
    /// The box's row in the scene, `[batch · cells]`; any row where the score is 0.
    pub boxes: Tensor<1, Int>,
}

/// Assigns cells to boxes by class logits `[batch, cells, classes]`, and by distances to the
/// predicted sides in cells, `[batch, cells, 4]`; both off any training device.
pub(super) fn assign(
    assigner: &TaskAlignedAssigner,
    scene: &Scene,
    class_logits: Tensor<3>,
    distances: Tensor<3>,
) -> Assignment {
    let (batch, most) = (scene.batch, scene.most);
    let [_, cells, _] = class_logits.dims();
    let device = class_logits.device();
    let overlaps = overlaps(scene, distances);
    let alignments = class_scores(scene, class_logits).powf_scalar(assigner.alpha)
        * overlaps.clone().powf_scalar(assigner.beta);

    // Each box asks for its best cells; a cell that several ask for goes to the box, of all around
    // it, that it overlaps most. An overlap is at most 1, so that 2 decides for a lone asker.
    let asked = best(alignments.clone(), assigner.topk).float();
    let askers = asked.clone().sum_dim(1);
    let alone = askers.clone().equal_scalar(1.0).float().mul_scalar(2.0);
    let owner = (asked * alone + overlaps.clone())
        .argmax(1)
        .mask_fill(askers.lower_scalar(0.5), -1);
    let numbers = Tensor::<1, Int>::arange(0..most as i64, &device).reshape([1, most, 1]);
    let mut own = owner.clone().equal(numbers).float();
    if assigner.keep < assigner.topk {
        own = best(alignments.clone() * own, assigner.keep).float();
    }

    // A box's best cell is to score as it overlaps; the others less, as they are aligned less.
    let alignments = alignments * own.clone();
    let scale = (overlaps * own).max_dim(2) / alignments.clone().max_dim(2).add_scalar(EPSILON);
    let scores = (alignments * scale).sum_dim(1);

    let first = Tensor::<1, Int>::arange_step(0..(batch * most) as i64, most, &device);
    let boxes = owner.clamp_min(0) + first.reshape([batch, 1, 1]);
    Assignment {
        scores: scores.reshape([batch * cells, 1]),
        boxes: boxes.reshape([batch * cells]),
    }
}

/// What each cell scores for the class of each box, `[batch, most, cells]`.
fn class_scores(scene: &Scene, logits: Tensor<3>) -> Tensor<3> {
    let [batch, cells, nc] = logits.dims();
    let rows = scene.column(Column::Scores).int();
    let rows = rows.reshape([batch * scene.most]);
    let logits = logits.swap_dims(1, 2).reshape([batch * nc, cells]);
    sigmoid(logits.select(0, rows)).reshape([batch, scene.most, cells])
}

/// Whether a cell is among a box's so many best that are aligned at all, `[batch, most, cells]`;
/// of equals the first.
fn best(alignments: Tensor<3>, count: usize) -> Tensor<3, Bool> {
    let [_, _, cells] = alignments.dims();
    let count = count.min(cells);
    let last = alignments.clone().topk(count, 2).narrow(2, count - 1, 1);
    let above = alignments.clone().greater(last.clone());
    // A backend's own order of equals is any. By numbers that fall, the first of them are again
    // the largest: as many as there is room for, at least one.
    let room = above.clone().float().sum_dim(2).neg();
    let place = room.add_scalar(count as f32 - 1.0).int();
    let numbers = Tensor::<1, Int>::arange(0..cells as i64, &alignments.device()).float();
    let numbers = numbers
        .neg()
        .add_scalar(cells as f32)
        .reshape([1, 1, cells]);
    let equals = alignments.clone().equal(last).float() * numbers;
    let least = equals.clone().topk(count, 2).gather(2, place);
    above
        .bool_or(equals.greater_equal(least))
        .bool_and(alignments.greater_scalar(0.0))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::loss::cells::{Cell, Logits, Matched, cells};
    use crate::loss::distances::distances;

    const SIZE: [f32; 2] = [128.0, 96.0];
    const IMAGES: usize = 4;

    const MANY: TaskAlignedAssigner = TaskAlignedAssigner {
        topk: 10,
        keep: 10,
        alpha: 0.5,
        beta: 6.0,
        least_side: 16.0,
    };
    const ONE: TaskAlignedAssigner = TaskAlignedAssigner {
        topk: 7,
        keep: 1,
        ..MANY
    };

    fn all_cells() -> Vec<Cell> {
        let level = |stride: usize| cells([IMAGES, 1, 96 / stride, 128 / stride, 1], stride as f32);
        [8, 16, 32].into_iter().flat_map(level).collect()
    }

    /// Numbers from 0 to below 1, the same each time.
    fn noise(seed: u32) -> impl FnMut() -> f32 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        }
    }

    /// A crowd, nothing, a tiny box on one of the image's size, and one box twice and with another
    /// class.
    fn targets(nc: usize, seed: u32) -> Vec<[f32; 6]> {
        let mut next = noise(seed);
        let mut class = || (next() * nc as f32).floor();
        let classes: Vec<f32> = (0..20).map(|_| class()).collect();
        let mut targets: Vec<[f32; 6]> = classes[..14]
            .iter()
            .map(|class| {
                let [x, y, w, h] = std::array::from_fn(|_| next());
                let (x, y) = (0.3 + 0.4 * x, 0.3 + 0.4 * y);
                [0.0, *class, x, y, 0.1 + 0.5 * w, 0.1 + 0.5 * h]
            })
            .collect();
        targets.push([2.0, classes[14], 0.52, 0.47, 0.01, 0.02]);
        targets.push([2.0, classes[15], 0.5, 0.5, 1.0, 1.0]);
        let twice = [0.4, 0.45, 0.3, 0.4];
        for class in [classes[16], classes[16], nc as f32 - 1.0] {
            targets.push([3.0, class, twice[0], twice[1], twice[2], twice[3]]);
        }
        targets
    }

    /// For each row of the logits the score, and the class and the box in pixels if there is one.
    type Found = Vec<(f32, Option<(usize, [f32; 4])>)>;

    struct Head {
        nc: usize,
        reg_max: usize,
    }

    impl Head {
        fn outputs(&self) -> usize {
            4 * self.reg_max + self.nc
        }

        fn on_host(
            &self,
            assigner: &TaskAlignedAssigner,
            values: &[f32],
            targets: &[[f32; 6]],
        ) -> Found {
            let cells = all_cells();
            let logits = Logits {
                values,
                cells: &cells,
                batch: IMAGES,
                outputs: self.outputs(),
                nc: self.nc,
                reg_max: self.reg_max,
                size: SIZE,
                protos: None,
            };
            let mut found = vec![(0.0, None); IMAGES * cells.len()];
            for m in logits.assign(assigner, targets) {
                let Matched { row, cell, .. } = m;
                let sides = m.target.map(|side| side * cell.stride);
                found[row] = (m.score, (m.score > 0.0).then_some((m.class, sides)));
            }
            found
        }

        fn on_device(
            &self,
            assigner: &TaskAlignedAssigner,
            values: &[f32],
            targets: &[[f32; 6]],
        ) -> Found {
            let (device, cells) = (Device::flex(), all_cells());
            let rows = IMAGES * cells.len();
            let data = TensorData::new(values.to_vec(), [rows, self.outputs()]);
            let logits = Tensor::<2>::from_data(data, &device);
            let sides = logits.clone().narrow(1, 0, 4 * self.reg_max);
            let distances = distances(sides, self.reg_max);
            let by_image = |t: Tensor<2>, columns: usize| t.reshape([IMAGES, cells.len(), columns]);
            let of = [IMAGES, self.nc];
            let scene = Scene::new(targets, &cells, of, SIZE, assigner, &device);
            let assignment = assign(
                assigner,
                &scene,
                by_image(logits.narrow(1, 4 * self.reg_max, self.nc), self.nc),
                by_image(distances, 4),
            );
            let scores: Vec<f32> = assignment.scores.try_into_vec_as().unwrap();
            let boxes = scene.boxes.select(0, assignment.boxes).narrow(1, 0, 5);
            let boxes: Vec<f32> = boxes.try_into_vec_as().unwrap();
            let found = scores.into_iter().zip(boxes.as_chunks::<5>().0);
            found
                .map(|(score, [x1, y1, x2, y2, class])| {
                    let target = (*class as usize, [*x1, *y1, *x2, *y2]);
                    (score, (score > 0.0).then_some(target))
                })
                .collect()
        }

        /// How many cells answer for a box, the same ones and as much.
        #[track_caller]
        fn check(
            &self,
            assigner: &TaskAlignedAssigner,
            values: &[f32],
            targets: &[[f32; 6]],
        ) -> usize {
            let expected = self.on_host(assigner, values, targets);
            let found = self.on_device(assigner, values, targets);
            for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
                // Six overlaps are multiplied, and so is what they are rounded by.
                let off = (found.0 - expected.0).abs();
                assert!(
                    found.1 == expected.1 && off < 5e-6,
                    "row {row}: {found:?} instead of {expected:?}"
                );
            }
            expected.iter().filter(|found| found.1.is_some()).count()
        }
    }

    #[test]
    fn the_same_cells_answer_for_the_same_boxes_as_on_the_host() {
        for (seed, nc, reg_max) in [(1, 1, 16), (2, 5, 16), (3, 5, 1), (4, 80, 1)] {
            let head = Head { nc, reg_max };
            let mut next = noise(seed);
            let count = IMAGES * all_cells().len() * head.outputs();
            let values: Vec<f32> = (0..count).map(|_| 6.0 * next() - 2.0).collect();
            let targets = targets(nc, seed);
            let many = head.check(&MANY, &values, &targets);
            assert!(many > 30, "only {many} cells were assigned");
            let one = head.check(&ONE, &values, &targets);
            assert!(one > 3 && one <= targets.len(), "{one} boxes have a cell");
        }
    }

    /// Cells that predict the same around a box's middle are aligned with it alike.
    #[test]
    fn equals_are_taken_in_their_order() {
        let head = Head { nc: 2, reg_max: 1 };
        let values = [2.0, 2.0, 2.0, 2.0, 0.5, 0.5].repeat(IMAGES * all_cells().len());
        let centered = [1.0, 1.0, 0.5, 0.5, 0.5, 2.0 / 3.0];
        // The same again in one image, and beside each other in another.
        let targets = [
            centered,
            [2.0, 0.0, 0.5, 0.5, 0.5, 0.5],
            [2.0, 1.0, 0.5, 0.5, 0.5, 0.5],
            [3.0, 0.0, 0.25, 0.5, 0.5, 0.5],
            [3.0, 1.0, 0.75, 0.5, 0.5, 0.5],
        ];
        assert!(head.check(&MANY, &values, &targets) > 30);
        assert!(head.check(&ONE, &values, &targets) > 3);
    }

    #[test]
    fn the_best_are_few_and_aligned() {
        let of = |rows: [[f32; 5]; 4], count: usize| {
            let rows = Tensor::<2>::from_floats(rows, &Device::flex()).unsqueeze::<3>();
            let chosen = best(rows, count).float().try_into_vec_as::<f32>().unwrap();
            let chosen = chosen.as_chunks::<5>().0.iter();
            let numbers = |row: &[f32; 5]| (0..5).filter(|at| row[*at] == 1.0).collect();
            chosen.map(numbers).collect::<Vec<Vec<usize>>>()
        };
        let rows = [
            [0.5, 0.1, 0.5, 0.5, 0.5],
            [0.1, 0.2, 0.3, 0.3, 0.2],
            [0.0, 0.0, 0.0, 0.0, 1e-30],
            [0.0; 5],
        ];
        assert_eq!(of(rows, 2), [vec![0, 2], vec![2, 3], vec![4], vec![]]);
        assert_eq!(of(rows, 3), [vec![0, 2, 3], vec![1, 2, 3], vec![4], vec![]]);
        let all: Vec<usize> = (0..5).collect();
        assert_eq!(of(rows, 9), [all.clone(), all, vec![4], vec![]]);
    }
}
