//! The loss of heads whose one-to-one branches answer for each object once: one for each set of
//! branches, weighed by the epoch. Source: Wang et al., YOLOv10, arXiv:2405.14458, section 3.1;
//! assigners and weights as Ultralytics train YOLOv10 and YOLO26.

use burn::Tensor;

use super::{DetectionLoss, LossError, LossOutput, Outputs, Targets, Yolov8Loss};

/// The loss of one-to-many and one-to-one branches.
#[derive(Clone, Debug)]
pub struct EndToEndLoss {
    one_to_many: Yolov8Loss,
    one_to_one: Yolov8Loss,
    epochs: usize,
    /// What the one-to-many loss counts in this epoch.
    share: f32,
}

/// What the one-to-many loss counts in the first epoch and in the last.
const SHARES: [f64; 2] = [0.8, 0.1];

impl EndToEndLoss {
    /// For a training of so many epochs; `loss` is that of each set of branches.
    ///
    /// A box goes to ten cells of the one-to-many branches, and to the best of seven of the
    /// one-to-one ones.
    pub fn new(loss: Yolov8Loss, epochs: usize) -> Self {
        let mut new = Self {
            one_to_many: loss.clone(),
            one_to_one: loss.answering_once(),
            epochs,
            share: 0.0,
        };
        new.start_epoch(0);
        new
    }
}

impl DetectionLoss for EndToEndLoss {
    fn items(&self) -> &'static [&'static str] {
        self.one_to_one.items()
    }

    /// The one-to-many loss counts less from epoch to epoch, along a line.
    fn start_epoch(&mut self, epoch: usize) {
        let [first, last] = SHARES;
        let left = 1.0 - epoch as f64 / (self.epochs.max(2) - 1) as f64;
        self.share = (left.max(0.0) * (first - last) + last) as f32;
    }

    /// The items are those of the one-to-one branches.
    fn forward(&self, outputs: Outputs, targets: Targets) -> Result<LossOutput, LossError> {
        let levels = outputs.one_to_many.ok_or(LossError::NoOneToMany)?;
        let apart = |map: &Option<Tensor<4>>| map.clone().map(Tensor::detach);
        let one_to_one = Outputs {
            levels: outputs.levels,
            protos: apart(&outputs.protos),
            one_to_many: None,
            semantic: apart(&outputs.semantic),
        };
        let one_to_many = Outputs {
            levels,
            protos: outputs.protos,
            one_to_many: None,
            semantic: outputs.semantic,
        };
        let many = self.one_to_many.forward(one_to_many, targets)?;
        let one = self.one_to_one.forward(one_to_one, targets)?;
        Ok(LossOutput {
            total: many.total.mul_scalar(self.share) + one.total.mul_scalar(1.0 - self.share),
            items: one.items,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Yolov8Hyp;

    #[test]
    fn the_weight_moves_from_one_to_many_to_one_to_one() {
        let plain = Yolov8Loss::new(3, 1, &[8, 16], Yolov8Hyp::default()).unwrap();
        let shares = |epochs: usize, at: &[usize]| {
            let mut loss = EndToEndLoss::new(plain.clone(), epochs);
            at.iter()
                .map(|epoch| {
                    loss.start_epoch(*epoch);
                    (loss.share * 100.0).round()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(shares(8, &[0, 1, 6, 7, 9]), [80.0, 70.0, 20.0, 10.0, 10.0]);
        assert_eq!(shares(1, &[0]), [80.0]);
    }
}
