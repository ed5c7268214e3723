use std::{fmt, str::FromStr};

use burn::tensor::{Tensor, activation};

/// An activation function. It has no parameters and counts nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x`, times this slope below zero.
    LeakyRelu(f32),
    /// The exact form, by the error function.
    Gelu,
    /// `x · min(max(x + 3, 0), 6) / 6`.
    Hardswish,
    /// `x · tanh(ln(1 + eˣ))`.
    Mish,
    /// `x`, below zero this factor times `eˣ - 1`.
    Elu(f32),
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
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
            Self::LeakyRelu(slope) => activation::leaky_relu(x, f64::from(slope)),
            Self::Gelu => activation::gelu(x),
            Self::Hardswish => {
                let gate = x.clone().add_scalar(3.0).clamp(0.0, 6.0);
                x * gate.div_scalar(6.0)
            }
            Self::Mish => mish(x),
            Self::Elu(alpha) => {
                let below = x.clone().clamp_max(0.0).exp().sub_scalar(1.0);
                activation::relu(x) + below.mul_scalar(alpha)
            }
            Self::Sigmoid => activation::sigmoid(x),
            Self::Tanh => x.tanh(),
            Self::Identity => x,
        }
    }
}

/// With s = sigmoid(x) and q = 1 - s, tanh(ln(1 + eˣ)) is s·(1 + q) / (1 + q²): nothing in it can
/// overflow.
fn mish<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let s = activation::sigmoid(x.clone());
    let q = s.clone().neg().add_scalar(1.0);
    let gate = s * q.clone().add_scalar(1.0) / (q.clone() * q).add_scalar(1.0);
    x * gate
}

/// Each with its name here and in `torch.nn`. Those with a number have it as it is if the name
/// gives none: here, and in PyTorch.
const NAMES: [(Activation, &str, &str, Activation); 11] = [
    plain(Activation::Silu, "silu", "SiLU"),
    plain(Activation::Relu, "relu", "ReLU"),
    plain(Activation::Relu6, "relu6", "ReLU6"),
    (
        Activation::LeakyRelu(0.1),
        "leaky_relu",
        "LeakyReLU",
        Activation::LeakyRelu(0.01),
    ),
    plain(Activation::Gelu, "gelu", "GELU"),
    plain(Activation::Hardswish, "hardswish", "Hardswish"),
    plain(Activation::Mish, "mish", "Mish"),
    plain(Activation::Elu(1.0), "elu", "ELU"),
    plain(Activation::Sigmoid, "sigmoid", "Sigmoid"),
    plain(Activation::Tanh, "tanh", "Tanh"),
    plain(Activation::Identity, "identity", "Identity"),
];

const fn plain(
    activation: Activation,
    ours: &'static str,
    pytorch: &'static str,
) -> (Activation, &'static str, &'static str, Activation) {
    (activation, ours, pytorch, activation)
}

impl FromStr for Activation {
    type Err = String;

    /// A name of ours, `relu` or `leaky_relu(0.2)`, or PyTorch's, `nn.LeakyReLU(0.2,
    /// inplace=True)`, with or without its package and brackets.
    fn from_str(word: &str) -> Result<Self, String> {
        let call = word.strip_prefix("torch.").unwrap_or(word);
        let call = call.strip_prefix("nn.").unwrap_or(call);
        let (name, arguments) = match call.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')),
            None => (call, Some("")),
        };
        let known = NAMES.iter().find_map(|(ours, name_here, pytorch, theirs)| {
            (*name_here == name)
                .then_some(*ours)
                .or((*pytorch == name).then_some(*theirs))
        });
        let Some(activation) = known else {
            let names: Vec<&str> = NAMES.iter().map(|(_, name, ..)| *name).collect();
            let pytorch: Vec<&str> = NAMES.iter().map(|(_, _, name, _)| *name).collect();
            return Err(format!(
                "unknown activation '{word}'; known: {}, or as in torch.nn: {}",
                names.join(", "),
                pytorch.join(", ")
            ));
        };
        arguments
            .and_then(|arguments| activation.called(arguments))
            .ok_or_else(|| format!("activation '{word}': expected {}", activation.usage()))
    }
}

impl Activation {
    /// The activation with the arguments of a call in PyTorch; None for others than it takes.
    /// Whether it works in place changes no figure.
    fn called(self, arguments: &str) -> Option<Self> {
        let ignored = ["", "True", "False", "inplace=True", "inplace=False"];
        let mut given =
            (arguments.split(',').map(str::trim)).filter(|word| !ignored.contains(word));
        let Some(word) = given.next() else {
            return Some(self);
        };
        let number = |key: &str| {
            let digits = word.strip_prefix(key).unwrap_or(word);
            digits.parse().ok().filter(|x: &f32| x.is_finite())
        };
        let called = match self {
            Self::LeakyRelu(_) => Self::LeakyRelu(number("negative_slope=")?),
            Self::Elu(_) => Self::Elu(number("alpha=")?),
            _ => return None,
        };
        given.next().is_none().then_some(called)
    }

