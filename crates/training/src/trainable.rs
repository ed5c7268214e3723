//! What a trainer asks of a network.

use burn::Tensor;
use burn::module::Module;

use crate::loss::Outputs;

/// A network that a detection loss trains.
pub trait TrainableDetector: Module {
    /// Images `[batch, 3, height, width]`, RGB in 0..=1, to what the loss takes.
    fn forward(&self, images: Tensor<4>) -> Outputs;

    /// What else belongs into a file of its weights: tensors by name, with shape and values.
    fn buffers(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        Vec::new()
    }
}

impl TrainableDetector for ablate_model::Detector {
    fn forward(&self, images: Tensor<4>) -> Outputs {
        self.outputs(images)
    }

    fn buffers(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        self.anchors_in_strides().into_iter().collect()
    }
}
