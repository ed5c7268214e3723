//! Trains a model on a data set: puts network, loss, data and evaluation together for the engine in [`crate::train`].

use std::{path::Path, sync::Arc};

use ablate_detection::{
    dataset::CachedDataset,
    loader::{EvalLoader, LoaderConfig},
    loss::{DetectionLoss, Yolov5Hyp, Yolov5Loss, Yolov8Loss},
    nms::NmsConfig,
};
use ablate_model::{
    Detector, Graph,
    heads::BoxCoding,
    weights::{self, Loaded},
};
use anyhow::Result;
use burn::tensor::Device;

use super::evaluate::evaluate;
use crate::{
    progress::Epochs,
    record::EvalMeasurement,
    train::{self, Evaluate, Leg, Recipe, Scores, TrainJob, Trained, TrainingData},
};

/// What is trained on what and how.
pub struct Training<'a> {
    pub graph: &'a Graph,
    /// Of this graph, with its first weights: see [`network`].
    pub detector: Detector,
    /// Decoded for the network's image size.
    pub train: Arc<CachedDataset>,
    /// Evaluated while training goes on, to choose the best epoch; without it, that is the last.
    pub val: Option<Arc<CachedDataset>>,
    pub recipe: &'a Recipe,
    /// Of order and augmentation.
    pub seed: u64,
    /// Without autodiff; training adds it.
    pub device: &'a Device,
    /// Where checkpoints go.
    pub folder: &'a Path,
    /// Names this training in its checkpoints; a checkpoint of another one is refused.
    pub identity: &'a str,
    /// All of the training, or a part of it.
    pub leg: Leg<'a>,
}

/// Threads that make batches ahead; they change nothing in the batches.
const WORKERS: usize = 1;

/// A network to train, on a device without autodiff, which is added: first weights drawn from the seed, and in their place whatever fits of a file.
///
/// # Errors
/// Weights that can't be read, or of which nothing fits.
pub fn network(graph: &Graph, seed: u64, device: &Device, weights: Option<&Path>) -> Result<(Detector, Option<Loaded>)> {
    let mut detector = Detector::new(graph, seed, &device.clone().autodiff());
    let loaded = weights.map(|file| weights::load(&mut detector, file)).transpose()?;
    Ok((detector, loaded))
}

/// Trains, or goes on from the folder's checkpoint.
///
/// # Errors
/// Those of [`train::train`], and data that don't fit.
pub fn train(training: Training, progress: &mut Epochs) -> Result<Trained> {
    let Training { graph, detector, train: data, val, recipe, seed, device, folder, identity, leg } = training;
    let imgsz = data.imgsz();
    let loss = loss(graph, recipe, imgsz)?;
    let mut validator = match val {
        Some(val) => Some(Validator { loader: EvalLoader::new(val, recipe.batch, WORKERS)?, device: device.clone() }),
        None => None,
    };
    let detect = graph.detect();
    // Target masks of the prototypes' size, which is twice that of the finest level.
    let mask_stride = detect.masks.map(|_| detect.strides[0] / 2);
    train::train(TrainJob {
        detector,
        loss,
        data: &TrainingData::new(data, recipe, LoaderConfig { batch: recipe.batch, imgsz, seed, mask_stride, workers: WORKERS })?,
        recipe,
        seed,
        folder,
        identity,
        evaluator: validator.as_mut().map(|validator| validator as &mut dyn Evaluate<Detector>),
        leg,
        progress,
    })
}

/// What the graph's head is trained on.
pub(super) fn loss(graph: &Graph, recipe: &Recipe, imgsz: usize) -> Result<Box<dyn DetectionLoss>> {
    let detect = graph.detect();
    let coefficients = detect.masks.map(|masks| masks.coefficients);
    Ok(match &detect.coding {
        BoxCoding::Anchors(anchors) => {
            let anchors: Vec<Vec<[f32; 2]>> =
                anchors.iter().map(|level| level.iter().map(|anchor| anchor.map(|side| side as f32)).collect()).collect();
            let hyp = scaled(recipe.loss, graph.nc, anchors.len(), imgsz);
            Box::new(Yolov5Loss::new(graph.nc, &anchors, &detect.strides, hyp)?.with_masks(coefficients))
        }
        BoxCoding::Distances { reg_max } => {
            Box::new(Yolov8Loss::new(graph.nc, *reg_max, &detect.strides, recipe.anchor_free)?.with_masks(coefficients))
        }
    })
}

/// YOLOv5's gains hold for three levels, 80 classes and 640 pixels; its training scales them to others.
fn scaled(hyp: Yolov5Hyp, nc: usize, levels: usize, imgsz: usize) -> Yolov5Hyp {
    let levels = 3.0 / levels as f32;
    Yolov5Hyp {
        box_gain: hyp.box_gain * levels,
        cls: hyp.cls * levels * nc as f32 / 80.0,
        obj: hyp.obj * levels * (imgsz as f32 / 640.0).powi(2),
        ..hyp
    }
}

/// Evaluates the moving average while training goes on.
struct Validator {
    loader: EvalLoader,
    device: Device,
}

impl Evaluate<Detector> for Validator {
    fn evaluate(&mut self, detector: &Detector, _epoch: usize) -> Result<Scores> {
        let evaluation = evaluate(detector, &self.loader, &self.device, &NmsConfig::default(), |_| {})?;
        let EvalMeasurement { boxes, masks, .. } = &evaluation.measurement;
        let mask = |name| masks.as_ref().and_then(|masks| masks.figure(name));
        Ok(Scores { map50: boxes.figure("AP50"), map50_95: boxes.figure("AP"), mask_map50: mask("AP50"), mask_map50_95: mask("AP") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_scale_with_classes_levels_and_image_size() {
        let hyp = Yolov5Hyp::default();
        assert_eq!(scaled(hyp, 80, 3, 640), hyp);
        let small = scaled(hyp, 20, 4, 320);
        assert_eq!(small.box_gain, hyp.box_gain * 0.75);
        assert_eq!(small.cls, hyp.cls * 0.75 * 0.25);
        assert_eq!(small.obj, hyp.obj * 0.75 * 0.25);
    }
}
