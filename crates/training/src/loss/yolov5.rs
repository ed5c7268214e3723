//! The loss of YOLOv5 v6 and v7: CIoU on the boxes, binary cross-entropy on objectness, classes and
//! masks.

use std::collections::HashSet;
use std::iter::repeat_n;

use ablate_kernels::{uploaded, uploaded_integers};
use burn::Tensor;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, IndexingUpdateOp, Int};

use super::masks::{MaskMatch, mask_loss, object_numbers};
use super::matching::check_targets;
use super::{
    AnchorMatcher, DetectionLoss, LossError, LossOutput, Match, Outputs, Targets, Yolov5Hyp,
    bce_with_logits, bce_with_logits_sum, complete_iou, required,
};
use ablate_detection::geometry::BBox;

/// The loss of one network: its classes, anchors and strides, and the gains.
#[derive(Clone, Debug)]
pub struct Yolov5Loss {
    nc: usize,
    matchers: Vec<AnchorMatcher>,
    balance: &'static [f32],
    hyp: Yolov5Hyp,
    /// Mask coefficients of each box; None without masks.
    coefficients: Option<usize>,
}

impl Yolov5Loss {
    /// For `nc` classes and one list of anchors, width and height in pixels, and one stride for
    /// each level, finest first.
    ///
    /// # Errors
    /// Levels that do not fit together, and hyper-parameters that mean nothing or are not
    /// supported.
    pub fn new(
        nc: usize,
        anchors_px: &[Vec<[f32; 2]>],
        strides: &[usize],
        hyp: Yolov5Hyp,
    ) -> Result<Self, LossError> {
        hyp.check()?;
        // The finest map has the most cells and the smallest boxes; its mean must not be drowned by
        // the others'.
        let balance: &[f32] = match anchors_px.len() {
            3 => &[4.0, 1.0, 0.4],
            _ => &[4.0, 1.0, 0.25, 0.06, 0.02],
        };
        if anchors_px.len() != strides.len() || !(1..=balance.len()).contains(&strides.len()) {
            return Err(LossError::Levels {
                anchors: anchors_px.len(),
                strides: strides.len(),
            });
        }
        let expected = anchors_px[0].len();
        let mut matchers = Vec::with_capacity(strides.len());
        for (level, (anchors, &stride)) in anchors_px.iter().zip(strides).enumerate() {
            if anchors.is_empty() || anchors.len() != expected {
                return Err(LossError::Anchors {
                    level,
                    found: anchors.len(),
                    expected: expected.max(1),
                });
            }
            let anchors = anchors
                .iter()
                .map(|side| side.map(|pixels| pixels / stride as f32));
            matchers.push(AnchorMatcher {
                anchors: anchors.collect(),
                threshold: hyp.anchor_t,
            });
        }
        Ok(Self {
            nc,
            matchers,
            balance,
            hyp,
            coefficients: None,
        })
    }

    /// For a head whose logits end with so many coefficients of mask prototypes.
    pub fn with_masks(self, coefficients: Option<usize>) -> Self {
        Self {
            coefficients,
            ..self
        }
    }

    /// Numbers for each box.
    fn outputs(&self) -> usize {
        5 + self.nc + self.coefficients.unwrap_or(0)
    }

    fn check_levels(&self, levels: &[Tensor<5>]) -> Result<usize, LossError> {
        if levels.len() != self.matchers.len() {
            return Err(LossError::LevelCount {
                found: levels.len(),
                expected: self.matchers.len(),
            });
        }
        let batch = levels[0].dims()[0];
        let (anchors, outputs) = (self.matchers[0].anchors.len(), self.outputs());
        for (level, logits) in levels.iter().enumerate() {
            let found = logits.dims();
            if [found[0], found[1], found[4]] != [batch, anchors, outputs] || found.contains(&0) {
                return Err(LossError::Shape {
                    level,
                    found,
                    anchors,
                    outputs,
                });
            }
        }
        Ok(batch)
    }

    /// CIoU of the boxes that matched rows `[n, outputs]` predict with their targets, `[n, 1]`; in
    /// cells.
    fn iou(&self, rows: Tensor<2>, tables: &Tables) -> Tensor<2> {
        // A centre lies up to half a cell outside of its cell, a side is at most four times the
        // anchor's.
        let doubled = sigmoid(rows.narrow(1, 0, 4)).mul_scalar(2.0);
        let centers = doubled.clone().narrow(1, 0, 2).sub_scalar(0.5);
        let sizes = doubled.narrow(1, 2, 2).square() * tables.anchors.clone();
        complete_iou(centers, sizes, tables.centers.clone(), tables.sizes.clone())
    }

