//! Images that a data set holds twice, within a split or in several.

use std::collections::HashMap;

use rayon::prelude::*;
use serde::Serialize;

use super::visible::visible;
use super::{Dataset, Split};

/// Images whose files have the same bytes, under whatever name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// At least two, in the order of the splits and of their images.
    pub images: Vec<ImageCopy>,
}

/// One of several images that are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageCopy {
    /// The split that it is in.
    pub split: Split,
    /// Its name inside the data set, with control characters written out.
    pub name: String,
}

impl Duplicates {
    /// Whether an image of the training split is also one to validate or test on: figures are then
    /// of images that were learnt.
    pub fn leaks(&self) -> bool {
        let is_in_train = |copy: &ImageCopy| copy.split == Split::Train;
        self.images.iter().any(is_in_train) && !self.images.iter().all(is_in_train)
    }
}

/// Every group of equal images of the splits, by the BLAKE3 digest of the files' bytes, in the order
/// of the first of each. Reads every file once.
pub fn duplicates(splits: &[&Dataset]) -> Vec<Duplicates> {
    let all: Vec<_> = splits
        .iter()
        .flat_map(|dataset| dataset.samples.iter().map(|sample| (dataset.split, sample)))
        .collect();
    let digests: Vec<[u8; 32]> = all
        .par_iter()
        .map(|(_, sample)| sample.source.digest())
        .collect();
    let mut groups: HashMap<[u8; 32], Vec<usize>> = HashMap::new();
    for (place, digest) in digests.into_iter().enumerate() {
        groups.entry(digest).or_default().push(place);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().filter(|g| g.len() > 1).collect();
    groups.sort();
    let copies = |places: Vec<usize>| Duplicates {
        images: places
            .into_iter()
            .map(|place| ImageCopy {
                split: all[place].0,
                name: visible(all[place].1.name.clone()),
            })
            .collect(),
    };
    groups.into_iter().map(copies).collect()
}
