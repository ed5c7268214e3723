//! Where the batches come from.

use std::sync::Arc;

use ablate_detection::augment::AugmentConfig;
use ablate_detection::dataset::{CachedDataset, DataError};
use ablate_detection::loader::{Batch, LoaderConfig, TrainLoader};

use ablate_model::Graph;
use anyhow::{Result, ensure};

use crate::Recipe;

/// Batches by epoch. An epoch's batches must be the same whenever they are asked for, so that a
/// training can be resumed.
pub trait BatchSource {
    /// Batches in an epoch; at least 1.
    fn batches(&self) -> usize;
    /// Images in an epoch.
    fn images(&self) -> usize;
    /// The batches of an epoch from one of them on; both count from 0.
    fn epoch_from(&self, epoch: usize, first: usize) -> Box<dyn Iterator<Item = Batch> + '_>;
    /// Called before the first batch of a training.
    fn begin(&self) {}
    /// Fails if a batch is not what it should be, asked before each is used.
    ///
    /// # Errors
    /// An image that can't be read any more.
    fn check(&self) -> Result<(), DataError> {
        Ok(())
    }
}

impl BatchSource for TrainLoader {
    fn batches(&self) -> usize {
        TrainLoader::batches(self)
    }

    fn images(&self) -> usize {
        TrainLoader::images(self)
    }

    fn epoch_from(&self, epoch: usize, first: usize) -> Box<dyn Iterator<Item = Batch> + '_> {
        Box::new(TrainLoader::epoch_from(self, epoch, first))
    }

    fn begin(&self) {
        self.data().begin();
    }

    fn check(&self) -> Result<(), DataError> {
        self.data().check()
    }
}

/// A training split as a recipe augments it: with mosaics, and without in the last epochs where the
/// recipe wants that.
pub struct TrainingData {
    loader: TrainLoader,
    /// From this epoch on, this loader.
    closing: Option<(usize, TrainLoader)>,
}

impl TrainingData {
    /// # Errors
    /// Settings of the recipe out of their range; images that were cached for another size than
    /// `imgsz`; objects without a mask, where masks are wanted.
    pub fn new(
        data: Arc<CachedDataset>,
        recipe: &Recipe,
        config: LoaderConfig,
    ) -> Result<Self, DataError> {
        let closing = match recipe.close_mosaic {
            0 => None,
            epochs => {
                let augment = AugmentConfig {
                    mosaic: 0.0,
                    mixup: 0.0,
                    copy_paste: 0.0,
                    ..recipe.augment.clone()
                };
                Some((
                    recipe.epochs.saturating_sub(epochs),
                    TrainLoader::new(Arc::clone(&data), augment, config)?,
                ))
            }
        };
        let loader = TrainLoader::new(data, recipe.augment.clone(), config)?;
        Ok(Self { loader, closing })
    }
}

impl BatchSource for TrainingData {
    fn batches(&self) -> usize {
        self.loader.batches()
    }

    fn images(&self) -> usize {
        self.loader.images()
    }

    fn epoch_from(&self, epoch: usize, first: usize) -> Box<dyn Iterator<Item = Batch> + '_> {
        match &self.closing {
            Some((from, loader)) if epoch >= *from => Box::new(loader.epoch_from(epoch, first)),
            _ => Box::new(self.loader.epoch_from(epoch, first)),
        }
    }

    fn begin(&self) {
        BatchSource::begin(&self.loader);
    }

    fn check(&self) -> Result<(), DataError> {
        BatchSource::check(&self.loader)
    }
}

/// Channels of a data set's images.
const IMAGE_CHANNELS: usize = 3;

/// Rejects a model for images of other channels than a data set's.
pub(crate) fn check_channels(graph: &Graph) -> Result<()> {
    ensure!(
        graph.channels == IMAGE_CHANNELS,
        "{}: expected a model for images of {IMAGE_CHANNELS} channels, found {} (key `ch` or `channels`); data sets of other images are not \
         supported",
        graph.source(),
        graph.channels
    );
    Ok(())
}
