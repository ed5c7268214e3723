//! Steps of MuSGD against those of the package ultralytics: `tests/fixtures/optimizer/generate.py`.

use std::path::Path;

use burn::Tensor;
use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, TensorData};
use safetensors::SafeTensors;

use super::values;
use crate::Rates;
use crate::optimizer::MuSgd;

#[derive(Module, Debug)]
struct Row {
    weight: Param<Tensor<4>>,
    norm: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

#[derive(Module, Debug)]
struct Head {
    cv3: Row,
}

#[derive(Module, Debug)]
struct Net {
    model: (Row, Head),
}

struct Stored(Vec<u8>);

impl Stored {
    fn open() -> Self {
        let path = "tests/fixtures/optimizer/musgd.safetensors";
        Self(std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap())
    }

    fn tensor<const D: usize>(&self, key: &str, device: &Device) -> Tensor<D> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(key).unwrap();
        let (chunks, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = chunks
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        Tensor::from_data(TensorData::new(values, view.shape().to_vec()), device)
    }

    fn row(&self, prefix: &str, device: &Device) -> Row {
        Row {
            weight: Param::from_tensor(self.tensor(&format!("{prefix}weight"), device)),
            norm: Param::from_tensor(self.tensor(&format!("{prefix}norm"), device)),
            bias: Param::from_tensor(self.tensor(&format!("{prefix}bias"), device)),
        }
    }
}

/// The sum of parameters times their gradients.
fn loss(row: &Row, gradient: &Row) -> Tensor<1> {
    (row.weight.val() * gradient.weight.val().detach()).sum()
        + (row.norm.val() * gradient.norm.val().detach()).sum()
        + (row.bias.val() * gradient.bias.val().detach()).sum()
}

/// The largest difference of a row's values from the stored ones.
fn off(row: &Row, stored: &Stored, prefix: &str) -> f32 {
    let device = Device::flex();
    let other = stored.row(prefix, &device);
    let largest = |a: Vec<f32>, b: Vec<f32>| {
        let pairs = a.iter().zip(&b);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    [
        largest(values(row.weight.val()), values(other.weight.val())),
        largest(values(row.norm.val()), values(other.norm.val())),
        largest(values(row.bias.val()), values(other.bias.val())),
    ]
    .into_iter()
    .fold(0.0, f32::max)
}

#[test]
fn steps_are_the_packages() {
    let (stored, device) = (Stored::open(), Device::flex().autodiff());
    let cv3 = |prefix: &str| Head {
        cv3: stored.row(&format!("{prefix}model.1.cv3."), &device),
    };
    let rows = |prefix: &str| {
        (
            stored.row(&format!("{prefix}model.0."), &device),
            cv3(prefix),
        )
    };
    let gradient = rows("gradient.");
    let mut net = Net {
        model: rows("value."),
    };
    let mut optimizer = MuSgd::new(&net, 0.01);
    for step in 0..4 {
        let progress = f64::from(step) / 5.0;
        let between = |from: f64, to: f64| from + (to - from) * progress;
        let rates = Rates {
            bias_lr: between(0.1, 0.01),
            lr: between(0.0, 0.01),
            momentum: between(0.8, 0.937),
        };
        let sum = loss(&net.model.0, &gradient.0) + loss(&net.model.1.cv3, &gradient.1.cv3);
        let sum = sum.mul_scalar(step + 1);
        let gradients = GradientsParams::from_grads(sum.backward(), &net);
        net = optimizer.step(net, gradients, rates);
        if step % 2 == 1 {
            let error = off(&net.model.0, &stored, &format!("step{step}.model.0."));
            assert!(error < 1e-5, "step {step}: {error:e}");
            let key = format!("step{step}.model.1.cv3.");
            let error = off(&net.model.1.cv3, &stored, &key);
            assert!(error < 1e-5, "step {step}: cv3 {error:e}");
        }
    }
    // The package's own rounding: a hundredth of steps that add up to about 0.02.
    for (row, key) in [
        (&net.model.0, "half.model.0."),
        (&net.model.1.cv3, "half.model.1.cv3."),
    ] {
        let error = off(row, &stored, key);
        assert!(error < 5e-4, "{key}: {error:e}");
    }
}
