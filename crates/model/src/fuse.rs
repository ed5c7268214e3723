//! Batch normalisation folded into the convolution before it, once, for a network that is not
//! trained any more: at inference it is `scale · y + shift` by channel, which other weights and a
//! bias do as well.

use burn::{module::Param, nn::conv::Conv2d, tensor::Tensor};

/// A module that may hold convolutions under batch normalisation.
pub(crate) trait Fuse {
    /// Folds each of them; off a training device.
    fn fuse(&mut self);
}

/// Calls `fuse` of a module's fields: `fuse!(Bottleneck: cv1, cv2)`.
macro_rules! fuse {
    ($module:ty: $($field:ident),*) => {
        impl $crate::fuse::Fuse for $module {
            fn fuse(&mut self) {
                $($crate::fuse::Fuse::fuse(&mut self.$field);)*
            }
        }
    };
}
pub(crate) use fuse;

/// What can take over a batch normalisation: `scale · y + shift` by channel, `[channels]` each.
pub(crate) trait Fold {
    fn fold(&mut self, scale: Tensor<1>, shift: Tensor<1>);
}

impl Fold for Conv2d {
    /// A convolution under batch normalisation has no bias of its own, so one that has a bias is
    /// folded already.
    fn fold(&mut self, scale: Tensor<1>, shift: Tensor<1>) {
        if self.bias.is_none() {
            self.weight = Param::from_tensor(self.weight.val() * scale.reshape([-1, 1, 1, 1]));
            self.bias = Some(Param::from_tensor(shift));
        }
    }
}

/// Adds a folded convolution to another that reads and writes the same maps with a larger kernel:
/// the smaller kernel, in the middle of the larger one.
pub(crate) fn absorb(conv: &mut Conv2d, smaller: &Conv2d) {
    let (kernel, small) = (conv.weight.val(), smaller.weight.val());
    let [_, _, height, width] = kernel.dims();
    let [_, _, small_height, small_width] = small.dims();
    let (y, x) = ((height - small_height) / 2, (width - small_width) / 2);
    conv.weight = Param::from_tensor(kernel + small.pad((x, x, y, y), 0.0));
    let shifts = [&conv.bias, &smaller.bias].into_iter().flatten();
    let shift = shifts.map(|shift| shift.val()).reduce(|a, b| a + b);
    conv.bias = shift.map(Param::from_tensor);
}

impl<M: Fuse> Fuse for Vec<M> {
    fn fuse(&mut self) {
        self.iter_mut().for_each(Fuse::fuse);
    }
}

impl<M: Fuse> Fuse for Option<M> {
    fn fuse(&mut self) {
        self.iter_mut().for_each(Fuse::fuse);
    }
}
