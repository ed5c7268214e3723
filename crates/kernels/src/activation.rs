use std::{fmt, str::FromStr};

use burn::tensor::{Tensor, activation};

/// An activation function. It has no parameters and counts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// Slope 0.1 below zero.
    LeakyRelu,
    /// The exact form, by the error function.
    Gelu,
    /// `x`.
    Identity,
}

impl Activation {
    /// Any shape; the shape stays.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Silu => activation::silu(x),
            Self::Relu => activation::relu(x),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::LeakyRelu => activation::leaky_relu(x, 0.1),
            Self::Gelu => activation::gelu(x),
            Self::Identity => x,
        }
    }
}

const NAMES: [(Activation, &str); 6] = [
    (Activation::Silu, "silu"),
    (Activation::Relu, "relu"),
    (Activation::Relu6, "relu6"),
    (Activation::LeakyRelu, "leaky_relu"),
    (Activation::Gelu, "gelu"),
    (Activation::Identity, "identity"),
];

impl FromStr for Activation {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let named = NAMES.iter().find(|(_, name)| *name == word);
        named.map(|(activation, _)| *activation).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
            format!("unknown activation '{word}'; known: {}", names.join(", "))
        })
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMES.iter().find(|(activation, _)| activation == self);
        f.write_str(named.map_or("?", |(_, name)| name))
    }
}
