//! Networks in other number formats: half precision at inference, and back to 32 bits.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Tensor},
};

use crate::detector::Detector;

impl Detector {
    /// The same weights rounded to another float format, for inference alone: cast the images, too;
    /// [`decode`](Self::decode) gives 32 bits again. Fuse first: folding in half precision rounds
    /// twice.
    pub fn cast(self, dtype: DType) -> Self {
        self.map(&mut Cast(dtype))
    }
}

/// Brings every float parameter to a format.
struct Cast(DType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.val().dtype() == self.0 {
            return param;
        }
        let (id, tensor, mapper) = param.consume();
        let learns = tensor.is_require_grad();
        let tensor = tensor.detach().cast(self.0);
        Param::from_mapped_value(
            id,
            if learns {
                tensor.require_grad()
            } else {
                tensor
            },
            mapper,
        )
    }
}
