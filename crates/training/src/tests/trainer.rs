//! Whole trainings of a network of a few hundred weights.

use std::cell::Cell;
use std::path::Path;

use crate::loss::{Outputs, Yolov5Hyp, Yolov5Loss};
use ablate_detection::loader::Batch;
use ablate_model::{blocks::batch_norm::BatchNorm2d, initializer::Initializer};
use anyhow::{Result, bail};
use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, TensorData};

use crate::{
    BEST, BatchSource, Evaluate, Identity, LAST, Leg, Optimizer, Progress, RESUME, Recipe, Scores,
    Silent, StepReport, TrainJob, TrainableDetector, Trained, train,
};

const SIDE: usize = 32;

/// Three levels of one anchor, each a convolution on the one before.
#[derive(Module, Debug)]
struct Net {
    stages: Vec<Conv2d>,
    norms: Vec<BatchNorm2d>,
    heads: Vec<Conv2d>,
}

impl Net {
    /// Always of the same weights, which come from a formula: Burn's generator is one for all
    /// threads, and tests run side by side.
    fn new(device: &Device) -> Self {
        let device = device.clone().autodiff();
        let conv = |from, to, side: usize| {
            let mut conv = Conv2dConfig::new([from, to], [side; 2])
                .with_stride([side; 2])
                .init(&device);
            let bound = ((from * side * side) as f32).sqrt().recip();
            conv.weight = Param::from_tensor(spread([to, from, side, side], bound, &device));
            conv.bias = Some(Param::from_tensor(spread([to], bound, &device)));
            conv
        };
        Self {
            stages: vec![conv(3, 6, 8), conv(6, 6, 2), conv(6, 6, 2)],
            norms: (0..3)
                .map(|_| BatchNorm2d::new(6, &Initializer::new(0, &device)))
                .collect(),
            heads: (0..3).map(|_| conv(6, 7, 1)).collect(),
        }
    }
}

/// Values all over `-bound..bound`, no two neighbours alike.
fn spread<const D: usize>(shape: [usize; D], bound: f32, device: &Device) -> Tensor<D> {
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|i: usize| bound * ((i * 37 % 101) as f32 / 50.0 - 1.0))
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

impl TrainableDetector for Net {
    fn forward(&self, images: Tensor<4>) -> Outputs {
        let mut x = images;
        let mut levels = Vec::new();
        for ((stage, norm), head) in self.stages.iter().zip(&self.norms).zip(&self.heads) {
            x = silu(norm.forward(stage.forward(x)));
            let map = head.forward(x.clone());
            let [batch, outputs, height, width] = map.dims();
            levels.push(
                map.reshape([batch, 1, outputs, height, width])
                    .permute([0, 1, 3, 4, 2]),
            );
        }
        levels.into()
    }
}

/// A bright square of 16 pixels on a dark ground, its class by its colour.
struct Squares {
    value: f32,
}

impl BatchSource for Squares {
    fn batches(&self) -> usize {
        4
    }

    fn images(&self) -> usize {
        8
    }

    fn epoch_from(&self, epoch: usize, first: usize) -> Box<dyn Iterator<Item = Batch> + '_> {
        Box::new((first..4).map(move |step| {
            let mut images = vec![0.1; 2 * 3 * SIDE * SIDE];
            let mut targets = Vec::new();
            for image in 0..2 {
                let number = epoch * 7 + step * 5 + image * 3;
                let (class, left, top) = (number % 2, number * 3 % 16, number * 5 % 16);
                for (row, column) in
                    (0..16).flat_map(|row| (0..16).map(move |column| (row, column)))
                {
                    let plane = (image * 3 + class) * SIDE;
                    images[(plane + top + row) * SIDE + left + column] = self.value;
                }
                let center = |corner: usize| (corner as f32 + 8.0) / SIDE as f32;
                targets.push([
                    image as f32,
                    class as f32,
                    center(left),
                    center(top),
                    0.5,
                    0.5,
                ]);
            }
            Batch {
                images,
                size: 2,
                height: SIDE,
                width: SIDE,
                targets,
                masks: None,
                indices: vec![0, 1],
            }
        }))
    }
}

