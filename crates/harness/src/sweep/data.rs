//! A sweep's data set: opened, fingerprinted and decoded once for all cells.

use std::{
    cell::{Cell, OnceCell},
    path::Path,
    sync::Arc,
};

use ablate_detection::dataset::{
    CachedDataset, DataError, DataSpec, Dataset, Interpolation, Split,
};
use ablate_model::coding::DetectConfig;
use ablate_records::{DataAccount, ImageSize};
use ablate_training::account;
use anyhow::Result;

/// A data set, each part of which is read when it is first asked for.
pub struct SweepData {
    spec: DataSpec,
    imgsz: ImageSize,
    splits: [OnceCell<Dataset>; 3],
    fingerprints: [OnceCell<String>; 3],
    cached: [[OnceCell<Arc<CachedDataset>>; 2]; 3],
    /// Of which splits the account has been told.
    told: [Cell<bool>; 3],
}

impl SweepData {
    /// Reads the description of a data set, whose images are wanted at a size.
    pub fn load(path: &Path, imgsz: ImageSize) -> Result<Self> {
        Ok(Self {
            spec: DataSpec::load(path)?,
            imgsz,
            splits: Default::default(),
            fingerprints: Default::default(),
            cached: Default::default(),
            told: Default::default(),
        })
    }

    /// Name of the data set.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The description.
    pub fn spec(&self) -> &DataSpec {
        &self.spec
    }

    /// Whether the account of a split, by its name, has been told.
    pub fn has_told(&self, split: &str) -> bool {
        let splits = [Split::Train, Split::Val, Split::Test].into_iter();
        let mut told = splits.filter(|split| self.told[*split as usize].get());
        told.any(|told| told.as_str() == split)
    }

    /// A split with its annotations.
    pub fn split(&self, split: Split) -> Result<&Dataset> {
        once(&self.splits[split as usize], || {
            Ok(Dataset::open(&self.spec, split)?)
        })
    }

    /// Whether some object of the training split has no mask; false where it can't be opened, of which
    /// others tell.
    pub fn lacks_masks(&self) -> bool {
        let train = self.split(Split::Train);
        train.is_ok_and(|train| train.check_masks().is_err())
    }

    /// Whether the data set has the split at all.
    pub fn has(&self, split: Split) -> Result<bool> {
        match self.split(split) {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error, split) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// BLAKE3 of a split: see [`Dataset::fingerprint`].
    pub fn fingerprint(&self, split: Split) -> Result<&String> {
        let dataset = self.split(split)?;
        once(&self.fingerprints[split as usize], || {
            Ok(dataset.fingerprint())
        })
    }

    /// The images of a split, decoded. Tells the account of the split when it is first asked for.
    pub fn cached(&self, split: Split, interpolation: Interpolation) -> Result<Arc<CachedDataset>> {
        let open = || {
            let dataset = self.split(split)?.clone();
            let images = CachedDataset::open(dataset, self.imgsz.wh(), interpolation)?;
            if !self.told[split as usize].replace(true) {
                tell(images.dataset());
            }
            Ok(Arc::new(images))
        };
        once(&self.cached[split as usize][interpolation as usize], open).cloned()
    }
}

/// The images of a split, decoded to fit in a size in pixels; tells the account of the split.
///
/// # Errors
/// See [`CachedDataset::open`].
pub fn decoded(
    dataset: Dataset,
    imgsz: ImageSize,
    interpolation: Interpolation,
) -> Result<Arc<CachedDataset>> {
    let images = CachedDataset::open(dataset, imgsz.wh(), interpolation)?;
    tell(images.dataset());
    Ok(Arc::new(images))
}

/// Problems that are shown of a split.
const SHOWN: usize = 5;

/// Says on the screen what a split holds: a line, and where something was left out of it a warning
/// with the first problems.
fn tell(dataset: &Dataset) {
    let account = account(dataset);
    match dataset.problems.is_empty() {
        true => tracing::info!("{account}"),
        false => tracing::warn!("{account}{}", dataset.problems.lines(SHOWN)),
    }
}

/// Says on the screen what a record holds of a split, as for one that is opened.
pub fn tell_account(account: &DataAccount) {
    let reasons = account.reasons.iter();
    let examples = reasons.flat_map(|reason| &reason.examples).take(SHOWN);
    let lines: String = examples.map(|example| format!("\n  {example}")).collect();
    match account.left_out.is_empty() {
        true => tracing::info!("{account}"),
        false => tracing::warn!("{account}{lines}"),
    }
}

/// Says on the screen that the data set's file names another task than the networks'.
pub fn tell_task(spec: &DataSpec, heads: &[&DetectConfig]) {
    let Some((task, place)) = spec.task() else {
        return;
    };
    let masks = heads.iter().all(|head| head.masks.is_some());
    let used = match task {
        "detect" => return,
        "segment" if masks => return,
        "segment" => "the model decides; boxes are used, and masks with `+segment`",
        _ if masks => "the model decides; boxes and masks are used",
        _ => "the model decides; boxes are used",
    };
    tracing::warn!("{place}: key `task`: '{task}' has no effect here: {used}");
}

/// Whether a split can't be opened because the data set has none of that name.
pub fn is_missing(error: &anyhow::Error, split: Split) -> bool {
    error
        .downcast_ref::<DataError>()
        .is_some_and(|error| error.is_missing_split(split))
}

/// The value of a cell, made if it is empty.
fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
