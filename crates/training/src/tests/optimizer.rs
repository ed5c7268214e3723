//! Steps of the optimizer against those of PyTorch 2's `SGD` with `nesterov`.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::Device;

use super::{assert_close, values};
use crate::optimizer::adam::{Adam, Decay};
use crate::optimizer::clip_norm;
use crate::{Rates, Sgd};

#[derive(Module, Debug)]
struct Tiny {
    weight: Param<Tensor<2>>,
    norm: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

impl Tiny {
    fn new(device: &Device) -> Self {
        Self {
            weight: Param::from_data([[0.5, -1.0], [2.0, 0.25]], device),
            norm: Param::from_data([1.0, 0.5], device),
            bias: Param::from_data([0.1, -0.2], device),
        }
    }

    /// Gradients 3w²k, norm and (k, -2k).
    fn gradients(&self, k: f32) -> GradientsParams {
        let slope = Tensor::from_floats([1.0, -2.0], &self.bias.val().device());
        let loss = self.weight.val().powi_scalar(3).sum() * k
            + self.norm.val().square().sum() * 0.5
            + (self.bias.val() * slope).sum() * k;
        GradientsParams::from_grads(loss.backward(), self)
    }
}

/// Bias rate, rate and momentum of four steps, as in a warm-up.
const RATES: [(f64, f64, f64); 4] = [
    (0.1, 0.0, 0.8),
    (0.06, 0.01, 0.85),
    (0.04, 0.02, 0.9),
    (0.01, 0.01, 0.937),
];

/// Weight, norm and bias after a step.
type Step = ([f32; 4], [f32; 2], [f32; 2]);

/// What PyTorch makes of weight (decay 0.01), norm and bias in these steps.
const PYTORCH: [Step; 4] = [
    ([0.5, -1.0, 2.0, 0.25], [1.0, 0.5], [-0.08, 0.16]),
    (
        [0.466_702_64, -1.132_417_8, 1.468_785_5, 0.241_643_5],
        [0.974_275, 0.487_137_5],
        [-0.345_35, 0.690_7],
    ),
    (
        [0.357_256_47, -1.708_768_2, 0.175_780_79, 0.212_849_96],
        [0.907_282_5, 0.453_641_27],
        [-0.665_689_95, 1.331_379_9],
    ),
    (
        [0.293_305_6, -2.555_779_5, -0.272_561_8, 0.193_383_83],
        [0.866_536_44, 0.433_268_22],
        [-0.792_028_9, 1.584_057_8],
    ),
];

#[test]
fn steps_are_pytorchs() {
    let mut tiny = Tiny::new(&Device::flex().autodiff());
    let mut sgd = Sgd::new(&tiny, 0.01);
    for (k, ((bias_lr, lr, momentum), (weight, norm, bias))) in
        RATES.into_iter().zip(PYTORCH).enumerate()
    {
        let gradients = tiny.gradients(k as f32 + 1.0);
        tiny = sgd.step(
            tiny,
            gradients,
            Rates {
                bias_lr,
                lr,
                momentum,
            },
        );
        assert_close(&values(tiny.weight.val()), &weight);
        assert_close(&values(tiny.norm.val()), &norm);
        assert_close(&values(tiny.bias.val()), &bias);
        assert!(tiny.weight.val().is_require_grad(), "it can be trained on");
    }
}

/// The same for Adam and AdamW, of learning rates by group as above.
const PYTORCH_ADAM: [(Decay, [Step; 4]); 2] = [
    (
        Decay::Gradient,
        [
            ([0.5, -1.0, 2.0, 0.25], [1.0, 0.5], [1e-8, -0.100_000_02]),
            (
                [0.490_344_64, -1.009_65, 1.990_347_3, 0.240_341_16],
                [0.99, 0.49],
                [-0.057_910_9, -0.042_089_1],
            ),
            (
                [0.471_099_9, -1.028_765_9, 1.971_165_7, 0.221_017_08],
                [0.970_007_3, 0.470_015_14],
                [-0.096_230_95, -0.003_769_06],
            ),
            (
                [0.461_397_7, -1.038_316_1, 1.961_535_7, 0.211_234_69],
                [0.960_021_5, 0.460_045_34],
                [-0.105_835_05, 0.005_835_05],
            ),
        ],
    ),
    (
        Decay::Decoupled,
        [
            ([0.5, -1.0, 2.0, 0.25], [1.0, 0.5], [1e-8, -0.100_000_02]),
            (
                [0.490_298_18, -1.009_551_8, 1.990_148_2, 0.240_323_17],
                [0.99, 0.49],
                [-0.057_910_9, -0.042_089_1],
            ),
            (
                [0.470_961_72, -1.028_469_7, 1.970_57, 0.220_963_48],
                [0.970_007_3, 0.470_015_14],
                [-0.096_230_95, -0.003_769_06],
            ),
            (
                [0.461_214_7, -1.037_919_2, 1.960_743_2, 0.211_163_57],
                [0.960_021_5, 0.460_045_34],
                [-0.105_835_05, 0.005_835_05],
            ),
        ],
    ),
];

#[test]
fn adams_steps_are_pytorchs() {
    for (decay, expected) in PYTORCH_ADAM {
        let mut tiny = Tiny::new(&Device::flex().autodiff());
        let mut adam = Adam::new(&tiny, 0.9, decay, 0.01);
        for (k, ((bias_lr, lr, momentum), (weight, norm, bias))) in
            RATES.into_iter().zip(expected).enumerate()
        {
            let gradients = tiny.gradients(k as f32 + 1.0);
            tiny = adam.step(
                tiny,
                gradients,
                Rates {
                    bias_lr,
                    lr,
                    momentum,
                },
            );
            assert_close(&values(tiny.weight.val()), &weight);
            assert_close(&values(tiny.norm.val()), &norm);
            assert_close(&values(tiny.bias.val()), &bias);
        }
    }
}

#[test]
fn parameters_without_a_gradient_stay() {
    let tiny = Tiny::new(&Device::flex().autodiff());
    let mut sgd = Sgd::new(&tiny, 0.5);
    let before = values(tiny.weight.val());
    let after = sgd.step(
        tiny,
        GradientsParams::new(),
        Rates {
            bias_lr: 1.0,
            lr: 1.0,
            momentum: 0.9,
        },
    );
    assert_eq!(values(after.weight.val()), before);
}

#[test]
fn a_long_gradient_is_cut_over_all_parameters_together() {
    let device = Device::flex();
    let tiny = Tiny::new(&device.clone().autodiff());
    let mut gradients = GradientsParams::new();
    gradients.register(tiny.norm.id, Tensor::<1>::from_floats([3.0, 4.0], &device));
    gradients.register(tiny.bias.id, Tensor::<1>::from_floats([12.0, 0.0], &device));
    assert_eq!(clip_norm(&tiny, &mut gradients, 20.0), 13.0);
    assert_eq!(
        values(gradients.get::<1>(tiny.bias.id).unwrap()),
        [12.0, 0.0],
        "short enough"
    );
    assert_eq!(clip_norm(&tiny, &mut gradients, 10.0), 13.0);
    assert_close(
        &values(gradients.get::<1>(tiny.norm.id).unwrap()),
        &[2.307_692, 3.076_923],
    );
    assert_close(
        &values(gradients.get::<1>(tiny.bias.id).unwrap()),
        &[9.230_768, 0.0],
    );
}