/// Scores by epoch; fails at the epoch that is told, as if the power went.
pub struct Script {
    scores: Vec<f64>,
    fails_at: Cell<Option<usize>>,
}

impl Evaluate<Net> for Script {
    fn evaluate(
        &mut self,
        detector: &Net,
        epoch: usize,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Option<Scores>> {
        assert!(
            !detector.heads[0].weight.val().is_autodiff(),
            "evaluated off the training device"
        );
        if self.fails_at.get() == Some(epoch) {
            bail!("the power went");
        }
        if interrupted() {
            return Ok(None);
        }
        Ok(Some(Scores {
            map50_95: self.scores.get(epoch).copied(),
            ..Scores::default()
        }))
    }
}

pub fn script(scores: &[f64]) -> Script {
    Script {
        scores: scores.to_vec(),
        fails_at: Cell::new(None),
    }
}

/// Three batches make a step once the short warm-up is over, so gradients wait over the end of an
/// epoch.
pub fn recipe() -> Recipe {
    Recipe {
        epochs: 6,
        batch: 2,
        nbs: 6,
        warmup_epochs: 0.0,
        warmup_min_steps: 5,
        ..Recipe::default()
    }
}

fn run(
    recipe: &Recipe,
    folder: &Path,
    identity: &str,
    value: f32,
    evaluator: &mut Script,
) -> Result<Trained> {
    run_leg(recipe, folder, identity, value, evaluator, Leg::default())
}

fn run_leg(
    recipe: &Recipe,
    folder: &Path,
    identity: &str,
    value: f32,
    evaluator: &mut Script,
    leg: Leg,
) -> Result<Trained> {
    run_until(recipe, folder, identity, value, evaluator, leg, &mut Silent)
}

fn run_until(
    recipe: &Recipe,
    folder: &Path,
    identity: &str,
    value: f32,
    evaluator: &mut Script,
    leg: Leg,
    progress: &mut dyn Progress,
) -> Result<Trained> {
    let identity = Identity {
        key: identity,
        inputs: &serde_json::json!({ "value": f64::from(value) }),
    };
    let job = (&Device::flex(), recipe, folder, identity, value);
    run_on(job, evaluator, leg, progress)
}

/// In mixed precision, if the recipe has it.
pub fn run_on(
    (device, recipe, folder, identity, value): (&Device, &Recipe, &Path, Identity, f32),
    evaluator: &mut Script,
    leg: Leg,
    progress: &mut dyn Progress,
) -> Result<Trained> {
    let anchors = [8.0f32, 16.0, 24.0].map(|side| vec![[side, side]]);
    train(TrainJob {
        detector: Net::new(device),
        loss: Box::new(Yolov5Loss::new(
            2,
            &anchors,
            &[8, 16, 32],
            Yolov5Hyp::default(),
        )?),
        data: &Squares { value },
        recipe,
        amp: recipe.amp,
        seed: 1,
        folder,
        identity,
        classes: &["red".into(), "green".into()],
        stride: 32,
        evaluator: Some(evaluator),
        leg,
        progress,
    })
}

pub fn file(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn a_training_cut_off_ends_with_the_same_weights() {
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scores = [0.1, 0.2, 0.3, 0.25, 0.5, 0.4];
    let expected = run(&recipe(), whole.path(), "a", 0.9, &mut script(&scores)).unwrap();

    let mut evaluator = script(&scores);
    for epoch in [1, 3] {
        evaluator.fails_at.set(Some(epoch));
        let error = run(&recipe(), cut.path(), "a", 0.9, &mut evaluator).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            format!("evaluation after epoch {}: the power went", epoch + 1)
        );
    }
    evaluator.fails_at.set(None);
    let resumed = run(&recipe(), cut.path(), "a", 0.9, &mut evaluator).unwrap();

    assert_eq!((expected.best_epoch, resumed.best_epoch), (4, 4));
    let losses = |trained: &Trained| {
        trained
            .epochs
            .iter()
            .map(|log| log.losses.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(losses(&resumed), losses(&expected));
    for name in [LAST, BEST] {
        assert!(
            file(whole.path(), name) == file(cut.path(), name),
            "{name} differs"
        );
    }
    assert_ne!(file(whole.path(), LAST), file(whole.path(), BEST));

    // Once done, it is done: nothing changes.
    let again = run(&recipe(), cut.path(), "a", 0.9, &mut evaluator).unwrap();
    assert_eq!(losses(&again), losses(&expected));
}

/// Asks for the end after so many batches.
pub struct EndsAfter(pub usize);

impl Progress for EndsAfter {
    fn step(&mut self, _: &StepReport) {
        self.0 -= 1;
    }

    fn interrupted(&self) -> bool {
        self.0 == 0
    }
}

#[test]
fn one_that_is_interrupted_anywhere_in_an_epoch_loses_no_batch() {
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scores = [0.1, 0.2, 0.3, 0.25, 0.5, 0.4];
    let expected = run(&recipe(), whole.path(), "a", 0.9, &mut script(&scores)).unwrap();

    let mut runs = 0;
    let resumed = loop {
        let mut evaluator = script(&scores);
        // Three batches a run of four an epoch: each place of an epoch is met, its last one too.
        let trained = run_until(
            &recipe(),
            cut.path(),
            "a",
            0.9,
            &mut evaluator,
            Leg::default(),
            &mut EndsAfter(3),
        )
        .unwrap();
        runs += 1;
        if !trained.interrupted {
            break trained;
        }
        assert!(trained.paused);
    };
    assert_eq!(runs, 24 / 3 + 1);
    for (one, other) in resumed.epochs.iter().zip(&expected.epochs) {
        assert_eq!((&one.losses, one.lr), (&other.losses, other.lr));
    }
    for name in [LAST, BEST] {
        assert!(
            file(whole.path(), name) == file(cut.path(), name),
            "{name} differs"
        );
    }
}

/// Asks for the end while epochs are evaluated, once all batches of the epoch are done.
#[derive(Default)]
struct EndsEvaluations {
    batches: usize,
    asked: Cell<usize>,
}

impl Progress for EndsEvaluations {
    fn step(&mut self, _: &StepReport) {
        self.batches += 1;
    }

    fn interrupted(&self) -> bool {
        // The trainer asks after each batch, the evaluation once more.
        self.asked.set(self.asked.get() + 1);
        self.asked.get() > self.batches
    }
}

#[test]
fn one_that_is_interrupted_in_an_evaluation_evaluates_again() {
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scores = [0.1, 0.2, 0.3, 0.25, 0.5, 0.4];
    let expected = run(&recipe(), whole.path(), "a", 0.9, &mut script(&scores)).unwrap();
    let (evaluator, leg) = (&mut script(&scores), Leg::default());
    for epoch in 0..6 {
        let mut ends = EndsEvaluations::default();
        let (recipe, folder) = (recipe(), cut.path());
        let trained = run_until(&recipe, folder, "a", 0.9, evaluator, leg, &mut ends).unwrap();
        assert_eq!((ends.batches, trained.interrupted), (4, true));
        assert_eq!(trained.epochs.len(), epoch, "the epoch is not done");
        // No batch is trained on again: only the evaluation is left.
        let leg = Leg {
            until: Some(epoch + 1),
            ..leg
        };
        let mut batches = EndsAfter(1);
        run_until(&recipe, folder, "a", 0.9, evaluator, leg, &mut batches).unwrap();
        assert_eq!(batches.0, 1);
    }
    let resumed = run(&recipe(), cut.path(), "a", 0.9, evaluator).unwrap();
    for (one, other) in resumed.epochs.iter().zip(&expected.epochs) {
        let of = |log: &ablate_records::EpochLog| (log.losses.clone(), log.lr, log.map50_95);
        assert_eq!(of(one), of(other));
    }
    assert_eq!(resumed.epochs.len(), 6);
    for name in [LAST, BEST] {
        assert!(
            file(whole.path(), name) == file(cut.path(), name),
            "{name} differs"
        );
    }
}

#[test]
fn files_of_weights_say_their_classes() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        epochs: 1,
        ..recipe()
    };
    run(&recipe, folder.path(), "a", 0.9, &mut script(&[])).unwrap();
    for name in [LAST, BEST] {
        let classes = ablate_model::weights::class_names(&folder.path().join(name));
        assert_eq!(classes, Some(vec!["red".into(), "green".into()]), "{name}");
    }
}

#[test]
fn one_whose_best_weights_are_gone_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let scores = [0.5, 0.2, 0.3, 0.25, 0.1, 0.4];
    let expected = run(&recipe(), folder.path(), "a", 0.9, &mut script(&scores)).unwrap();
    let best = file(folder.path(), BEST);
    std::fs::remove_file(folder.path().join(BEST)).unwrap();
    let again = run(&recipe(), folder.path(), "a", 0.9, &mut script(&scores)).unwrap();
    assert_eq!(again.best_epoch, expected.best_epoch);
    assert!(file(folder.path(), BEST) == best);
}

