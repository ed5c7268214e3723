//! Trainings in mixed precision, by LibTorch on a CPU.
#![allow(deprecated, reason = "burn-tch is deprecated as a whole")]

use std::path::Path;

use burn::Tensor;
use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::Device;

use super::trainer::{EndsAfter, file, recipe, run_on, script};
use super::{assert_close, values};
use crate::checkpoint::Reader;
use crate::{
    BEST, Identity, LAST, Leg, LossScale, Progress, RESUME, Recipe, Silent, Trained, TrainingState,
};

fn run(recipe: &Recipe, folder: &Path, progress: &mut dyn Progress) -> Trained {
    let identity = Identity {
        key: "a",
        inputs: &serde_json::json!({}),
    };
    let scores = [0.1, 0.2, 0.3, 0.25, 0.5, 0.4];
    let job = (&Device::libtorch(), recipe, folder, identity, 0.9);
    run_on(job, &mut script(&scores), Leg::default(), progress).unwrap()
}

fn half(epochs: usize) -> Recipe {
    Recipe {
        amp: true,
        epochs,
        ..recipe()
    }
}

fn state(folder: &Path) -> TrainingState {
    let file = Reader::open(&folder.join(RESUME)).unwrap();
    file.unwrap().state().unwrap()
}

#[test]
fn one_cut_off_ends_with_the_same_weights_and_scale() {
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(&half(6), whole.path(), &mut Silent);
    let mut runs = 1;
    while run(&half(6), cut.path(), &mut EndsAfter(3)).interrupted {
        runs += 1;
    }
    assert_eq!(runs, 24 / 3 + 1);
    for name in [LAST, BEST] {
        assert!(
            file(whole.path(), name) == file(cut.path(), name),
            "{name} differs"
        );
    }
    let [whole, cut] = [whole, cut].map(|folder| state(folder.path()));
    assert_eq!(whole.loss_scale, cut.loss_scale);
    assert_eq!(
        (whole.steps, whole.ema_updates),
        (cut.steps, cut.ema_updates)
    );
}

#[test]
fn it_learns_as_in_32_bits() {
    let total = |amp| {
        let folder = tempfile::tempdir().unwrap();
        let recipe = Recipe {
            amp,
            nbs: 2,
            ..half(30)
        };
        let trained = run(&recipe, folder.path(), &mut Silent);
        let of = |epoch: usize| trained.epochs[epoch].losses.values().sum::<f64>();
        (of(0), of(29))
    };
    let (single, half) = (total(false), total(true));
    assert!(half.1 < 0.5 * half.0, "{half:?}");
    assert!((half.1 / single.1 - 1.0).abs() < 0.1, "{half:?} {single:?}");
    assert_ne!(half, single, "it rounds");
}

#[derive(Module, Debug)]
struct Pair {
    a: Param<Tensor<1>>,
    b: Param<Tensor<1>>,
}

/// The gradients of `3 a + 4 b`, of which each is scaled up and one is multiplied by a factor.
fn gradients(scale: LossScale, factor: f32) -> (Pair, GradientsParams) {
    let device = Device::libtorch().autodiff();
    let pair = Pair {
        a: Param::from_tensor(Tensor::from_floats([1.0], &device)),
        b: Param::from_tensor(Tensor::from_floats([2.0], &device)),
    };
    let loss = pair.a.val() * 3.0 + pair.b.val() * 4.0 * factor;
    let gradients = GradientsParams::from_grads(scale.scaled(loss).backward(), &pair);
    (pair, gradients)
}

#[test]
fn gradients_come_without_the_scale_and_within_the_norm() {
    for (most, expected) in [
        (f64::INFINITY, [3.0, 4.0]),
        (10.0, [3.0, 4.0]),
        (2.5, [1.5, 2.0]),
    ] {
        let mut scale = LossScale::default();
        let (pair, mut gradients) = gradients(scale, 1.0);
        assert!(scale.take_out(&pair, &mut gradients, most).unwrap());
        let found =
            [&pair.a, &pair.b].map(|param| values(gradients.get::<1>(param.id).unwrap())[0]);
        assert_close(&found, &expected);
        assert_eq!((scale.factor, scale.steady), (65_536.0, 1));
    }
}

#[test]
fn gradients_that_overflow_halve_the_scale() {
    for factor in [f32::INFINITY, f32::NAN] {
        let mut scale = LossScale::default();
        let (pair, mut gradients) = gradients(scale, factor);
        assert!(!scale.take_out(&pair, &mut gradients, 10.0).unwrap());
        assert_eq!((scale.factor, scale.steady), (32_768.0, 0));
    }
}