    /// Binary cross-entropy of the matched rows' class logits, mean over each level's rows and
    /// classes, summed over levels.
    fn class_loss(&self, rows: Tensor<2>, tables: &Tables) -> Tensor<1> {
        let logits = rows.narrow(1, 5, self.nc);
        let loss = bce_with_logits(logits, tables.classes.clone(), self.hyp.cls_pw);
        tables.mean(loss.mean_dim(1))
    }

    /// Binary cross-entropy of every cell's objectness with the IoU of its box, or 0; mean over
    /// each level, balanced.
    fn objectness_loss(
        &self,
        logits: Vec<Tensor<2>>,
        found: Option<(&Tables, Tensor<1>)>,
    ) -> Tensor<1> {
        let mut start = 0;
        let loss = |(level, (logits, balance)): (usize, (Tensor<2>, &f32))| {
            let logits = logits.narrow(1, 4, 1).squeeze_dim::<1>(1);
            let mut targets = logits.zeros_like();
            if let Some((tables, iou)) = &found
                && let Some(cells) = &tables.cells[level]
            {
                let [count] = cells.dims();
                let iou = iou.clone().narrow(0, start, count);
                targets = targets.select_assign(0, cells.clone(), iou, IndexingUpdateOp::Add);
                start += count;
            }
            let cells = logits.dims()[0] as f32;
            bce_with_logits_sum(logits, targets, self.hyp.obj_pw).mul_scalar(balance / cells)
        };
        let levels = logits.into_iter().zip(self.balance).enumerate();
        let losses = levels.map(loss);
        losses
            .reduce(|sum, loss| sum + loss)
            .expect("a head has a level")
    }
}

impl DetectionLoss for Yolov5Loss {
    fn items(&self) -> &'static [&'static str] {
        match self.coefficients {
            None => &["box", "obj", "cls"],
            Some(_) => &["box", "obj", "cls", "seg"],
        }
    }

    /// The levels' logits are `[batch, anchors, height, width, outputs]` each: x, y, w, h,
    /// objectness, classes, mask coefficients.
    fn forward(
        &self,
        Outputs { levels, protos, .. }: Outputs,
        Targets {
            boxes: targets,
            masks,
        }: Targets,
    ) -> Result<LossOutput, LossError> {
        let batch = self.check_levels(&levels)?;
        check_targets(targets, batch, self.nc)?;
        let device = levels[0].device();
        let outputs = self.outputs();

        let mut logits = Vec::with_capacity(levels.len());
        let mut matched = Matched::default();
        for (level, matcher) in levels.into_iter().zip(&self.matchers) {
            let [_, anchors, height, width, _] = level.dims();
            matched.push(matcher.matches(targets, height, width));
            logits.push(level.reshape([batch * anchors * height * width, outputs]));
        }

        let zero = || Tensor::zeros([1], &device);
        let mut seg_loss = self.coefficients.map(|_| zero());
        let smoothing = self.hyp.label_smoothing / 2.0;
        let tables =
            (!matched.rows.is_empty()).then(|| matched.tables(self.nc, smoothing, &device));
        let (box_loss, class_loss, found) = match &tables {
            None => (zero(), zero(), None),
            Some(tables) => {
                let rows = tables.select(&logits);
                if let Some(count) = self.coefficients {
                    let (protos, masks) = required(protos, masks, count)?;
                    let coefficients = rows.clone().narrow(1, 5 + self.nc, count);
                    let loss = mask_loss(
                        protos,
                        coefficients,
                        &matched.mask_matches(targets, batch),
                        masks,
                    );
                    seg_loss = Some(loss.mul_scalar(self.hyp.box_gain / batch as f32));
                }
                let iou = self.iou(rows.clone(), tables);
                let box_loss = tables.mean(iou.clone().neg().add_scalar(1.0));
                let class_loss = if self.nc > 1 {
                    self.class_loss(rows, tables)
                } else {
                    zero()
                };
                let target = iou.detach().clamp_min(0.0).reshape([matched.rows.len()]);
                let target = target * tables.last.clone();
                (box_loss, class_loss, Some((tables, target)))
            }
        };
        let objectness_loss = self.objectness_loss(logits, found);

        let items = [
            box_loss.mul_scalar(self.hyp.box_gain),
            objectness_loss.mul_scalar(self.hyp.obj),
            class_loss.mul_scalar(self.hyp.cls),
        ];
        Ok(LossOutput::of(
            items.into_iter().chain(seg_loss).collect(),
            batch,
        ))
    }
}

/// All matches of a batch, level after level.
#[derive(Default)]
struct Matched {
    rows: Vec<Match>,
    /// Of each level.
    counts: Vec<usize>,
}

