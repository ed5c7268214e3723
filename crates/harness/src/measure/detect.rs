//! What a user waits for: from an image in memory to its boxes on the host, by trained weights.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use ablate_detection::{
    dataset::{Dataset, Interpolation},
    loader::{EvalBatch, InputShape},
};
use ablate_model::inference::Execution;
use ablate_records::{By, DetectMeasurement, DetectParts, ImageSize, LatencyMeasurement};
use ablate_statistics::{mean, quantile};
use ablate_training::{Evaluator, Part};
use anyhow::{Context, Result, ensure};
use image::RgbImage;

use super::{forward::Way, timing::Iteration};

/// A decoded image, in its own size.
pub struct Photo {
    image: RgbImage,
    /// Of its sample in the data set.
    index: usize,
}

/// `count` images of a data set, taken evenly; all, if there are fewer.
///
/// # Errors
/// An image that cannot be decoded.
pub fn photos(data: &Dataset, count: usize) -> Result<Vec<Photo>> {
    let (all, count) = (data.samples.len(), count.min(data.samples.len()));
    ensure!(count > 0, "data set {} has no image", data.name);
    let photo = |number: usize| {
        let index = number * all / count;
        let sample = &data.samples[index];
        let image = sample.source.decode().map_err(anyhow::Error::msg);
        let image = image.with_context(|| sample.name.clone())?;
        Ok(Photo { image, index })
    };
    (0..count).map(photo).collect()
}

/// A detector with the images that it is timed on.
pub struct Detections<'a> {
    evaluator: Evaluator,
    data: &'a Dataset,
    photos: &'a [Photo],
    imgsz: ImageSize,
    shape: InputShape,
    interpolation: Interpolation,
    way: Option<Way>,
    /// The photo of the round.
    photo: RefCell<usize>,
    /// Of every detection so far, in milliseconds and in order.
    parts: RefCell<Vec<[f64; 5]>>,
    /// The number of boxes on each photo.
    boxes: RefCell<Vec<usize>>,
}

impl<'a> Detections<'a> {
    /// Images are made what the network takes in the way in which it was evaluated.
    pub fn new(
        evaluator: Evaluator,
        data: &'a Dataset,
        photos: &'a [Photo],
        imgsz: ImageSize,
        shape: InputShape,
        interpolation: Interpolation,
    ) -> Self {
        Self {
            evaluator,
            data,
            photos,
            imgsz,
            shape,
            interpolation,
            way: None,
            photo: RefCell::default(),
            parts: RefCell::default(),
            boxes: RefCell::default(),
        }
    }

    /// How its network would run alone.
    pub fn execution(&self) -> Execution {
        self.evaluator.execution(self.imgsz)
    }

    /// From here on it runs as those that are timed with it.
    pub fn run_by(&mut self, way: &Way) {
        if way.by == By::Operations {
            self.evaluator.without_plans();
        }
        self.way = Some(way.clone());
    }

    /// Detection on the image of the round, after one on each.
    ///
    /// # Errors
    /// Those of a detection.
    pub fn iteration(&self) -> Result<Iteration<'_>> {
        for photo in 0..self.photos.len() {
            let (boxes, _) = self.detect(photo)?;
            self.boxes.borrow_mut().push(boxes);
        }
        Ok(Iteration {
            way: self.way.clone(),
            begin_round: Box::new(|round| {
                *self.photo.borrow_mut() = round % self.photos.len();
                self.evaluator.relocate_plans();
            }),
            ..Iteration::new(|| {
                let (_, parts) = self.detect(*self.photo.borrow())?;
                let parts = parts.map(|part| part.as_secs_f64() * 1e3);
                self.parts.borrow_mut().push(parts);
                Ok(Duration::from_secs_f64(parts.iter().sum::<f64>() / 1e3))
            })
        })
    }

    /// The number of boxes, and the time of each part.
    fn detect(&self, photo: usize) -> Result<(usize, [Duration; 5])> {
        let Photo { image, index } = &self.photos[photo];
        let masks = self.evaluator.head().masks.is_some();
        let mut parts = [Duration::ZERO; 5];
        let mut last = Instant::now();
        let mut failed = Ok(());
        let mut lap = |part: &mut Duration| {
            let now = Instant::now();
            *part = now - last;
            last = now;
        };
        let batch = EvalBatch::of_image(
            image,
            *index,
            self.imgsz.wh().into(),
            self.shape,
            self.interpolation,
        );
        lap(&mut parts[0]);
        let boxes = self
            .evaluator
            .detect(batch, self.data, masks, &mut |part| {
                // The device may still be at what it was asked for.
                if matches!(part, Part::Upload | Part::Forward)
                    && let Err(error) = self.evaluator.device().sync()
                {
                    failed = Err(error);
                }
                lap(&mut parts[1 + part as usize]);
            })?;
        failed.context("the device failed")?;
        Ok((boxes.len(), parts))
    }

    /// Sums up what was measured; `whole` is of the same detections.
    pub fn measurement(self, whole: LatencyMeasurement) -> DetectMeasurement {
        let parts = self.parts.into_inner();
        // Those before were untimed.
        let timed = &parts[parts.len() - whole.iterations..];
        let median = |part: usize| {
            let mut times: Vec<f64> = timed.iter().map(|parts| parts[part]).collect();
            times.sort_by(f64::total_cmp);
            quantile(&times, 0.5).unwrap_or(f64::NAN)
        };
        let boxes: Vec<f64> = self.boxes.into_inner().iter().map(|&n| n as f64).collect();
        DetectMeasurement {
            parts: DetectParts {
                letterbox_ms: median(0),
                upload_ms: median(1),
                forward_ms: median(2),
                download_ms: median(3),
                suppression_ms: median(4),
            },
            split: self.data.split.to_string(),
            images: self.photos.len(),
            boxes_per_image: mean(&boxes).unwrap_or(0.0),
            confidence: f64::from(self.evaluator.nms.confidence),
            whole,
        }
    }
}
