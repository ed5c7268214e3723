//! The loss of YOLOv5 v6 and v7: CIoU on the boxes, binary cross-entropy on objectness, classes and
//! masks.

use std::collections::HashSet;

use burn::Tensor;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, IndexingUpdateOp, Int, TensorData};

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
    fn iou(&self, rows: Tensor<2>, matches: &[Match]) -> Tensor<2> {
        let device = rows.device();
        let column = |of: fn(&Match) -> [f32; 2]| pairs(matches.iter().map(of), &device);
        // A centre lies up to half a cell outside of its cell, a side is at most four times the
        // anchor's.
        let doubled = sigmoid(rows.narrow(1, 0, 4)).mul_scalar(2.0);
        let centers = doubled.clone().narrow(1, 0, 2).sub_scalar(0.5);
        let sizes = doubled.narrow(1, 2, 2).square() * column(|m| m.anchor);
        complete_iou(centers, sizes, column(|m| m.center), column(|m| m.size))
    }

    /// Binary cross-entropy of the matched rows' class logits, mean over each level's rows and
    /// classes, summed over levels.
    fn class_loss(&self, rows: Tensor<2>, matched: &Matched, device: &Device) -> Tensor<1> {
        let smoothing = self.hyp.label_smoothing / 2.0;
        let mut targets = vec![smoothing; matched.rows.len() * self.nc];
        for (row, m) in matched.rows.iter().enumerate() {
            targets[row * self.nc + m.class] = 1.0 - smoothing;
        }
        let targets = Tensor::from_data(
            TensorData::new(targets, [matched.rows.len(), self.nc]),
            device,
        );
        let logits = rows.narrow(1, 5, self.nc);
        let loss = bce_with_logits(logits, targets, self.hyp.cls_pw);
        matched.mean(loss.mean_dim(1), device)
    }

    /// Binary cross-entropy of every cell's objectness with the IoU of its box, or 0; mean over
    /// each level, balanced.
    fn objectness_loss(
        &self,
        logits: Vec<Tensor<2>>,
        matched: &Matched,
        iou: Option<Tensor<1>>,
    ) -> Tensor<1> {
        let mut start = 0;
        let losses = logits
            .into_iter()
            .zip(&matched.levels)
            .zip(self.balance)
            .map(|((logits, level), &balance)| {
                let logits = logits.narrow(1, 4, 1).squeeze_dim::<1>(1);
                let mut targets = logits.zeros_like();
                if let (Some(cells), Some(iou)) = (&level.cells, &iou) {
                    let iou = iou.clone().narrow(0, start, level.count);
                    targets = targets.select_assign(0, cells.clone(), iou, IndexingUpdateOp::Add);
                    start += level.count;
                }
                let cells = logits.dims()[0] as f32;
                bce_with_logits_sum(logits, targets, self.hyp.obj_pw).mul_scalar(balance / cells)
            });
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
            matched.push(matcher.matches(targets, height, width), &device);
            logits.push(level.reshape([batch * anchors * height * width, outputs]));
        }

        let zero = || Tensor::zeros([1], &device);
        let mut seg_loss = self.coefficients.map(|_| zero());
        let (box_loss, class_loss, iou) = if matched.rows.is_empty() {
            (zero(), zero(), None)
        } else {
            let rows = matched.select(&logits);
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
            let iou = self.iou(rows.clone(), &matched.rows);
            let box_loss = matched.mean(iou.clone().neg().add_scalar(1.0), &device);
            let class_loss = if self.nc > 1 {
                self.class_loss(rows, &matched, &device)
            } else {
                zero()
            };
            let target = iou.detach().clamp_min(0.0).reshape([matched.rows.len()]);
            (
                box_loss,
                class_loss,
                Some(target * matched.last_in_cell(&device)),
            )
        };
        let objectness_loss = self.objectness_loss(logits, &matched, iou);

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
    levels: Vec<MatchedLevel>,
}

struct MatchedLevel {
    count: usize,
    /// Rows of the level's logits, `[count]`; None if nothing matched.
    cells: Option<Tensor<1, Int>>,
}

impl Matched {
    fn push(&mut self, matches: Vec<Match>, device: &Device) {
        let cells = (!matches.is_empty()).then(|| {
            let cells: Vec<i32> = matches.iter().map(|m| m.cell as i32).collect();
            Tensor::from_data(TensorData::new(cells, [matches.len()]), device)
        });
        self.levels.push(MatchedLevel {
            count: matches.len(),
            cells,
        });
        self.rows.extend(matches);
    }

    /// The matched rows of all levels, `[n, outputs]`.
    fn select(&self, logits: &[Tensor<2>]) -> Tensor<2> {
        let rows = logits.iter().zip(&self.levels);
        let rows =
            rows.filter_map(|(logits, level)| Some(logits.clone().select(0, level.cells.clone()?)));
        Tensor::cat(rows.collect(), 0)
    }

    /// The mean over each level's rows, summed over the levels: `[n, 1]` to `[1]`.
    fn mean(&self, rows: Tensor<2>, device: &Device) -> Tensor<1> {
        let weights = self
            .levels
            .iter()
            .flat_map(|l| std::iter::repeat_n(1.0 / l.count as f32, l.count));
        let weights = TensorData::new(weights.collect::<Vec<f32>>(), [self.rows.len(), 1]);
        (rows * Tensor::from_data(weights, device)).sum()
    }

    /// The rows' objects: each image's matches of a level are averaged, then summed.
    fn mask_matches(&self, targets: &[[f32; 6]], batch: usize) -> Vec<MaskMatch> {
        let objects = object_numbers(targets, batch);
        let mut matches = Vec::with_capacity(self.rows.len());
        let mut rows = self.rows.iter();
        for level in &self.levels {
            let level: Vec<usize> = rows
                .by_ref()
                .take(level.count)
                .map(|row| row.target)
                .collect();
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

    /// 1 for each row that no later one of its level overrides in its cell, 0 for the others,
    /// `[n]`.
    fn last_in_cell(&self, device: &Device) -> Tensor<1> {
        let mut last = vec![0.0f32; self.rows.len()];
        let mut end = self.rows.len();
        for level in self.levels.iter().rev() {
            let mut seen = HashSet::with_capacity(level.count);
            for row in (end - level.count..end).rev() {
                last[row] = f32::from(seen.insert(self.rows[row].cell));
            }
            end -= level.count;
        }
        Tensor::from_data(TensorData::new(last, [self.rows.len()]), device)
    }
}

/// `[n, 2]` from pairs.
fn pairs(pairs: impl Iterator<Item = [f32; 2]>, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = pairs.flatten().collect();
    let rows = values.len() / 2;
    Tensor::from_data(TensorData::new(values, [rows, 2]), device)
}
