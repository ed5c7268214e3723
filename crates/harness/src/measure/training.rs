//! Trains a model on a data set: puts network, loss, data and evaluation together for the engine in [`crate::train`].

use std::{path::Path, sync::Arc};

use ablate_detection::{
    dataset::CachedDataset,
    loader::{EvalLoader, InputShape, LoaderConfig},
    loss::{DetectionLoss, Yolov5Hyp, Yolov5Loss, Yolov8Loss},
    nms::NmsConfig,
};
use ablate_model::{
    Detector, Graph,
    heads::{BoxCoding, DetectConfig},
    weights::{self, Loaded},
};
use anyhow::{Context, Result};
use burn::tensor::Device;

use super::{anchors::fit_anchors, auto_batch::auto_batch, evaluate::evaluate, memory};
use crate::{
    device::DeviceName,
    progress::Epochs,
    train::{self, AUTO_BATCH, Evaluate, Leg, Recipe, Scores, TrainJob, Trained, TrainingData},
};
use ablate_records::{AnchorFit, EvalMeasurement};

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

/// A network before its training.
pub struct Network {
    pub detector: Detector,
    /// What of it a file filled, where there is one.
    pub loaded: Option<Loaded>,
    /// How its anchors fit; none without anchors, or where nobody asked.
    pub anchors: Option<AnchorFit>,
}

/// A network to train, on a device without autodiff, which is added: first weights drawn from the seed, and in their place whatever fits of a file;
/// anchors fitted to the data and rows frozen as the recipe wants it.
///
/// # Errors
/// Weights that can't be read, or of which nothing fits; rows to freeze that there are not.
pub fn network(
    graph: &Graph,
    recipe: &Recipe,
    data: &CachedDataset,
    seed: u64,
    device: &Device,
    weights: Option<&Path>,
) -> Result<Network> {
    let mut detector = Detector::new(graph, seed, &device.clone().autodiff());
    let loaded = weights
        .map(|file| weights::load(&mut detector, file))
        .transpose()?;
    let anchors = if recipe.noautoanchor {
        None
    } else {
        fit_anchors(&mut detector, data, recipe.loss.anchor_t, seed)
    };
    let detector = detector
        .freeze(&recipe.freeze)
        .map_err(anyhow::Error::msg)
        .context("freeze")?;
    Ok(Network {
        detector,
        loaded,
        anchors,
    })
}

/// Trains, or goes on from the folder's checkpoint.
///
/// # Errors
/// Those of [`train::train`], and data that don't fit.
pub fn train(training: Training, progress: &mut Epochs) -> Result<Trained> {
    let Training {
        graph,
        detector,
        train: data,
        val,
        recipe,
        seed,
        device,
        folder,
        identity,
        leg,
    } = training;
    let imgsz = data.imgsz();
    memory::keep();
    let loss = loss(detector.detect(), recipe, imgsz)?;
    let mut validator = match val {
        Some(val) => {
            let loader = EvalLoader::new(
                val,
                InputShape::new(recipe.val_rect, graph.max_stride()),
                recipe.batch,
                WORKERS,
            )?;
            Some(Validator {
                loader,
                device: device.clone(),
            })
        }
        None => None,
    };
    let detect = graph.detect();
    // Target masks of the prototypes' size, which is twice that of the finest level.
    let mask_stride = detect.masks.map(|_| detect.strides[0] / 2);
    train::train(TrainJob {
        detector,
        loss,
        data: &TrainingData::new(
            data,
            recipe,
            LoaderConfig {
                batch: recipe.batch,
                imgsz,
                seed,
                mask_stride,
                workers: WORKERS,
            },
        )?,
        recipe,
        seed,
        folder,
        identity,
        stride: graph.max_stride(),
        evaluator: validator
            .as_mut()
            .map(|validator| validator as &mut dyn Evaluate<Detector>),
        leg,
        progress,
    })
}

/// The recipe for a model, a device and the data: see [`Recipe::resolved`].
///
/// # Errors
/// Those of [`Recipe::resolved`].
pub fn resolved(
    recipe: &Recipe,
    graph: &Graph,
    data: &CachedDataset,
    name: &DeviceName,
    device: &Device,
) -> Result<Recipe> {
    let resolved = recipe.resolved(data.len(), graph.nc, || {
        auto_batch(graph, name, device, data.imgsz())
    })?;
    if recipe.batch == AUTO_BATCH {
        tracing::info!("batch -1 is {} images on {name}", resolved.batch);
    }
    Ok(resolved)
}

/// What a head is trained on.
pub(super) fn loss(
    detect: &DetectConfig,
    recipe: &Recipe,
    imgsz: usize,
) -> Result<Box<dyn DetectionLoss>> {
    let coefficients = detect.masks.map(|masks| masks.coefficients);
    Ok(match &detect.coding {
        BoxCoding::Anchors(anchors) => {
            let anchors: Vec<Vec<[f32; 2]>> = anchors
                .iter()
                .map(|level| {
                    level
                        .iter()
                        .map(|anchor| anchor.map(|side| side as f32))
                        .collect()
                })
                .collect();
            let hyp = scaled(recipe.loss, detect.nc, anchors.len(), imgsz);
            Box::new(
                Yolov5Loss::new(detect.nc, &anchors, &detect.strides, hyp)?
                    .with_masks(coefficients),
            )
        }
        BoxCoding::Distances { reg_max } => Box::new(
            Yolov8Loss::new(detect.nc, *reg_max, &detect.strides, recipe.anchor_free)?
                .with_masks(coefficients),
        ),
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
        let evaluation = evaluate(
            detector,
            &self.loader,
            &self.device,
            &NmsConfig::of(detector.detect()),
            |_| {},
        )?;
        let EvalMeasurement { boxes, masks, .. } = &evaluation.measurement;
        let mask = |name| masks.as_ref().and_then(|masks| masks.figure(name));
        Ok(Scores {
            map50: boxes.figure("AP50"),
            map50_95: boxes.figure("AP"),
            mask_map50: mask("AP50"),
            mask_map50_95: mask("AP"),
        })
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