#[test]
fn so_does_one_with_musgd() {
    let recipe = Recipe {
        optimizer: Optimizer::MuSgd,
        ..recipe()
    };
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(&recipe, whole.path(), "a", 0.9, &mut script(&[])).unwrap();
    let mut evaluator = script(&[]);
    evaluator.fails_at.set(Some(3));
    run(&recipe, cut.path(), "a", 0.9, &mut evaluator).unwrap_err();
    evaluator.fails_at.set(None);
    run(&recipe, cut.path(), "a", 0.9, &mut evaluator).unwrap();
    assert!(file(whole.path(), LAST) == file(cut.path(), LAST));
}

#[test]
fn so_does_one_with_adam_at_several_sizes() {
    let recipe = Recipe {
        optimizer: Optimizer::AdamW,
        multi_scale: 0.5,
        ..recipe()
    };
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(&recipe, whole.path(), "a", 0.9, &mut script(&[])).unwrap();
    let mut evaluator = script(&[]);
    evaluator.fails_at.set(Some(3));
    run(&recipe, cut.path(), "a", 0.9, &mut evaluator).unwrap_err();
    evaluator.fails_at.set(None);
    run(&recipe, cut.path(), "a", 0.9, &mut evaluator).unwrap();
    assert!(file(whole.path(), LAST) == file(cut.path(), LAST));

    let plain = tempfile::tempdir().unwrap();
    run(
        &Recipe {
            multi_scale: 0.0,
            ..recipe
        },
        plain.path(),
        "a",
        0.9,
        &mut script(&[]),
    )
    .unwrap();
    assert_ne!(
        file(whole.path(), LAST),
        file(plain.path(), LAST),
        "sizes make a difference"
    );
}

