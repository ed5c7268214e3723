//! Shuffled, augmented batches.

use std::sync::Arc;

use rayon::ThreadPool;
use serde::{Deserialize, Serialize};

use super::Batch;
use super::prefetch::{Batches, pool};
use crate::augment::{AugmentConfig, augment};
use crate::dataset::random::{Draw, stream};
use crate::dataset::{CachedDataset, DataError, InputSize};

/// How batches are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderConfig {
    /// Images in a batch; the last of an epoch may have fewer.
    pub batch: usize,
    /// The network's input, which the cached images fit in.
    pub imgsz: InputSize,
    /// Seed of the order and of augmentation.
    pub seed: u64,
    /// Pixels of the image for each of the targets' masks; None if no masks are wanted.
    pub mask_stride: Option<usize>,
    /// Threads that make batches ahead; 0: none, each batch is made when it is asked for. It
    /// changes nothing in the batches.
    pub workers: usize,
}

/// Batches of a training split.
///
/// The order of an epoch follows from (seed, epoch), and what happens to a sample from (seed,
/// epoch, sample): neither depends on workers, batch size or what ran before, so a run can be
/// resumed at any epoch.
pub struct TrainLoader {
    data: Arc<CachedDataset>,
    augment: AugmentConfig,
    config: LoaderConfig,
    pool: Option<Arc<ThreadPool>>,
}

impl TrainLoader {
    /// `copy_paste` has no effect, which is logged, where no object has a mask.
    ///
    /// # Errors
    /// A setting out of its range, or an `imgsz` that the images were not cached for.
    pub fn new(
        data: Arc<CachedDataset>,
        mut augment: AugmentConfig,
        config: LoaderConfig,
    ) -> Result<Self, DataError> {
        augment.validate()?;
        if config.batch == 0 {
            return Err(DataError::setting("batch", "expected at least 1, found 0"));
        }
        if config.imgsz != data.imgsz() {
            let size = |size: InputSize| format!("{}×{}", size.width, size.height);
            let message = format!(
                "expected {}, the size that the images are cached for, found {}",
                size(data.imgsz()),
                size(config.imgsz)
            );
            return Err(DataError::setting("imgsz", message));
        }
        if config.mask_stride == Some(0) {
            return Err(DataError::setting(
                "mask_stride",
                "expected at least 1, found 0",
            ));
        }
        if config.mask_stride.is_some() {
            data.dataset().check_masks()?;
        }
        if augment.copy_paste > 0.0
            && !(0..data.len()).any(|index| {
                data.labels(index)
                    .iter()
                    .any(|label| !label.outline.is_empty())
            })
        {
            // As in both packages, whose recipes hold it for data of boxes alone, too.
            tracing::warn!(
                "copy_paste: {} has no effect, since no object of {} has a mask to paste",
                augment.copy_paste,
                data.dataset().name
            );
            augment.copy_paste = 0.0;
        }
        let pool = pool(config.workers)?;
        Ok(Self {
            data,
            augment,
            config,
            pool,
        })
    }

    /// Number of batches in an epoch.
    pub fn batches(&self) -> usize {
        self.data.len().div_ceil(self.config.batch)
    }

    /// Number of images in an epoch.
    pub fn images(&self) -> usize {
        self.data.len()
    }

    /// The data set.
    pub fn data(&self) -> &Arc<CachedDataset> {
        &self.data
    }

    /// All samples once, in the order of this epoch.
    pub fn epoch(&self, epoch: usize) -> Batches<Batch> {
        self.epoch_from(epoch, 0)
    }

    /// What is left of an epoch from a batch on, which counts from 0.
    pub fn epoch_from(&self, epoch: usize, first: usize) -> Batches<Batch> {
        let LoaderConfig {
            batch,
            imgsz,
            seed,
            mask_stride,
            ..
        } = self.config;
        let epoch = epoch as u64;
        let mut order: Vec<usize> = (0..self.data.len()).collect();
        stream(seed, 0x6f72_6465, epoch, 0).shuffle(&mut order);
        let (data, config) = (Arc::clone(&self.data), self.augment.clone());
        Batches::start(first..self.batches(), self.pool.clone(), move |number| {
            let indices = &order[number * batch..order.len().min((number + 1) * batch)];
            Batch::assemble(indices, imgsz.into(), mask_stride, |index| {
                let mut rng = stream(seed, 0x6175_676d, epoch, index as u64);
                augment(&*data, index, imgsz, &config, &mut rng)
            })
        })
    }
}
