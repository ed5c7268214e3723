//! The file's names and the detector's: what the one has in front of them more than the other.

use std::{collections::BTreeMap, fmt};

use super::{file::Network, slots::Slots};

/// What all names of a file have in front of them, or lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// In the file alone, with its dot: `module.`.
    pub removed: String,
    /// In the detector alone.
    pub added: String,
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.removed.as_str(), self.added.as_str()) {
            (removed, "") => write!(f, "without '{removed}'"),
            ("", added) => write!(f, "with '{added}' before them"),
            (removed, added) => write!(f, "with '{added}' in place of '{removed}'"),
        }
    }
}

/// With what all of a detector's names begin, and those of a bare list of its rows do not.
const ROWS: &str = "model.";

/// How a network's names fit the detector's.
pub(super) struct Match {
    /// None if they fit best as they are.
    pub prefix: Option<Prefix>,
    /// Tensors that fit by name and shape, and by name.
    pub fits: (usize, usize),
    /// Two prefixes that fit alike.
    pub rivals: Option<[String; 2]>,
}

impl Match {
    /// The prefix under which most tensors fit, by name and shape; none if they fit as well
    /// without. It has to be that of a whole network: at least half of the names that begin so fit.
    pub fn of(network: &Network, slots: &Slots) -> Self {
        let mut fits: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
        for (name, tensor) in network {
            let starts = std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1));
            for start in starts {
                let (removed, rest) = name.split_at(start);
                for added in ["", ROWS] {
                    // The same as to remove less.
                    if !added.is_empty() && removed.ends_with(added) {
                        continue;
                    }
                    if let Some(shape) = slots.shape(&format!("{added}{rest}")) {
                        let (by_shape, by_name) = fits.entry((removed, added)).or_default();
                        *by_shape += usize::from(shape == &tensor.shape[..]);
                        *by_name += 1;
                    }
                }
            }
        }
        let as_it_is = fits.remove(&("", "")).unwrap_or_default();
        fits.retain(|(removed, _), (_, by_name)| {
            let under = network.keys().filter(|name| name.starts_with(*removed));
            2 * *by_name >= under.filter(|name| !slots.is_counter(name)).count()
        });
        let most = fits.values().max().copied().unwrap_or_default();
        if most <= as_it_is {
            return Self {
                prefix: None,
                fits: as_it_is,
                rivals: None,
            };
        }
        let mut best = fits.iter().filter(|(_, fits)| **fits == most);
        let ((removed, added), rival) = match (best.next(), best.next()) {
            (Some((prefix, _)), rival) => (prefix, rival),
            (None, _) => unreachable!("the largest is one of them"),
        };
        Self {
            prefix: Some(Prefix {
                removed: (*removed).into(),
                added: (*added).into(),
            }),
            fits: most,
            rivals: rival.map(|((other, _), _)| [(*removed).into(), (*other).into()]),
        }
    }

    /// The network under the detector's names; what has not the prefix keeps its own.
    pub fn renamed(&self, network: Network) -> Network {
        let Some(Prefix { removed, added }) = &self.prefix else {
            return network;
        };
        let renamed = network.into_iter().map(|(name, mut tensor)| {
            if let Some(rest) = name.strip_prefix(removed.as_str()) {
                tensor.name = format!("{added}{rest}");
            }
            (tensor.name.clone(), tensor)
        });
        renamed.collect()
    }
}
