//! The kernels against Burn's own operations: outputs and gradients.

use burn::tensor::{
    Device, Distribution, Tensor,
    activation::log_sigmoid,
    module::{batch_norm_train, conv2d},
    ops::ConvOptions,
};

use super::norm_act;
use crate::{
    Activation,
    compare::{self, random, weighted_sum},
};

/// Share of a value, and least difference, within which figures are equal.
const TOLERANCE: f64 = 2e-5;

#[track_caller]
fn assert_close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, what: &str) {
    compare::assert_close(found, expected, TOLERANCE, what);
}

#[test]
fn convolutions_are_burns() {
    let device = Device::flex().autodiff();
    device.seed(5);
    // Batch, channels in and out, height, width, kernel, stride, padding, groups.
    for sizes in [
        [3, 5, 7, 9, 8, 3, 1, 1, 1],
        [2, 5, 6, 9, 8, 3, 2, 1, 1],
        [2, 3, 8, 12, 10, 6, 2, 2, 1],
        [4, 6, 5, 7, 3, 1, 1, 0, 1],
        [2, 6, 5, 7, 5, 1, 2, 0, 1],
        [2, 6, 4, 5, 5, 3, 1, 1, 2],
        [1, 8, 12, 6, 5, 3, 2, 1, 4],
        [2, 6, 6, 7, 6, 3, 1, 1, 6],
        [3, 4, 4, 11, 8, 5, 2, 2, 4],
        [2, 4, 8, 1, 1, 3, 1, 1, 1],
        [2, 4, 4, 2, 1, 5, 1, 2, 4],
        [2, 3, 4, 8, 8, 2, 2, 0, 1],
        // Maps so small that several images make one matrix.
        [9, 6, 5, 4, 4, 3, 2, 1, 1],
        [8, 20, 7, 2, 3, 3, 1, 1, 1],
        [8, 6, 5, 3, 3, 1, 1, 0, 1],
        // Winograd's products: maps of even and odd sides, of one and of several chunks.
        [5, 16, 20, 8, 18, 3, 1, 1, 1],
        [8, 24, 16, 7, 17, 3, 1, 1, 1],
        [2, 64, 64, 32, 34, 3, 1, 1, 1],
        // Sums over all channels under the kernel: small maps, steps, gradients of few channels.
        [8, 24, 16, 7, 5, 3, 1, 1, 1],
        [3, 12, 20, 9, 8, 3, 2, 1, 1],
        [2, 3, 33, 13, 21, 6, 2, 2, 1],
        [2, 10, 9, 12, 10, 5, 3, 1, 1],
        // Matrices of several parts.
        [3, 40, 4, 64, 64, 3, 1, 1, 1],
        // Rows so long that weight gradients sum along them: whole maps, pieces of maps, groups.
        [2, 6, 5, 20, 16, 1, 1, 0, 1],
        [2, 8, 4, 64, 64, 3, 1, 1, 1],
        [2, 8, 6, 40, 40, 3, 2, 1, 2],
    ] {
        let [
            batch,
            c_in,
            c_out,
            height,
            width,
            kernel,
            stride,
            padding,
            groups,
        ] = sizes;
        let what = format!("{sizes:?}");
        let x = random([batch, c_in, height, width], &device);
        let weight = random([c_out, c_in / groups, kernel, kernel], &device);
        let found = super::conv2d(&x, &weight, stride, padding, groups).expect("covered");
        let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups);
        let expected = conv2d(x.clone(), weight.clone(), None, options);
        assert_close(found.clone().inner(), expected.clone().inner(), &what);
        let (found, expected) = (
            weighted_sum(found).backward(),
            weighted_sum(expected).backward(),
        );
        assert_close(
            x.grad(&found).unwrap(),
            x.grad(&expected).unwrap(),
            &format!("{what}: x"),
        );
        let (found, expected) = (
            weight.grad(&found).unwrap(),
            weight.grad(&expected).unwrap(),
        );
        let scale = (batch * height * width) as f32;
        assert_close(found / scale, expected / scale, &format!("{what}: weight"));
    }
}

#[test]
fn a_convolution_of_a_view_is_burns() {
    let device = Device::flex().autodiff();
    let whole = random([2, 9, 6, 5], &device);
    let weight = random([4, 3, 3, 3], &device);
    let slice = || whole.clone().narrow(1, 2, 3);
    for (what, view) in [
        ("slice", &slice as &dyn Fn() -> Tensor<4>),
        ("turned slice", &|| slice().swap_dims(2, 3)),
        ("last image", &|| slice().narrow(0, 1, 1)),
    ] {
        let found = super::conv2d(&view(), &weight, 1, 1, 1).expect("covered");
        let expected = conv2d(
            view(),
            weight.clone(),
            None,
            ConvOptions::new([1; 2], [1; 2], [1; 2], 1),
        );
        assert_close(found.clone().inner(), expected.clone().inner(), what);
        // The gradient comes as a slice, too.
        let [found, expected] = [found, expected].map(|y| {
            let y = Tensor::cat(vec![y.clone(), y], 1);
            weighted_sum(y).backward()
        });
        let gradient = |gradients| whole.grad(gradients).expect("wanted");
        assert_close(gradient(&found), gradient(&expected), what);
    }
}