    fn usage(self) -> &'static str {
        match self {
            Self::LeakyRelu(_) => "a number, the slope below zero",
            Self::Elu(_) => "a number, the factor below zero",
            _ => "no arguments",
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (NAMES.iter().find(|(named, ..)| named == self), self) {
            (Some((_, name, ..)), _) => f.write_str(name),
            (None, Self::LeakyRelu(number)) => write!(f, "leaky_relu({number})"),
            (None, Self::Elu(number)) => write!(f, "elu({number})"),
            (None, _) => write!(f, "{self:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;

    /// Figures of `torch.nn`, in 64 bits: on both sides of every bound, and far beyond.
    #[test]
    fn values_are_pytorchs() {
        let x = [-30.0, -3.5, -1.0, 0.0, 0.5, 2.0, 6.5, 30.0];
        let expected: [(Activation, [f32; 8]); 11] = [
            (
                Activation::Silu,
                [
                    -2.807287e-12,
                    -0.1025928,
                    -0.2689414,
                    0.0,
                    0.3112297,
                    1.761594,
                    6.490242,
                    30.0,
                ],
            ),
            (Activation::Relu, [0.0, 0.0, 0.0, 0.0, 0.5, 2.0, 6.5, 30.0]),
            (Activation::Relu6, [0.0, 0.0, 0.0, 0.0, 0.5, 2.0, 6.0, 6.0]),
            (
                Activation::LeakyRelu(0.1),
                [-3.0, -0.35, -0.1, 0.0, 0.5, 2.0, 6.5, 30.0],
            ),
            (
                Activation::Gelu,
                [
                    0.0,
                    -0.0008142018,
                    -0.1586553,
                    0.0,
                    0.3457312,
                    1.9545,
                    6.5,
                    30.0,
                ],
            ),
            (
                Activation::Hardswish,
                [0.0, 0.0, -0.3333333, 0.0, 0.2916667, 1.666667, 6.5, 30.0],
            ),
            (
                Activation::Mish,
                [
                    -2.807287e-12,
                    -0.1040958,
                    -0.3034015,
                    0.0,
                    0.3752452,
                    1.943959,
                    6.499971,
                    30.0,
                ],
            ),
            (
                Activation::Elu(0.7),
                [-0.7, -0.6788618, -0.4424844, 0.0, 0.5, 2.0, 6.5, 30.0],
            ),
            (
                Activation::Sigmoid,
                [
                    9.357623e-14,
                    0.02931223,
                    0.2689414,
                    0.5,
                    0.6224593,
                    0.8807971,
                    0.9984988,
                    1.0,
                ],
            ),
            (
                Activation::Tanh,
                [
                    -1.0, -0.9981779, -0.7615942, 0.0, 0.4621172, 0.9640276, 0.9999955, 1.0,
                ],
            ),
            (Activation::Identity, x),
        ];
        let x = Tensor::<1>::from_floats(x, &Device::flex());
        for (activation, expected) in expected {
            let found = activation.forward(x.clone()).into_data();
            println!("{activation}");
            found.assert_approx_eq(&expected.into(), Tolerance::<f32>::rel_abs(1e-5, 1e-6));
        }
    }

    #[test]
    fn names_are_read_and_printed() {
        for (word, expected, printed) in [
            ("nn.ReLU()", Activation::Relu, "relu"),
            ("torch.nn.SiLU(inplace=True)", Activation::Silu, "silu"),
            ("nn.Hardswish()", Activation::Hardswish, "hardswish"),
            ("Mish", Activation::Mish, "mish"),
            ("leaky_relu", Activation::LeakyRelu(0.1), "leaky_relu"),
            (
                "nn.LeakyReLU(0.1)",
                Activation::LeakyRelu(0.1),
                "leaky_relu",
            ),
            (
                "nn.LeakyReLU()",
                Activation::LeakyRelu(0.01),
                "leaky_relu(0.01)",
            ),
            (
                "nn.LeakyReLU",
                Activation::LeakyRelu(0.01),
                "leaky_relu(0.01)",
            ),
            (
                "nn.LeakyReLU(negative_slope=0.2, inplace=True)",
                Activation::LeakyRelu(0.2),
                "leaky_relu(0.2)",
            ),
            (
                "leaky_relu(0.2)",
                Activation::LeakyRelu(0.2),
                "leaky_relu(0.2)",
            ),
            ("nn.ELU(alpha=0.5)", Activation::Elu(0.5), "elu(0.5)"),
        ] {
            let read: Activation = word.parse().unwrap();
            assert_eq!(read, expected, "{word}");
            assert_eq!(read.to_string(), printed);
            assert_eq!(printed.parse(), Ok(read), "{printed}");
        }
    }

    #[test]
    fn other_calls_are_refused() {
        for (word, message) in [
            (
                "nn.ReLU(0.1)",
                "activation 'nn.ReLU(0.1)': expected no arguments",
            ),
            (
                "nn.LeakyReLU(a)",
                "activation 'nn.LeakyReLU(a)': expected a number, the slope below zero",
            ),
            (
                "nn.LeakyReLU(0.1, 0.2)",
                "activation 'nn.LeakyReLU(0.1, 0.2)': expected a number, the slope below zero",
            ),
            ("nn.ReLU(", "activation 'nn.ReLU(': expected no arguments"),
            ("swish", "unknown activation 'swish'; known: silu, relu, "),
        ] {
            let error = word.parse::<Activation>().unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