#[test]
fn it_learns() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        epochs: 30,
        batch: 2,
        nbs: 2,
        warmup_epochs: 1.0,
        warmup_min_steps: 4,
        ..Recipe::default()
    };
    let trained = run(&recipe, folder.path(), "a", 0.9, &mut script(&[])).unwrap();
    let total = |log: &ablate_records::EpochLog| log.losses.values().sum::<f64>();
    let (first, last) = (total(&trained.epochs[0]), total(&trained.epochs[29]));
    assert!(last < 0.5 * first, "{first} to {last}");
    assert!(trained.images_per_s > 0.0 && trained.train_s > 0.0);
}

#[test]
fn it_ends_when_nothing_gets_better() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        patience: 2,
        ..recipe()
    };
    let trained = run(
        &recipe,
        folder.path(),
        "a",
        0.9,
        &mut script(&[0.5, 0.6, 0.1, 0.1, 0.1, 0.1]),
    )
    .unwrap();
    assert!(trained.stopped);
    assert_eq!((trained.epochs.len(), trained.best_epoch), (4, 1));
}

#[test]
fn evaluation_comes_when_it_is_due() {
    let evaluated = |val_interval| {
        let folder = tempfile::tempdir().unwrap();
        let recipe = Recipe {
            val_interval,
            ..recipe()
        };
        let trained = run(&recipe, folder.path(), "a", 0.9, &mut script(&[0.5; 6])).unwrap();
        trained
            .epochs
            .iter()
            .filter(|log| log.map50_95.is_some())
            .map(|log| log.epoch)
            .collect::<Vec<_>>()
    };
    assert_eq!(evaluated(4), [3, 5]);
    assert_eq!(evaluated(0), [5]);
}

