//! The moving average of parameters and running statistics.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::Device;

use super::{assert_close, values};
use crate::Ema;

fn weighing(norm: BatchNorm, value: f32) -> BatchNorm {
    let device = norm.gamma.val().device();
    BatchNorm {
        gamma: Param::initialized(
            norm.gamma.id,
            Tensor::full([1], value, &device).require_grad(),
        ),
        ..norm
    }
}

#[test]
fn the_decay_rises_and_statistics_follow() {
    let device = Device::flex().autodiff();
    let norm = BatchNormConfig::new(1).with_momentum(0.5).init(&device);
    let (decay, tau) = (0.9, 3.0);
    let mut ema = Ema::new(norm.valid(), 0, decay, tau);

    // Each pass moves the running mean half-way to 8.
    let mut norm = norm;
    let (mut gamma, mut mean) = (1.0f64, 0.0f64);
    for (update, (value, running)) in [(3.0, 4.0), (5.0, 6.0), (-1.0, 7.0)]
        .into_iter()
        .enumerate()
    {
        norm = weighing(norm, value);
        norm.forward(Tensor::<2>::from_floats([[7.0], [9.0]], &device));
        ema.update(&norm);
        let d = decay * (1.0 - (-(update as f64 + 1.0) / tau).exp());
        gamma = gamma * d + f64::from(value) * (1.0 - d);
        mean = mean * d + running * (1.0 - d);
        assert_close(&values(ema.module().gamma.val()), &[gamma as f32]);
        assert_close(&values(ema.module().running_mean.value()), &[mean as f32]);
    }
    assert_eq!(ema.updates(), 3);
    assert_eq!(
        values(norm.gamma.val()),
        [-1.0],
        "the network itself is left alone"
    );
    assert_close(&values(norm.running_mean.value_sync()), &[7.0]);
    assert!(!ema.module().gamma.val().is_autodiff());
}

#[test]
fn without_decay_it_is_a_copy() {
    let device = Device::flex().autodiff();
    let norm = BatchNormConfig::new(1).init(&device);
    let mut ema = Ema::new(norm.valid(), 0, 0.0, 2000.0);
    let norm = weighing(norm, 7.0);
    ema.update(&norm);
    assert_eq!(values(ema.module().gamma.val()), [7.0]);
}
