//! Activations as rows.

use std::marker::PhantomData;

use ablate_kernels::Activation;
use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// PyTorch's name of an activation.
pub trait Named: Copy + std::fmt::Debug + PartialEq {
    /// Without its package.
    const NAME: &str;
}

/// An activation alone. Row: `[]`, or the arguments that PyTorch takes: a number if the activation
/// has one, and whether it works in place, which changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationConfig<N> {
    activation: Activation,
    name: PhantomData<N>,
}

/// See [`ActivationConfig`].
#[derive(Module, Debug)]
pub struct Activated {
    #[module(skip)]
    activation: Activation,
}

fuse!(Activated:);

macro_rules! named {
    ($($name:ident),*) => {$(
        #[doc = concat!("`nn.", stringify!($name), "`.")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name;

        impl Named for $name {
            const NAME: &str = stringify!($name);
        }
    )*};
}
named!(
    SiLU, ReLU, ReLU6, LeakyReLU, GELU, Hardswish, Mish, ELU, Sigmoid, Tanh
);

impl<N: Named> Block for ActivationConfig<N> {
    type Layer = Activated;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "number, in place")?;
        row.channels_in()?;
        let arguments: Vec<String> = (0..2)
            .filter_map(|i| row.arg(i).map(ToString::to_string))
            .collect();
        Ok(Self {
            activation: format!("{}({})", N::NAME, arguments.join(", ")).parse()?,
            name: PhantomData,
        })
    }

    fn trace(&self, inputs: &[Shape], _: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![inputs[0]])
    }

    fn init(&self, _: &Initializer) -> Activated {
        Activated {
            activation: self.activation,
        }
    }

    on_maps!(layer: Activated, inputs => vec![only(inputs).activated(layer.activation)]);

    fn arguments(&self) -> String {
        match self.activation {
            Activation::LeakyRelu(number) | Activation::Elu(number) => format!("[{number}]"),
            _ => "[]".into(),
        }
    }
}
