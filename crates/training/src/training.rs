//! A training as a command or a sweep asks for it: network, loss, data and evaluation put together
//! for [`crate::train`].

use std::{
    path::Path,
    sync::{Arc, Once},
};

use ablate_detection::{
    dataset::CachedDataset,
    loader::{EvalLoader, InputShape, LoaderConfig},
};
use ablate_model::{
    Detector, Graph,
    coding::{BoxCoding, DetectConfig},
    weights::{self, Loaded},
};
use ablate_records::{AnchorFit, FirstWeights, ImageSize};
use anyhow::{Context, Result, bail};
use burn::tensor::Device;

use crate::{
    Evaluate, Evaluator, Identity, Leg, Progress, Recipe, Schedule, Scores, TrainJob, Trained,
    TrainingData,
    amp::in_mixed_precision,
    autoanchor::fit_anchors,
    classes,
    data::check_channels,
    loss::{DetectionLoss, EndToEndLoss, Yolov5Hyp, Yolov5Loss, Yolov8Loss},
    weights::{lost_biases, taken},
};

/// What is trained, on what and how.
pub struct TrainingSpec<'a> {
    /// The architecture.
    pub graph: &'a Graph,
    /// Decoded for the network's image size.
    pub train: Arc<CachedDataset>,
    /// Evaluated while training goes on, to choose the best epoch; without it, that is the last.
    pub val: Option<Arc<CachedDataset>>,
    /// With its batch and its optimizer known: see [`Recipe::resolved`].
    pub recipe: &'a Recipe,
    /// Of first weights, order and augmentation.
    pub seed: u64,
    /// Without autodiff; training adds it.
    pub device: &'a Device,
    /// A file whose tensors replace the first weights, if they fit.
    pub weights: Option<&'a Path>,
}

/// A training that is ready to run.
pub struct Training<'a> {
    spec: TrainingSpec<'a>,
    detector: Detector,
    /// What the weights' file filled, if there is one.
    pub loaded: Option<Loaded>,
    /// How the anchors fit; None without anchors, or if the recipe leaves them alone.
    pub anchors: Option<AnchorFit>,
}

/// Threads that make batches ahead; they change nothing in the batches. A CPU that trains has one core to
/// spare, one beside a GPU all but one.
fn workers(device: &Device) -> usize {
    match ablate_kernels::is_gpu(device) {
        true => rayon::current_num_threads().saturating_sub(1).max(1),
        false => 1,
    }
}

impl<'a> TrainingSpec<'a> {
    /// Makes the network: first weights from the seed, and in their place whatever fits of the
    /// file; anchors fitted to the data and rows frozen as in the recipe.
    ///
    /// # Errors
    /// Weights that cannot be read, or of which nothing fits; weights of the data set's classes in
    /// another order; rows to freeze that don't exist; a model for images of other channels than a
    /// data set's; anchors to fit that there are too few boxes for.
    pub fn open(self) -> Result<Training<'a>> {
        check_channels(self.graph)?;
        let mut detector = Detector::new(self.graph, self.seed, &self.device.clone().autodiff());
        let loaded = self
            .weights
            .map(|file| weights::load(&mut detector, file))
            .transpose()?;
        if let (Some(file), Some(loaded)) = (self.weights, &loaded) {
            classes::check_order(file, loaded.classes.as_deref(), self.train.dataset())?;
            if let Some(biases) = lost_biases(loaded) {
                tracing::warn!("{}: {biases}", file.display());
            }
        }
        check_anchors(self.recipe, &detector)?;
        let counted = self.graph.fits_anchors || self.recipe.anchors.is_some();
        let anchors = match self.recipe.noautoanchor {
            true if counted => {
                bail!(
                    "noautoanchor: expected false, since the model's table or the recipe only counts the anchors"
                )
            }
            true => None,
            false => {
                let threshold = self.recipe.anchor_based.anchor_t;
                fit_anchors(&mut detector, &self.train, threshold, self.seed, counted)?
            }
        };
        let detector = detector
            .freeze(&self.recipe.freeze)
            .map_err(anyhow::Error::msg)
            .context("freeze")?;
        Ok(Training {
            spec: self,
            detector,
            loaded,
            anchors,
        })
    }
}

