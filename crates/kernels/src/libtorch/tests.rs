//! The operations against Burn's own: outputs, gradients and running statistics.

use burn::tensor::{
    Device, Distribution, Tensor,
    module::{batch_norm_train, conv2d},
    ops::ConvOptions,
};

use super::recorded::untracked;
use crate::{
    Activation, RunningStatistics,
    compare::{self, random, weighted_sum},
};

/// Share of a value, and least difference, within which figures are equal.
const TOLERANCE: f64 = 1e-4;

#[track_caller]
fn assert_close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, what: &str) {
    compare::assert_close(found, expected, TOLERANCE, what);
}

#[test]
fn convolutions_are_burns() {
    let device = Device::libtorch().autodiff();
    device.seed(5);
    // Batch, channels in and out, height, width, kernel, stride, padding, groups.
    for sizes in [
        [2, 5, 6, 9, 8, 3, 2, 1, 1],
        [4, 6, 5, 7, 3, 1, 1, 0, 1],
        [1, 8, 12, 6, 5, 3, 2, 1, 4],
        [2, 6, 6, 7, 6, 3, 1, 1, 6],
        [3, 4, 4, 11, 8, 5, 2, 2, 4],
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
            random([batch, c_in, height, width], &device),
            random([c_out, c_in / groups, kernel, kernel], &device),
        );
        let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups);
        for bias in [None, Some(random([c_out], &device))] {
            let what = format!("{sizes:?} {}", if bias.is_some() { "bias" } else { "" });
            let found = super::conv2d_act(
                &x,
                &weight,
                bias.as_ref(),
                [stride, padding, groups],
                Activation::Identity,
            )
            .expect("covered");
            let expected = conv2d(x.clone(), weight.clone(), bias.clone(), options.clone());
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
            assert_close(
                weight.grad(&found).unwrap(),
                weight.grad(&expected).unwrap(),
                &format!("{what}: weight"),
            );
            if let Some(bias) = bias {
                assert_close(
                    bias.grad(&found).unwrap(),
                    bias.grad(&expected).unwrap(),
                    &format!("{what}: bias"),
                );
            }
        }
    }
}

#[test]
fn convolutions_with_kernels_for_each_image_are_burns() {
    let device = Device::libtorch().autodiff();
    device.seed(9);
    // Batch, channels in and out, kernel, stride, padding, groups.
    for sizes in [
        [3, 4, 6, 1, 1, 0, 1],
        [2, 6, 6, 3, 1, 1, 6],
        [1, 4, 8, 3, 2, 1, 2],
    ] {
        let [batch, c_in, c_out, kernel, stride, padding, groups] = sizes;
        let what = format!("{sizes:?}");
        let (x, kernels) = (
            random([batch, c_in, 7, 5], &device),
            random([batch * c_out, c_in / groups, kernel, kernel], &device),
        );
        let each = (0..batch).map(|i| {
            let kernels = kernels.clone().narrow(0, i * c_out, c_out);
            conv2d(
                x.clone().narrow(0, i, 1),
                kernels,
                None,
                ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups),
            )
        });
        let expected = Tensor::cat(each.collect(), 0);
        let untracked = super::conv2d_each(
            &x.clone().inner(),
            &kernels.clone().inner(),
            [stride, padding, groups],
        )
        .expect("covered");
        assert_close(untracked, expected.clone().inner(), &what);
        let found = super::conv2d_each(&x, &kernels, [stride, padding, groups]).expect("covered");
        assert_close(found.clone().inner(), expected.clone().inner(), &what);
        let (found, expected) = (
            weighted_sum(found).backward(),
            weighted_sum(expected).backward(),
        );
        for input in [&x, &kernels] {
            assert_close(
                input.grad(&found).unwrap(),
                input.grad(&expected).unwrap(),
                &what,
            );
        }
    }
}

#[test]
fn norms_at_inference_are_burns() {
    let device = Device::libtorch();
    device.seed(10);
    let x = Tensor::<4>::random([2, 3, 5, 7], Distribution::Normal(0.0, 4.0), &device);
    let [scale, shift] =
        [0; 2].map(|_| Tensor::<1>::random([3], Distribution::Normal(0.0, 2.0), &device));
    let expected = Activation::Relu.forward(
        x.clone() * scale.clone().reshape([1, 3, 1, 1]) + shift.clone().reshape([1, 3, 1, 1]),
    );
    assert_close(
        super::affine_act(&x, &scale, &shift, Activation::Relu).expect("covered"),
        expected,
        "affine",
    );
}

