//! Mixed precision against PyTorch's autocast on a CPU, in bfloat16: LibTorch alone trains in it.
#![cfg(feature = "tch")]
#![allow(deprecated, reason = "burn-tch is deprecated as a whole")]

use std::{collections::BTreeMap, path::Path};

use ablate_kernels::{Activation, Conv2d, RunningStatistics, batch_norm, conv2d};
use ablate_training::in_half;
use burn::{
    Tensor,
    module::{Module, Param, RunningState},
    optim::GradientsParams,
    tensor::{DType, Device, TensorData},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    inputs: BTreeMap<String, Values>,
    half: BTreeMap<String, Values>,
    f32: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
struct Values {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// It keeps its 32 bits by its name, as that of the detectors does.
#[derive(Module, Debug)]
struct BatchNorm2d {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    mean: RunningState<Tensor<1>>,
    variance: RunningState<Tensor<1>>,
}

#[derive(Module, Debug)]
struct Small {
    first: Param<Tensor<4>>,
    norm: BatchNorm2d,
    second: Param<Tensor<4>>,
    second_bias: Param<Tensor<1>>,
}

impl Small {
    fn new(fixture: &Fixture, device: &Device) -> Self {
        Self {
            first: Param::from_tensor(fixture.input("first", device)),
            norm: BatchNorm2d {
                weight: Param::from_tensor(fixture.input("norm_weight", device)),
                bias: Param::from_tensor(fixture.input("norm_bias", device)),
                mean: RunningState::new(Tensor::zeros([8], device)),
                variance: RunningState::new(Tensor::ones([8], device)),
            },
            second: Param::from_tensor(fixture.input("second", device)),
            second_bias: Param::from_tensor(fixture.input("second_bias", device)),
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let geometry = Conv2d {
            stride: 2,
            padding: [1; 2],
            ..Conv2d::default()
        };
        let x = conv2d(
            images,
            self.first.val(),
            None,
            geometry,
            Activation::Identity,
        );
        let norm = &self.norm;
        let running = RunningStatistics {
            mean: norm.mean.value_sync().inner(),
            variance: norm.variance.value_sync().inner(),
        };
        let (weight, bias) = (norm.weight.val(), norm.bias.val());
        let (x, running) = batch_norm(x, weight, bias, running, 1e-3, 0.03, Activation::Silu);
        norm.mean.update(Tensor::from_inner(running.mean));
        norm.variance.update(Tensor::from_inner(running.variance));
        conv2d(
            x,
            self.second.val(),
            Some(self.second_bias.val()),
            Conv2d::default(),
            Activation::Identity,
        )
    }
}

impl Fixture {
    fn open() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/amp/small.json");
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    fn input<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let Values { shape, values } = &self.inputs[name];
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), device)
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

/// The largest difference as a share of the largest value.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let pairs = found.iter().zip(expected);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
}

#[test]
fn outputs_gradients_and_statistics_are_pytorchs() {
    let fixture = Fixture::open();
    let device = Device::libtorch().autodiff();
    let network = Small::new(&fixture, &device);
    let images: Tensor<4> = fixture.input("images", &device);
    let output = in_half(&network, DType::BF16)
        .forward(images.cast(DType::BF16))
        .cast(DType::F32);
    let loss = (output.clone() * fixture.input("weights", &device)).sum();
    let gradients = GradientsParams::from_grads(loss.backward(), &network);

    let of = |id| values(gradients.get::<4>(id).expect("a gradient in 32 bits"));
    let of_vector = |id| values(gradients.get::<1>(id).expect("a gradient in 32 bits"));
    let norm = &network.norm;
    let found = [
        ("output", values(output)),
        ("grad_first", of(network.first.id)),
        ("grad_norm_weight", of_vector(norm.weight.id)),
        ("grad_norm_bias", of_vector(norm.bias.id)),
        ("grad_second", of(network.second.id)),
        ("grad_second_bias", of_vector(network.second_bias.id)),
        // The network's own are moved, not those of its half.
        ("running_mean", values(norm.mean.value_sync())),
        ("running_var", values(norm.variance.value_sync())),
    ];
    for (name, found) in found {
        let error = difference(&found, &fixture.half[name].values);
        // A tenth of what the format itself rounds.
        assert!(error < 4e-4, "{name}: differs by {error:e}");
    }
    // It would be noticed if all had been done in 32 bits.
    let rounding = difference(
        &fixture.half["output"].values,
        &fixture.f32["output"].values,
    );
    assert!(rounding > 1e-3, "{rounding:e}");
}