impl Training<'_> {
    /// What the network began with, for a record; None if all weights are random.
    pub fn first_weights(&self) -> Option<FirstWeights> {
        Some(taken(self.spec.weights?, self.loaded.as_ref()?))
    }

    /// Trains, or goes on from the folder's checkpoint. A checkpoint of another identity is
    /// rejected.
    ///
    /// # Errors
    /// Those of [`crate::train`], and data that don't fit the network.
    pub fn run(
        self,
        folder: &Path,
        identity: Identity,
        leg: Leg,
        progress: &mut dyn Progress,
    ) -> Result<Trained> {
        let TrainingSpec {
            graph,
            train: data,
            val,
            recipe,
            seed,
            device,
            ..
        } = self.spec;
        let amp = recipe.amp && in_mixed_precision(device);
        if recipe.amp && !amp {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                tracing::warn!(
                    "amp: no effect on this device, which trains in 32 bits; it acts on tch:cuda"
                );
            });
        }
        if let Some(caution) = Schedule::new(recipe, data.len().div_ceil(recipe.batch)).caution() {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| tracing::info!("{caution}"));
        }
        if val.is_none() {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                tracing::warn!(
                    "{}: no split val: no epoch is evaluated, and the last one's weights stand for the best",
                    data.dataset().name
                );
            });
        }
        let imgsz = data.imgsz();
        let classes = data.dataset().classes.clone();
        ablate_kernels::keep_freed_memory();
        let size = ImageSize {
            height: imgsz.height,
            width: imgsz.width,
        };
        let loss = loss_of(self.detector.detect(), recipe, size)?;
        let validator = val.map(|val| {
            let shape = InputShape::new(recipe.val_rect, graph.max_stride());
            let loader = EvalLoader::new(val, shape, recipe.batch, workers(device))?;
            anyhow::Ok(Validator { loader, device })
        });
        let mut validator = validator.transpose()?;
        let detect = graph.detect();
        let config = LoaderConfig {
            batch: recipe.batch,
            imgsz,
            seed,
            // Target masks of the prototypes' size, which is twice that of the finest level.
            mask_stride: detect.masks.map(|_| detect.strides[0] / 2),
            workers: workers(device),
        };
        crate::train(TrainJob {
            detector: self.detector,
            loss,
            data: &TrainingData::new(data, recipe, config)?,
            recipe,
            amp,
            seed,
            folder,
            identity,
            classes: &classes,
            stride: graph.max_stride(),
            evaluator: validator
                .as_mut()
                .map(|validator| validator as &mut dyn Evaluate<Detector>),
            leg,
            progress,
        })
    }
}

/// Rejects a number of anchors that the head does not have: it makes other convolutions.
fn check_anchors(recipe: &Recipe, detector: &Detector) -> Result<()> {
    let detect = detector.detect();
    match (recipe.anchors, &detect.coding) {
        (Some(count), BoxCoding::Anchors(_)) if count != detect.boxes_per_cell() => bail!(
            "anchors: expected {}, as many as the head of the model's table has on each level, found {count}; for another number, write `anchors: {count}` into a table of your own",
            detect.boxes_per_cell()
        ),
        _ => Ok(()),
    }
}

/// What a head is trained on.
pub fn loss_of(
    detect: &DetectConfig,
    recipe: &Recipe,
    imgsz: ImageSize,
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
            let hyp = scaled(recipe.anchor_based, detect.nc, anchors.len(), imgsz);
            Box::new(
                Yolov5Loss::new(detect.nc, &anchors, &detect.strides, hyp)?
                    .with_masks(coefficients),
            )
        }
        BoxCoding::Distances { reg_max } => {
            let gains = recipe.anchor_free;
            let mut loss = Yolov8Loss::new(detect.nc, *reg_max, &detect.strides, gains)?
                .with_masks(coefficients);
            if detect.masks.is_some_and(|masks| masks.all_levels) {
                loss = loss.with_semantics();
            }
            match detect.end2end {
                true => Box::new(EndToEndLoss::new(loss, recipe.epochs)),
                false => Box::new(loss),
            }
        }
        BoxCoding::Queries => bail!(
            "a head of queries (RTDETRDecoder) can't be trained: its loss is not supported; costs, latency and evaluation of given weights are"
        ),
    })
}

/// YOLOv5's gains hold for three levels, 80 classes and 640 pixels; its training scales them to
/// others.
fn scaled(hyp: Yolov5Hyp, nc: usize, levels: usize, imgsz: ImageSize) -> Yolov5Hyp {
    let levels = 3.0 / levels as f32;
    let side = |pixels: usize| pixels as f32 / 640.0;
    Yolov5Hyp {
        box_gain: hyp.box_gain * levels,
        cls: hyp.cls * levels * nc as f32 / 80.0,
        obj: hyp.obj * levels * (side(imgsz.height) * side(imgsz.width)),
        ..hyp
    }
}

/// Evaluates the moving average while training goes on.
struct Validator<'a> {
    loader: EvalLoader,
    device: &'a Device,
}

impl Evaluate<Detector> for Validator<'_> {
    fn evaluate(
        &mut self,
        detector: &Detector,
        _epoch: usize,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Option<Scores>> {
        let evaluator = Evaluator::new(detector.clone(), self.device.clone());
        let Some(whole) = evaluator.run_while(&self.loader, |_| !interrupted())? else {
            return Ok(None);
        };
        let measured = whole.measurement;
        let mask = |name| measured.masks.as_ref().and_then(|masks| masks.figure(name));
        Ok(Some(Scores {
            map50: measured.boxes.figure("AP50"),
            map50_95: measured.boxes.figure("AP"),
            mask_map50: mask("AP50"),
            mask_map50_95: mask("AP"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_scale_with_classes_levels_and_image_size() {
        let hyp = Yolov5Hyp::default();
        assert_eq!(scaled(hyp, 80, 3, 640.into()), hyp);
        let small = scaled(hyp, 20, 4, 320.into());
        assert_eq!(small.box_gain, hyp.box_gain * 0.75);
        assert_eq!(small.cls, hyp.cls * 0.75 * 0.25);
        assert_eq!(small.obj, hyp.obj * 0.75 * 0.25);
    }

    #[test]
    fn a_head_of_queries_is_not_trained() {
        let detect = DetectConfig {
            nc: 1,
            channels: vec![8],
            strides: vec![8],
            coding: BoxCoding::Queries,
            masks: None,
            separable: false,
            end2end: true,
        };
        let error = loss_of(&detect, &Recipe::default(), 64.into())
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .starts_with("a head of queries (RTDETRDecoder) can't be trained"),
            "{error}"
        );
    }
}
