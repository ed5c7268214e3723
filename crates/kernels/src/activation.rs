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

/// Each with its name here and in `torch.nn`.
const NAMES: [(Activation, &str, &str); 6] = [
    (Activation::Silu, "silu", "SiLU"),
    (Activation::Relu, "relu", "ReLU"),
    (Activation::Relu6, "relu6", "ReLU6"),
    (Activation::LeakyRelu, "leaky_relu", "LeakyReLU(0.1)"),
    (Activation::Gelu, "gelu", "GELU"),
    (Activation::Identity, "identity", "Identity"),
];

impl FromStr for Activation {
    type Err = String;

    /// A name of ours, `relu`, or PyTorch's, `nn.ReLU()`, with or without its package and brackets.
    fn from_str(word: &str) -> Result<Self, String> {
        let name = word.strip_prefix("torch.").unwrap_or(word);
        let name = name.strip_prefix("nn.").unwrap_or(name);
        let name = name.strip_suffix("()").unwrap_or(name);
        let name = name
            .strip_suffix("(inplace=True)")
            .unwrap_or(name)
            .replace("(negative_slope=0.1)", "(0.1)");
        let known = NAMES
            .iter()
            .find(|(_, ours, pytorch)| *ours == name || *pytorch == name);
        known.map(|(activation, ..)| *activation).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(_, name, _)| *name).collect();
            let pytorch: Vec<&str> = NAMES.iter().map(|(.., name)| *name).collect();
            format!(
                "unknown activation '{word}'; known: {}, or as in torch.nn: {}",
                names.join(", "),
                pytorch.join(", ")
            )
        })
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMES.iter().find(|(activation, ..)| activation == self);
        f.write_str(named.map_or("?", |(_, name, _)| name))
    }
}
