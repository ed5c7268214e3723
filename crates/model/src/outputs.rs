//! What a detector emits.

use ablate_kernels::channels_last;
use burn::tensor::{DType, Tensor};

use crate::coding::DetectConfig;

/// What a detector emits for a batch, not yet decoded.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// Logits for each level, finest first, `[batch, anchors, height, width, outputs]`; those that
    /// are decoded. Of a head with one-to-one branches, theirs.
    pub levels: Vec<Tensor<5>>,
    /// Mask prototypes of a head that makes masks, `[batch, coefficients, height, width]`.
    pub protos: Option<Tensor<4>>,
    /// On a training device, the logits of the one-to-many branches of a head that has both, in
    /// the form of `levels`.
    pub one_to_many: Option<Vec<Tensor<5>>>,
    /// On a training device, the logits of a map of classes, `[batch, classes, height, width]` of
    /// the finest level, if the head learns one beside its masks.
    pub semantic: Option<Tensor<4>>,
}

impl Outputs {
    /// From a head's maps in their order: levels, prototypes; in training, levels of the
    /// one-to-many branches, map of classes.
    pub(crate) fn of(maps: Vec<Tensor<4>>, detect: &DetectConfig) -> Self {
        let outputs = detect.outputs();
        let by_box = |map: Tensor<4>| {
            let [batch, channels, height, width] = map.dims();
            let anchors = channels / outputs;
            channels_last(map.reshape([batch, anchors, outputs, height, width]))
        };
        let count = detect.maps();
        let mut maps = maps.into_iter();
        let levels = maps.by_ref().take(count).map(by_box).collect();
        let protos = detect.masks.and_then(|_| maps.next());
        let one_to_many: Vec<Tensor<5>> = match detect.end2end {
            true => maps.by_ref().take(count).map(by_box).collect(),
            false => Vec::new(),
        };
        Self {
            levels,
            protos,
            one_to_many: (!one_to_many.is_empty()).then_some(one_to_many),
            semantic: maps.next(),
        }
    }
}

impl Outputs {
    /// The same in another float format.
    pub fn cast(self, dtype: DType) -> Self {
        let all = |maps: Vec<Tensor<5>>| maps.into_iter().map(|map| map.cast(dtype)).collect();
        Self {
            levels: all(self.levels),
            protos: self.protos.map(|protos| protos.cast(dtype)),
            one_to_many: self.one_to_many.map(all),
            semantic: self.semantic.map(|semantic| semantic.cast(dtype)),
        }
    }
}

impl From<Vec<Tensor<5>>> for Outputs {
    /// Of levels alone.
    fn from(levels: Vec<Tensor<5>>) -> Self {
        Self {
            levels,
            protos: None,
            one_to_many: None,
            semantic: None,
        }
    }
}
