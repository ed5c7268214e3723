//! A sweep's data set: opened, fingerprinted and decoded once for all cells.

use std::{cell::OnceCell, path::Path, sync::Arc};

use ablate_detection::dataset::{
    CachedDataset, DataError, DataSpec, Dataset, Interpolation, Split,
};
use ablate_records::ImageSize;
use anyhow::Result;

/// A data set, each part of which is read when it is first asked for.
pub struct SweepData {
    spec: DataSpec,
    imgsz: ImageSize,
    splits: [OnceCell<Dataset>; 3],
    fingerprints: [OnceCell<String>; 3],
    cached: [[OnceCell<Arc<CachedDataset>>; 2]; 3],
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
        })
    }

    /// Name of the data set.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// A split with its annotations.
    pub fn split(&self, split: Split) -> Result<&Dataset> {
        once(&self.splits[split as usize], || open(&self.spec, split))
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

    /// The images of a split, decoded.
    pub fn cached(&self, split: Split, interpolation: Interpolation) -> Result<Arc<CachedDataset>> {
        let open = || {
            Ok(Arc::new(CachedDataset::open(
                self.split(split)?.clone(),
                self.imgsz.wh(),
                interpolation,
            )?))
        };
        once(&self.cached[split as usize][interpolation as usize], open).cloned()
    }
}

/// Opens a split and logs what was left out of it.
pub fn open(spec: &DataSpec, split: Split) -> Result<Dataset> {
    let dataset = Dataset::open(spec, split)?;
    if !dataset.problems.is_empty() {
        tracing::warn!(
            "data set {}, {split}: {}",
            dataset.name,
            dataset.problems.summary(5)
        );
    }
    Ok(dataset)
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
