//! Letterboxed batches in the data set's order.

use std::sync::Arc;

use rayon::ThreadPool;

use super::Batch;
use super::prefetch::{Batches, pool};
use crate::augment::{Letterbox, letterboxed};
use crate::dataset::{CachedDataset, DataError};

/// A batch and the way back to its originals.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalBatch {
    pub batch: Batch,
    /// One for each image.
    pub frames: Vec<Frame>,
}

/// Which sample an image is, and how it lies in the network's input: `frame.letterbox.to_original(&bbox)` maps back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Index into the samples of the data set.
    pub index: usize,
    pub letterbox: Letterbox,
}

/// Batches of a split to evaluate.
pub struct EvalLoader {
    data: Arc<CachedDataset>,
    batch: usize,
    pool: Option<Arc<ThreadPool>>,
}

impl EvalLoader {
    /// `workers` threads make batches ahead; with 0 each is made when it is asked for.
    ///
    /// # Errors
    /// A batch size of 0, or threads that can't be had.
    pub fn new(data: Arc<CachedDataset>, batch: usize, workers: usize) -> Result<Self, DataError> {
        if batch == 0 {
            return Err(DataError::setting("batch", "must be above 0"));
        }
        let pool = pool(workers)?;
        Ok(Self { data, batch, pool })
    }

    pub fn data(&self) -> &Arc<CachedDataset> {
        &self.data
    }

    /// Number of batches.
    pub fn batches(&self) -> usize {
        self.data.len().div_ceil(self.batch)
    }

    /// All samples once, in order.
    pub fn iter(&self) -> Batches<EvalBatch> {
        let (data, batch, imgsz) = (Arc::clone(&self.data), self.batch, self.data.imgsz());
        Batches::start(self.batches(), self.pool.clone(), move |number| {
            let indices: Vec<usize> = (number * batch..data.len().min((number + 1) * batch)).collect();
            let frame = |index: usize| {
                let sample = &data.dataset().samples[index];
                Frame { index, letterbox: Letterbox::new((sample.width, sample.height), imgsz) }
            };
            let batch = Batch::assemble(&indices, imgsz, None, |index| letterboxed(&data.image(index), data.labels(index), imgsz));
            EvalBatch { batch, frames: indices.into_iter().map(frame).collect() }
        })
    }
}