#[test]
fn normalisation_and_activation_are_burns() {
    let device = Device::flex().autodiff();
    device.seed(7);
    let activations = [
        Activation::Silu,
        Activation::Relu,
        Activation::Relu6,
        Activation::LeakyRelu(0.1),
        Activation::Gelu,
        Activation::Hardswish,
        Activation::Mish,
        Activation::Elu(0.7),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Identity,
    ];
    for activation in activations {
        for shape in [
            [3, 5, 7, 9],
            [2, 3, 40, 33],
            [4, 2, 1, 1],
            [5, 7, 4, 4],
            [3, 6, 2, 3],
        ] {
            let what = format!("{activation:?} {shape:?}");
            let x: Tensor<4> = (random(shape, &device) * 3.0 + 1.0).detach().require_grad();
            let (weight, bias) = (random([shape[1]], &device), random([shape[1]], &device));
            let found = norm_act(&x, &weight, &bias, 1e-3, activation).expect("covered");
            let expected = batch_norm_train(x.clone(), weight.clone(), bias.clone(), 1e-3);
            assert_close(found.mean, expected.mean.inner(), &format!("{what}: mean"));
            assert_close(
                found.variance,
                expected.variance.inner(),
                &format!("{what}: variance"),
            );
            let (found, expected) = (found.output, activation.forward(expected.output));
            assert_close(found.clone().inner(), expected.clone().inner(), &what);
            let (found, expected) = (
                weighted_sum(found).backward(),
                weighted_sum(expected).backward(),
            );
            assert_close(
                x.grad(&found).unwrap(),
                x.grad(&expected).unwrap(),
                &format!("{what}: x"),
            );
            for parameter in [&weight, &bias] {
                let (found, expected) = (
                    parameter.grad(&found).unwrap(),
                    parameter.grad(&expected).unwrap(),
                );
                assert_close(found, expected, &format!("{what}: parameters"));
            }
        }
    }
}

/// Alone on the pool's threads, among few images and many, on maps large and small.
#[test]
fn inference_is_burns() {
    let device = Device::flex();
    let random =
        |shape: [usize; 4]| Tensor::<4>::random(shape, Distribution::Uniform(-1.0, 1.0), &device);
    for sizes in [
        [1, 3, 16, 40, 56, 6, 2, 2, 1],
        [1, 8, 24, 37, 41, 3, 1, 1, 1],
        [1, 16, 9, 64, 48, 1, 1, 0, 1],
        [1, 32, 48, 7, 5, 3, 2, 1, 1],
        [1, 12, 12, 33, 20, 5, 1, 2, 12],
        [2, 6, 4, 2, 3, 3, 1, 1, 1],
        [5, 6, 4, 2, 3, 1, 1, 0, 1],
        [1, 8, 6, 30, 30, 3, 1, 1, 2],
        [1, 4, 1, 3, 3, 3, 1, 0, 1],
    ] {
        let [
            batch,
            c_in,
            c_out,
            height,
            width,
            kernel,
            stride,
            padding,
            groups,
        ] = sizes;
        let (x, weight) = (
            random([batch, c_in, height, width]),
            random([c_out, c_in / groups, kernel, kernel]),
        );
        let shift = Tensor::<1>::random([c_out], Distribution::Uniform(-1.0, 1.0), &device);
        for activation in [
            Activation::Silu,
            Activation::Relu6,
            Activation::Gelu,
            Activation::Hardswish,
            Activation::Mish,
            Activation::Identity,
        ] {
            let found =
                super::conv2d_act(&x, &weight, &shift, [stride, padding, groups], activation)
                    .expect("covered");
            let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups);
            let expected = activation.forward(conv2d(
                x.clone(),
                weight.clone(),
                Some(shift.clone()),
                options,
            ));
            assert_close(found, expected, &format!("{sizes:?} {activation:?}"));
        }
    }
}

#[test]
fn what_is_not_covered_is_left_to_burn() {
    let untracked = Device::flex();
    let x = Tensor::<4>::ones([1, 2, 4, 4], &untracked);
    assert!(
        super::conv2d(&x, &Tensor::ones([2, 2, 3, 3], &untracked), 1, 1, 1).is_none(),
        "nothing to train"
    );
    let training = untracked.autodiff();
    let x = Tensor::<4>::ones([1, 2, 4, 4], &training);
    assert!(
        super::conv2d(&x, &Tensor::ones([2, 2, 3, 1], &training), 1, 1, 1).is_none(),
        "the kernel is no square"
    );
}

#[test]
fn cross_entropy_is_burns() {
    let device = Device::flex().autodiff();
    device.seed(8);
    for positive_weight in [1.0, 2.5] {
        let what = format!("weight {positive_weight}");
        let logits = random([3, 5, 7, 2], &device)
            .mul_scalar(12.0)
            .detach()
            .require_grad();
        let targets = random([3, 5, 7, 2], &device).abs().detach().require_grad();
        let found = super::bce_with_logits(&logits, &targets, positive_weight).expect("covered");
        let positive = log_sigmoid(logits.clone()) * targets.clone() * positive_weight;
        let rest = targets.clone().neg().add_scalar(1.0);
        let expected = (positive + rest * log_sigmoid(logits.clone().neg())).neg();
        assert_close(found.clone().inner(), expected.clone().inner(), &what);
        let [found, expected] = [found, expected].map(|y| weighted_sum(y).backward());
        for of in [&logits, &targets] {
            let gradient = |gradients| of.grad(gradients).expect("wanted");
            assert_close(gradient(&found), gradient(&expected), &what);
        }
    }
    // What is lost or nearly so, and what is no number.
    let floats = |x: [f32; 6]| Tensor::<1>::from_floats(x, &device);
    let logits = floats([-60.0, 60.0, 200.0, -1e30, 1e30, f32::NAN]);
    let targets = floats([0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let loss = super::bce_with_logits(&logits, &targets, 1.0).expect("covered");
    let loss: Vec<f32> = loss.into_data().try_to_vec().expect("floats");
    let expected = [8.756_511e-27, 60.0, 0.0, 0.0, 1e30];
    for (loss, expected) in loss.iter().zip(expected) {
        assert!((loss - expected).abs() <= 1e-6 * expected + 1e-37, "{loss}");
    }
    assert!(loss[5].is_nan());
}