#[test]
fn normalisation_and_activation_are_burns() {
    let device = Device::libtorch().autodiff();
    device.seed(7);
    let activations = [
        Activation::Silu,
        Activation::Relu,
        Activation::Relu6,
        Activation::LeakyRelu(0.1),
        Activation::Gelu,
        Activation::Hardswish,
        Activation::Mish,
        Activation::Identity,
    ];
    for activation in activations {
        for shape in [[3, 5, 7, 9], [2, 3, 40, 33], [4, 2, 1, 1]] {
            let what = format!("{activation:?} {shape:?}");
            let x: Tensor<4> = (random(shape, &device) * 3.0 + 1.0).detach().require_grad();
            let (weight, bias) = (random([shape[1]], &device), random([shape[1]], &device));
            let [mean, variance] =
                [0.3, 0.7].map(|value| Tensor::<1>::full([shape[1]], value, &device).inner());
            let running = RunningStatistics {
                mean: mean.clone(),
                variance: variance.clone(),
            };
            let (found, moved) =
                super::norm_act(&x, &weight, &bias, &running, [1e-3, 0.1], activation)
                    .expect("covered");
            let expected = batch_norm_train(x.clone(), weight.clone(), bias.clone(), 1e-3);
            let n = (shape[0] * shape[2] * shape[3]) as f64;
            assert_close(
                moved.mean,
                mean.clone() * 0.9 + expected.mean.inner() * 0.1,
                &format!("{what}: mean"),
            );
            assert_close(
                moved.variance,
                variance * 0.9 + expected.variance.inner() * (0.1 * n / (n - 1.0)),
                &format!("{what}: variance"),
            );
            assert_close(running.mean, mean, &format!("{what}: the mean before"));
            let expected = activation.forward(expected.output);
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

#[test]
fn activations_in_place_are_burns() {
    let device = Device::libtorch();
    device.seed(6);
    for activation in [
        Activation::Silu,
        Activation::Relu,
        Activation::Relu6,
        Activation::LeakyRelu(0.1),
        Activation::Gelu,
        Activation::Hardswish,
        Activation::Mish,
    ] {
        let [x, weight] = [[2, 3, 5, 7], [4, 3, 3, 3]]
            .map(|shape| Tensor::<4>::random(shape, Distribution::Normal(0.0, 4.0), &device));
        let expected = activation.forward(conv2d(
            x.clone(),
            weight.clone(),
            None,
            ConvOptions::new([1; 2], [1; 2], [1; 2], 1),
        ));
        assert_close(
            super::conv2d_act(&x, &weight, None, [1, 1, 1], activation).expect("covered"),
            expected,
            &format!("{activation:?}"),
        );
    }
}

#[test]
fn arranging_changes_nothing_but_the_order_in_memory() {
    for device in [Device::libtorch(), Device::libtorch().autodiff()] {
        device.seed(8);
        for shape in [[4, 3, 3, 3], [4, 1, 3, 3], [5, 6, 1, 1]] {
            let weight = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
            let weight = if device.is_autodiff() {
                weight.require_grad()
            } else {
                weight
            };
            let arranged = super::arranged(weight.clone());
            assert_eq!(arranged.to_data(), weight.to_data(), "{shape:?}");
            assert_eq!(
                arranged.is_require_grad(),
                weight.is_require_grad(),
                "{shape:?}"
            );
            let strides = untracked(&arranged.inner())
                .expect("on LibTorch")
                .tensor
                .stride();
            assert!(
                shape != [4, 3, 3, 3] || strides == [27, 1, 9, 3],
                "{strides:?}"
            );
        }
    }
    let elsewhere = Tensor::<4>::ones([4, 3, 3, 3], &Device::flex());
    assert_eq!(
        super::arranged(elsewhere.clone()).to_data(),
        elsewhere.to_data()
    );
}

#[test]
fn what_is_not_covered_is_left_to_burn() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        let [x, weight] =
            [[1, 2, 4, 4], [2, 2, 3, 3]].map(|shape| Tensor::<4>::ones(shape, &device));
        assert!(
            super::conv2d_act(&x, &weight, None, [1, 1, 1], Activation::Identity).is_none(),
            "{device:?}"
        );
    }
}

/// Shapes of parameters: two kernels, a matrix, a norm's and a bias's.
const PARAMETERS: [[usize; 4]; 5] = [
    [4, 3, 3, 3],
    [8, 4, 1, 1],
    [5, 7, 1, 1],
    [6, 1, 1, 1],
    [9, 1, 1, 1],
];

fn uniform(shape: [usize; 4]) -> Tensor<4> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), &Device::libtorch())
}