impl Matched {
    fn push(&mut self, matches: Vec<Match>) {
        self.counts.push(matches.len());
        self.rows.extend(matches);
    }

    /// Of at least one match: everything by two uploads.
    fn tables(&self, nc: usize, smoothing: f32, device: &Device) -> Tables {
        let n = self.rows.len();
        let cells: Vec<i32> = self.rows.iter().map(|m| m.cell as i32).collect();
        let cells = uploaded_integers(cells, [n], device);
        let mut start = 0;
        let of_level = |count: &usize| {
            let level = (*count > 0).then(|| cells.clone().narrow(0, start, *count));
            start += count;
            level
        };
        let cells = self.counts.iter().map(of_level).collect();

        let mut classes = vec![smoothing; n * nc];
        for (row, m) in self.rows.iter().enumerate() {
            classes[row * nc + m.class] = 1.0 - smoothing;
        }
        let pairs: [fn(&Match) -> [f32; 2]; 3] = [|m| m.anchor, |m| m.center, |m| m.size];
        let pairs = pairs
            .into_iter()
            .flat_map(|of| self.rows.iter().flat_map(of));
        let mut values: Vec<f32> = pairs.chain(classes).collect();
        for count in &self.counts {
            values.extend(repeat_n(1.0 / *count as f32, *count));
        }
        values.extend(self.last_in_cell());
        let length = values.len();
        let values = uploaded(values, [length], device);
        let mut start = 0;
        let mut table = |columns: usize| -> Tensor<2> {
            let table = values.clone().narrow(0, start, n * columns);
            start += n * columns;
            table.reshape([n, columns])
        };
        Tables {
            cells,
            anchors: table(2),
            centers: table(2),
            sizes: table(2),
            classes: table(nc),
            weights: table(1),
            last: table(1).reshape([n]),
        }
    }

    /// The rows' objects: each image's matches of a level are averaged, then summed.
    fn mask_matches(&self, targets: &[[f32; 6]], batch: usize) -> Vec<MaskMatch> {
        let objects = object_numbers(targets, batch);
        let mut matches = Vec::with_capacity(self.rows.len());
        let mut rows = self.rows.iter();
        for count in &self.counts {
            let level: Vec<usize> = rows.by_ref().take(*count).map(|row| row.target).collect();
            let mut counts = vec![0usize; batch];
            level
                .iter()
                .for_each(|target| counts[targets[*target][0] as usize] += 1);
            matches.extend(level.into_iter().map(|target| {
                let [image, _, x, y, w, h] = targets[target];
                let image = image as usize;
                MaskMatch {
                    image,
                    object: objects[target],
                    bbox: BBox::from_cxcywh(x, y, w, h),
                    weight: 1.0 / counts[image] as f32,
                }
            }));
        }
        matches
    }

    /// 1 for each row that no later one of its level overrides in its cell, 0 for the others.
    fn last_in_cell(&self) -> Vec<f32> {
        let mut last = vec![0.0f32; self.rows.len()];
        let mut end = self.rows.len();
        for count in self.counts.iter().rev() {
            let mut seen = HashSet::with_capacity(*count);
            for row in (end - count..end).rev() {
                last[row] = f32::from(seen.insert(self.rows[row].cell));
            }
            end -= count;
        }
        last
    }
}

/// What the loss takes of n matches, on its device.
struct Tables {
    /// Rows of each level's logits; None if nothing matched.
    cells: Vec<Option<Tensor<1, Int>>>,
    /// Widths and heights, `[n, 2]`.
    anchors: Tensor<2>,
    /// Of the targets, `[n, 2]`.
    centers: Tensor<2>,
    /// Of the targets, `[n, 2]`.
    sizes: Tensor<2>,
    /// What the classes should be, `[n, classes]`.
    classes: Tensor<2>,
    /// 1 over the matches of the row's level, `[n, 1]`.
    weights: Tensor<2>,
    /// See [`Matched::last_in_cell`]: `[n]`.
    last: Tensor<1>,
}

impl Tables {
    /// The matched rows of all levels, `[n, outputs]`.
    fn select(&self, logits: &[Tensor<2>]) -> Tensor<2> {
        let rows = logits.iter().zip(&self.cells);
        let rows =
            rows.filter_map(|(logits, cells)| Some(logits.clone().select(0, cells.clone()?)));
        Tensor::cat(rows.collect(), 0)
    }

    /// The mean over each level's rows, summed over the levels: `[n, 1]` to `[1]`.
    fn mean(&self, rows: Tensor<2>) -> Tensor<1> {
        (rows * self.weights.clone()).sum()
    }
}
