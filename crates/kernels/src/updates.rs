//! Steps of many parameters that are taken together. On a GPU each operation is a launch, and a launch takes as long as the work of
//! a whole parameter: LibTorch's operations on lists of tensors take some hundred at a time.

use burn::tensor::{Device, Tensor};

use crate::{Adam, Average, Sgd, libtorch};

/// A bound on the norm of all gradients together, as PyTorch's `clip_grad_norm_` has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// The largest norm that is left as it is.
    pub most: f64,
    /// How many times too large the gradients are, and with them the norm: 1, or that of a loss that was scaled.
    pub scale: f64,
}

/// Steps of [`crate::sgd`], [`crate::adam`], [`crate::moving_average`] or a [`Clip`], by their factors, which are taken
/// together: on a CPU the same values, bit for bit, as one by one.
pub struct Steps<By>(libtorch::Steps<By>);

/// Parameters after their steps.
pub struct Stepped(libtorch::Stepped);

impl<By> Default for Steps<By> {
    fn default() -> Self {
        Self(libtorch::Steps::default())
    }
}

impl<By: Copy + PartialEq> Steps<By> {
    /// Whether a device takes steps together: LibTorch's do.
    pub fn suit(device: &Device) -> bool {
        libtorch::Steps::<By>::suit(device)
    }

    /// Adds the step of a parameter: its value, its gradient (of an average, the new value), and what is kept from
    /// step to step, if there is any yet. All are of 32 bits, of one shape, and off the training device.
    ///
    /// # Panics
    /// If they are of a device that does not [suit](Self::suit).
    pub fn add<const D: usize>(&mut self, by: By, tensors: &[&Tensor<D>]) {
        self.0.add(by, tensors);
    }
}

impl Steps<Sgd> {
    /// Takes them; each gives a value and a buffer.
    pub fn take(self) -> Stepped {
        Stepped(self.0.take())
    }
}

impl Steps<Adam> {
    /// Takes them; each gives a value and two averages.
    pub fn take(self) -> Stepped {
        Stepped(self.0.take())
    }
}

impl Steps<Average> {
    /// Takes them; each gives an average.
    pub fn take(self) -> Stepped {
        Stepped(self.0.take())
    }
}

impl Steps<Clip> {
    /// Takes them; each gives a gradient. The norm before, `[1]`, stays on the device; None if nothing was added.
    pub fn take(self) -> Option<(Stepped, Tensor<1>)> {
        let (stepped, norm) = self.0.take()?;
        Some((Stepped(stepped), norm))
    }
}

impl Stepped {
    /// What the step of the next parameter gives, in the order in which they were added.
    ///
    /// # Panics
    /// If there is none left.
    pub fn give<const D: usize, const N: usize>(&mut self) -> [Tensor<D>; N] {
        self.0.give()
    }
}
