//! A tensor's elements.

use burn::tensor::Tensor;

use crate::cpu;

/// What `f` makes of a tensor's elements, in their order; None if they are not 32-bit floats.
///
/// On the CPU's devices `f` is given the tensor's own memory; elsewhere this waits for the device and copies.
pub fn with_elements<R, const D: usize>(
    tensor: &Tensor<D>,
    f: impl FnOnce(&[f32]) -> R,
) -> Option<R> {
    if let Some(own) = cpu::own(tensor) {
        return Some(f(cpu::elements(&own)));
    }
    let data = tensor.clone().into_data();
    data.as_slice().ok().map(f)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device};

    use super::*;

    #[test]
    fn elements_are_in_order() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let x = Tensor::<2>::from_floats([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], &device);
            let of = |x: &Tensor<2>| with_elements(x, <[f32]>::to_vec);
            assert_eq!(of(&x), Some(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
            assert_eq!(
                of(&x.clone().transpose()),
                Some(vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0])
            );
            assert_eq!(of(&x.clone().narrow(1, 1, 1)), Some(vec![2.0, 5.0]));
            assert_eq!(of(&x.cast(DType::F16)), None);
        }
    }
}