fn bits(tensor: &Tensor<4>) -> Vec<u32> {
    let values = tensor.to_data().try_to_vec::<f32>().unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

/// Three steps of SGD, of parameters with two kinds of factors, the last without a gradient in the first step.
#[test]
fn steps_of_sgd_together_are_those_one_by_one() {
    Device::libtorch().seed(11);
    let mut values: Vec<Tensor<4>> = PARAMETERS.into_iter().map(uniform).collect();
    let mut buffers: Vec<Option<Tensor<4>>> = vec![None; values.len()];
    for step in 0..3 {
        let mut together = crate::Steps::default();
        let mut expected = Vec::new();
        let taken = values.len() - usize::from(step == 0);
        for i in 0..taken {
            let by = crate::Sgd {
                weight_decay: [0.0, 0.05][i % 2],
                momentum: 0.937,
                lr: 0.01,
            };
            let gradient = uniform(PARAMETERS[i]);
            match &buffers[i] {
                Some(buffer) => together.add(by, &[&values[i], &gradient, buffer]),
                None => together.add(by, &[&values[i], &gradient]),
            }
            expected.push(crate::sgd(
                values[i].clone(),
                gradient,
                buffers[i].clone(),
                by,
            ));
        }
        let mut stepped = together.take();
        for (i, [value, buffer]) in expected.into_iter().enumerate() {
            let found: [Tensor<4>; 2] = stepped.give();
            assert_eq!(bits(&found[0]), bits(&value), "step {step}, parameter {i}");
            assert_eq!(bits(&found[1]), bits(&buffer), "step {step}, parameter {i}");
            let [value, buffer] = found;
            (values[i], buffers[i]) = (value, Some(buffer));
        }
    }
}

#[test]
fn steps_of_adam_together_are_those_one_by_one() {
    Device::libtorch().seed(12);
    for (weight_decay, shrink) in [(0.02, 1.0), (0.0, 0.999)] {
        let mut values: Vec<Tensor<4>> = PARAMETERS.into_iter().map(uniform).collect();
        let mut averages: Vec<Option<[Tensor<4>; 2]>> = vec![None; values.len()];
        for steps in 1..4 {
            let by = crate::Adam {
                weight_decay,
                shrink,
                betas: [0.9, 0.999],
                epsilon: 1e-8,
                lr: 0.01,
                steps,
            };
            let mut together = crate::Steps::default();
            let mut expected = Vec::new();
            for (i, shape) in PARAMETERS.into_iter().enumerate() {
                let gradient = uniform(shape);
                match &averages[i] {
                    Some([average, square]) => {
                        together.add(by, &[&values[i], &gradient, average, square]);
                    }
                    None => together.add(by, &[&values[i], &gradient]),
                }
                expected.push(crate::adam(
                    values[i].clone(),
                    gradient,
                    averages[i].clone(),
                    by,
                ));
            }
            let mut stepped = together.take();
            for (i, expected) in expected.iter().enumerate() {
                let found: [Tensor<4>; 3] = stepped.give();
                for (found, expected) in found.iter().zip(expected) {
                    assert_eq!(bits(found), bits(expected), "step {steps}, parameter {i}");
                }
                let [value, average, square] = found;
                (values[i], averages[i]) = (value, Some([average, square]));
            }
        }
    }
}

#[test]
fn averages_together_are_those_one_by_one() {
    Device::libtorch().seed(13);
    let by = crate::Average { decay: 0.9987 };
    let mut together = crate::Steps::default();
    let mut expected = Vec::new();
    for shape in PARAMETERS {
        let (average, value) = (uniform(shape), uniform(shape));
        together.add(by, &[&average, &value]);
        expected.push(crate::moving_average(average, value, by.decay));
    }
    let mut stepped = together.take();
    for expected in expected {
        let [found] = stepped.give::<4, 1>();
        assert_eq!(bits(&found), bits(&expected));
    }
}

/// Gradients of 3 and 4 have the norm 5.
#[test]
fn gradients_together_are_cut_to_a_norm() {
    let device = Device::libtorch();
    for (scale, most, factor) in [(1.0, 10.0, 1.0), (1.0, 2.5, 0.5), (4.0, 2.5, 0.5 / 4.0)] {
        let mut together = crate::Steps::default();
        let gradients = [3.0f32, 4.0].map(|value| value * scale as f32);
        for gradient in gradients {
            let gradient = Tensor::<1>::from_floats([gradient, 0.0], &device);
            together.add(crate::Clip { most, scale }, &[&gradient]);
        }
        let (mut stepped, norm) = together.take().unwrap();
        assert_eq!(norm.into_scalar::<f32>(), 5.0);
        for gradient in gradients {
            let [found] = stepped.give::<1, 1>();
            let found = found.into_data().try_to_vec::<f32>().unwrap();
            let expected = gradient * factor as f32;
            assert!(
                (found[0] - expected).abs() < 1e-6 * expected,
                "{} {expected}",
                found[0]
            );
            assert_eq!(found[1], 0.0);
        }
    }
    assert!(crate::Steps::<crate::Clip>::default().take().is_none());
}

/// What overflowed is told by the norm.
#[test]
fn a_gradient_that_is_no_number_is_known_by_the_norm() {
    let gradient = Tensor::<1>::from_floats([f32::INFINITY, 1.0], &Device::libtorch());
    let by = crate::Clip {
        most: f64::INFINITY,
        scale: 65_536.0,
    };
    let mut together = crate::Steps::default();
    together.add(by, &[&gradient]);
    let (_, norm) = together.take().unwrap();
    assert!(!norm.into_scalar::<f32>().is_finite());
}

#[test]
fn a_cpu_has_no_gpus_memory() {
    let device = Device::libtorch();
    assert_eq!(crate::cuda_index(&device), None);
    assert!(crate::is_libtorch(&device) && !crate::is_libtorch(&Device::flex()));
    assert_eq!(crate::peak_memory(&device), None);
    crate::forget_peak_memory(&device);
    let version = crate::libtorch_version().unwrap();
    assert!(version.starts_with("2."), "{version}");
}