/// Epochs that are evaluated for their rung alone change neither the weights nor which of them are
/// the best.
#[test]
fn a_training_in_legs_ends_as_one_without() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let recipe = Recipe {
        val_interval: 4,
        patience: 2,
        ..recipe()
    };
    // The best scores are those of the rungs, after which a patience of two epochs would run out.
    let scores = [0.9, 0.1, 0.8, 0.3, 0.1, 0.4];
    let expected = run(&recipe, whole.path(), "a", 0.9, &mut script(&scores)).unwrap();
    let mut trained = Vec::new();
    for until in [Some(1), Some(1), Some(3), None] {
        let leg = Leg {
            rungs: &[1, 3],
            until,
        };
        trained.push(run_leg(&recipe, parts.path(), "a", 0.9, &mut script(&scores), leg).unwrap());
    }
    let ends: Vec<(usize, bool)> = trained
        .iter()
        .map(|trained| (trained.epochs.len(), trained.paused))
        .collect();
    assert_eq!(ends, [(1, true), (1, true), (3, true), (6, false)]);
    assert_eq!(
        (trained[3].best_epoch, expected.best_epoch, expected.paused),
        (5, 5, false)
    );
    let evaluated = |trained: &Trained| {
        trained
            .epochs
            .iter()
            .map(|log| log.map50_95)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        evaluated(&expected),
        [None, None, None, Some(0.3), None, Some(0.4)]
    );
    assert_eq!(
        evaluated(&trained[3]),
        [Some(0.9), None, Some(0.8), Some(0.3), None, Some(0.4)]
    );
    for name in [LAST, BEST] {
        assert!(
            file(whole.path(), name) == file(parts.path(), name),
            "{name} differs"
        );
    }
}

#[test]
fn a_loss_that_is_no_number_is_an_error_that_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(&recipe(), folder.path(), "a", f32::NAN, &mut script(&[]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("epoch 1, batch 1: the loss is not finite"),
        "{error}"
    );
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        epochs: 1,
        ..recipe()
    };
    run(&recipe, folder.path(), "a", 0.9, &mut script(&[])).unwrap();
    let error = run(&recipe, folder.path(), "b", 0.9, &mut script(&[]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(RESUME)
            && error.contains("expected a checkpoint of training 'b', found one of 'a'"),
        "{error}"
    );
    let error = run(&recipe, folder.path(), "b", 0.5, &mut script(&[]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(RESUME)
            && error
                .contains("found one of another: value is 0.8999999761581421 there and 0.5 here"),
        "{error}"
    );

    std::fs::write(folder.path().join(RESUME), b"no tensors").unwrap();
    let error = run(&recipe, folder.path(), "a", 0.9, &mut script(&[]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(RESUME) && error.contains("not a SafeTensors file"),
        "{error}"
    );
}
