//! Passes that are recorded on a CPU.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{DType, Device, Distribution, Tensor};

use crate::{Activation, CapturedPass, compare::assert_close};

/// Within ±1.
fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), &Device::libtorch())
}

fn images() -> Tensor<4> {
    random([2, 4, 12, 8])
}

/// What networks have: convolutions with activations, sums in place, halves, windows, a constant operand, and
/// what comes after the last convolution.
fn network() -> impl Fn(Tensor<4>) -> Tensor<3> {
    let kernels = [[8, 4, 3, 3], [8, 8, 1, 1], [6, 16, 3, 3]].map(random);
    let bias = random::<1>([8]);
    let added = random::<4>([1, 8, 1, 1]);
    move |x| {
        let [first, second, last] = &kernels;
        let x = crate::libtorch::conv2d_act(&x, first, Some(&bias), [1, 1, 1], Activation::Silu);
        let x = x.expect("covered") + added.clone();
        let y = crate::libtorch::conv2d_act(&x, second, None, [1, 0, 1], Activation::Relu);
        let y = x.clone().narrow(1, 0, 8) + y.expect("covered");
        let x = Tensor::cat(vec![crate::max_pool2d(y, 3, 1, 1), x], 1);
        let x = crate::libtorch::conv2d_act(&x, last, None, [2, 1, 1], Activation::Identity);
        let [batch, channels, height, width] = x.as_ref().expect("covered").dims();
        let x = x
            .expect("covered")
            .reshape([batch, channels, height * width]);
        let centres = x.clone().narrow(1, 0, 2) * 2.0 + 0.5;
        Tensor::cat(vec![centres, x.narrow(1, 2, 4)], 1).swap_dims(1, 2)
    }
}

#[test]
fn a_replay_gives_what_the_pass_gives() {
    let (images, network) = (images(), network());
    let expected = network(images.clone());
    let captured = CapturedPass::capture(images, network).unwrap();
    let first = captured.replay().unwrap();
    assert_close(first.clone(), expected.clone(), 1e-5, "first replay");
    // Each replay has an output of its own.
    assert_close(
        captured.replay().unwrap() - first,
        expected.zeros_like(),
        1e-6,
        "second replay",
    );
}

#[test]
fn a_pass_without_convolutions_is_recorded() {
    let images = images();
    let pass = |x: Tensor<4>| (x * 3.0).reshape([2, 4, 96]);
    let captured = CapturedPass::capture(images.clone(), pass).unwrap();
    assert_close(captured.replay().unwrap(), pass(images), 1e-6, "product");
}

#[test]
fn a_pass_that_is_another_each_time_is_refused() {
    let mut times = 0.0;
    let captured = CapturedPass::capture(images(), move |x| {
        times += 1.0;
        (x * times).reshape([2, 4, 96])
    });
    let error = captured.err().expect("it can't be replayed");
    assert!(
        error.contains("gives other values than the pass"),
        "{error}"
    );
}

#[test]
fn half_precision_is_refused_by_name() {
    let half = images().cast(DType::F16);
    let captured = CapturedPass::capture(half, |x| x.reshape([2, 4, 96]));
    let error = captured.err().expect("oneDNN Graph lacks it");
    assert!(error.contains("f32 and bf16"), "{error}");
}

#[test]
fn a_pass_that_panics_leaves_nothing_recording() {
    let mut runs = 0;
    let panicking = move |x: Tensor<4>| {
        runs += 1;
        assert!(runs < 2, "the recorded run panics");
        x.reshape([2, 4, 96])
    };
    let tried = catch_unwind(AssertUnwindSafe(|| {
        CapturedPass::capture(images(), panicking)
    }));
    assert!(tried.is_err());
    assert!(CapturedPass::capture(images(), network()).is_ok());
}
