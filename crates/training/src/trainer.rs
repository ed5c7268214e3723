//! The loop: batches, gradients, steps; epochs, evaluation, checkpoints.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::loss::{DetectionLoss, Targets};
use ablate_detection::dataset::random::{Draw, stream};
use ablate_detection::loader::Batch;
use ablate_kernels::{Clip, uploaded};
use anyhow::{Context, Result, ensure};
use burn::Tensor;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Device;

use crate::amp::{LossScale, half_outputs};
use crate::checkpoint::{BEST, BegunEpoch, LAST, RESUME, Reader, TrainingState, Writer};
use crate::identity;
use crate::optimizer::{clip_norm, clip_norm_ahead};
use crate::pending::{Pending, ReadBatch};
use crate::tensors::{Tensors, replace, summed, values};
use crate::{
    BatchSource, Ema, Evaluate, Identity, Progress, Recipe, Schedule, Scores, StepReport, StepRule,
    StepSettings, TrainableDetector,
};
use ablate_records::EpochLog;

/// All that a training needs.
pub struct TrainJob<'a, M> {
    /// The network with its first weights, on a training device (`device.autodiff()`).
    pub detector: M,
    /// What it is trained on.
    pub loss: Box<dyn DetectionLoss>,
    /// The batches.
    pub data: &'a dyn BatchSource,
    /// Rates, epochs and all other settings.
    pub recipe: &'a Recipe,
    /// Whether the network's passes are in half precision, which is for LibTorch's devices alone.
    pub amp: bool,
    /// Of whatever in the network is random while it trains; the data have their own.
    pub seed: u64,
    /// Where checkpoints go. If a checkpoint of the same identity lies there, training goes on from
    /// it.
    pub folder: &'a Path,
    /// Says what is trained on what and how.
    pub identity: Identity<'a>,
    /// Names of the classes, which the files of weights say.
    pub classes: &'a [String],
    /// Pixels in which the sides of the network's input are counted: its largest stride.
    pub stride: usize,
    /// Evaluates after epochs; without one, the last epoch counts as the best.
    pub evaluator: Option<&'a mut dyn Evaluate<M>>,
    /// Which part of the training to run.
    pub leg: Leg<'a>,
    /// Is told how the training goes on.
    pub progress: &'a mut dyn Progress,
}

/// The part of a training that is asked for: all of it by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leg<'a> {
    /// Numbers of epochs after which the network is evaluated in addition to the recipe's
    /// evaluations. Their scores are logged only: the best epoch and the end of the training follow
    /// from the recipe's evaluations alone.
    pub rungs: &'a [usize],
    /// Number of epochs after which the training pauses; the next leg goes on from its checkpoint.
    pub until: Option<usize>,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The log, epoch by epoch.
    pub epochs: Vec<EpochLog>,
    /// Epoch of the best weights: the last where nothing was evaluated.
    pub best_epoch: usize,
    /// File of the best epoch's weights.
    pub best_weights: PathBuf,
    /// File of the last epoch's weights.
    pub last_weights: PathBuf,
    /// Whether training ended before its last epoch, for want of progress.
    pub stopped: bool,
    /// Whether there is more to train: the leg ended before the training did.
    pub paused: bool,
    /// Whether it was interrupted, and waits for another run.
    pub interrupted: bool,
    /// Seconds of wall-clock time, evaluation included, summed over resumed runs.
    pub train_s: f64,
    /// Images a second over all batches: loading included, evaluation and checkpoints not.
    pub images_per_s: f64,
}

/// Trains a network, from the beginning or from the checkpoint in the job's folder. A training that
/// was cut off and resumed ends with the same weights as one that was not.
///
/// # Errors
/// A loss that is not a number, by epoch and batch; files that cannot be written or read; a
/// checkpoint of another training; batches that do not fit the network; an evaluation that failed.
pub fn train<M: TrainableDetector>(job: TrainJob<'_, M>) -> Result<Trained> {
    job.recipe.check()?;
    ensure!(job.data.batches() > 0, "the training split has no image");
    std::fs::create_dir_all(job.folder).with_context(|| job.folder.display().to_string())?;
    Trainer::new(job)?.run()
}

struct Trainer<'a, M> {
    device: Device,
    network: M,
    ema: Ema<M>,
    steps: StepRule,
    /// Gradients that wait for more, so that their batches make a nominal batch.
    gradients: GradientsAccumulator<M>,
    /// Those of a checkpoint, until the next batch has some.
    restored: Option<Tensors>,
    schedule: Schedule,
    state: TrainingState,
    pending: Pending,
    loss: Box<dyn DetectionLoss>,
    data: &'a dyn BatchSource,
    recipe: &'a Recipe,
    seed: u64,
    folder: &'a Path,
    classes: &'a [String],
    stride: usize,
    evaluator: Option<&'a mut dyn Evaluate<M>>,
    leg: Leg<'a>,
    progress: &'a mut dyn Progress,
}

impl<'a, M: TrainableDetector> Trainer<'a, M> {
    fn new(job: TrainJob<'a, M>) -> Result<Self> {
        let TrainJob {
            detector,
            loss,
            data,
            recipe,
            amp,
            seed,
            folder,
            identity,
            classes,
            stride,
            evaluator,
            leg,
            progress,
        } = job;
        let device = detector
            .devices()
            .into_iter()
            .next()
            .context("the network has no parameters")?
            .autodiff();
        let schedule = Schedule::new(recipe, data.batches());
        let steps = StepRule::new(&detector, recipe, schedule.weight_decay());
        let ema = Ema::new(detector.valid(), 0, recipe.ema_decay, recipe.ema_tau);
        let mut trainer = Self {
            pending: Pending::new(&device),
            device,
            network: detector,
            ema,
            steps,
            gradients: GradientsAccumulator::new(),
            restored: None,
            schedule,
            state: TrainingState {
                loss_scale: amp.then(LossScale::default),
                identity: identity.key.into(),
                inputs: identity.inputs.clone(),
                ..TrainingState::default()
            },
            loss,
            data,
            recipe,
            seed,
            folder,
            classes,
            stride,
            evaluator,
            leg,
            progress,
        };
        if let Some(file) = Reader::open(&folder.join(RESUME))? {
            let state = file.state()?;
            let best = folder.join(BEST);
            match state.log.is_empty() || best.exists() {
                true => trainer = trainer.resume(&file, state)?,
                // Its epoch can't be had again but by training.
                false => tracing::warn!("{} is missing; the training begins anew", best.display()),
            }
        }
        Ok(trainer)
    }

    fn run(mut self) -> Result<Trained> {
        self.data.begin();
        let first = self.state.log.len();
        let end = self
            .leg
            .until
            .map_or(self.recipe.epochs, |until| until.min(self.recipe.epochs));
        self.progress
            .start(first, self.recipe.epochs, self.data.batches());
        for epoch in first..end {
            if self.state.stopped {
                break;
            }
            let start = Instant::now();
            self = self.epoch(epoch)?;
            self.state.total_s += start.elapsed().as_secs_f64();
            if self.state.begun.is_some() {
                self.save_state()?;
                break;
            }
            // Checkpoints are part of the time, too, but the last one can't know its own.
            let start = Instant::now();
            self.save()?;
            self.state.total_s += start.elapsed().as_secs_f64();
            if let Some(log) = self.state.log.last() {
                self.progress.epoch(log, self.recipe.epochs);
            }
        }
        if self.state.begun.is_none() {
            for name in [BEST, LAST] {
                let file = self.folder.join(name);
                ensure!(
                    file.exists(),
                    "{}: vanished while the network was trained",
                    file.display()
                );
            }
        }
        let TrainingState {
            log,
            best,
            stopped,
            total_s,
            batches_s,
            images,
            begun,
            ..
        } = self.state;
        Ok(Trained {
            best_epoch: best.map_or(log.len().saturating_sub(1), |(epoch, _)| epoch),
            paused: !stopped && log.len() < self.recipe.epochs,
            interrupted: begun.is_some(),
            epochs: log,
            best_weights: self.folder.join(BEST),
            last_weights: self.folder.join(LAST),
            stopped,
            train_s: total_s,
            images_per_s: images as f64 / batches_s.max(f64::MIN_POSITIVE),
        })
    }

    /// All batches of an epoch, then evaluation where it is due. If it is interrupted, the state
    /// says how far it came.
    fn epoch(mut self, epoch: usize) -> Result<Self> {
        let start = Instant::now();
        let steps = self.data.batches();
        self.loss.start_epoch(epoch);
        let mut begun = self.state.begun.take().unwrap_or_default();
        begun.losses.resize(self.loss.items().len(), 0.0);
        let data = self.data;
        for (batch, step) in data.epoch_from(epoch, begun.steps).zip(begun.steps..) {
            let settings = self.schedule.at(epoch, step);
            begun.lr = settings.rates.lr;
            data.check()?;
            self.state.images += batch.size;
            self = self.batch(batch, settings, epoch, step)?;
            if self.pending.is_due() {
                self.read(epoch, &mut begun)?;
            }
            if self.progress.interrupted() {
                self.read(epoch, &mut begun)?;
                begun.steps = step + 1;
                begun.seconds += start.elapsed().as_secs_f64();
                self.state.batches_s += start.elapsed().as_secs_f64();
                self.state.begun = Some(begun);
                return Ok(self);
            }
        }
        self.read(epoch, &mut begun)?;
        self.state.batches_s += start.elapsed().as_secs_f64();

        let Some(scores) = self.evaluate(epoch)? else {
            begun.steps = steps;
            begun.seconds += start.elapsed().as_secs_f64();
            self.state.begun = Some(begun);
            return Ok(self);
        };
        let losses = self.loss.items().iter().zip(begun.losses);
        self.state.log.push(EpochLog {
            epoch,
            lr: begun.lr,
            losses: losses
                .map(|(name, sum)| ((*name).to_owned(), sum / steps as f64))
                .collect(),
            map50: scores.and_then(|scores| scores.map50),
            map50_95: scores.and_then(|scores| scores.map50_95),
            mask_map50: scores.and_then(|scores| scores.mask_map50),
            mask_map50_95: scores.and_then(|scores| scores.mask_map50_95),
            seconds: begun.seconds + start.elapsed().as_secs_f64(),
        });
        Ok(self)
    }

    /// Forward, backward, and a step of the optimizer where enough images came together.
    fn batch(
        mut self,
        batch: Batch,
        settings: StepSettings,
        epoch: usize,
        step: usize,
    ) -> Result<Self> {
        let number = epoch * self.data.batches() + step;
        // Whatever is random in the network follows from the batch, not from what ran before.
        self.device.seed(
            self.seed
                .wrapping_add(number as u64)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15),
        );
        let size = self.input_size(&batch, epoch, step);
        let Batch {
            images,
            size,
            height,
            width,
            targets,
            masks,
            ..
        } = batch.resized(size);
        let images = uploaded(images, [size, 3, height, width], &self.device);
        let outputs = match self.state.loss_scale {
            Some(_) => half_outputs(&self.network, images),
            None => self.network.forward(images),
        };
        let loss = self.loss.forward(
            outputs,
            Targets {
                boxes: &targets,
                masks: masks.as_ref(),
            },
        )?;
        let lr = settings.rates.lr;
        self.pending.add(step, lr, Tensor::cat(loss.items, 0));
        let total = match self.state.loss_scale {
            Some(scale) => scale.scaled(loss.total),
            None => loss.total,
        };
        let mut gradients = GradientsParams::from_grads(total.backward(), &self.network);
        if let Some(restored) = self.restored.take() {
            gradients = summed(&self.network, gradients, restored);
        }
        self.gradients.accumulate(&self.network, gradients);

        if number as i64 - self.state.last_update.map_or(-1, |last| last as i64)
            >= settings.accumulate as i64
        {
            let mut gradients = self.gradients.grads();
            if self.prepare(&mut gradients, epoch, step)? {
                self.network = self.steps.step(self.network, gradients, settings.rates);
            }
            self.ema.update(&self.network);
            self.state.last_update = Some(number);
        }
        Ok(self)
    }

    /// Bounds the gradients' norm, as the recipe has it, and takes the scale of the loss out of them. False if they
    /// overflowed in half precision: then there is no step.
    fn prepare(&mut self, gradients: &mut Tensors, epoch: usize, step: usize) -> Result<bool> {
        let most = match self.recipe.clip_norm {
            0.0 => f64::INFINITY,
            most => most,
        };
        if let Some(scale) = &mut self.state.loss_scale {
            let finite = scale.take_out(&self.network, gradients, most)?;
            ensure!(
                scale.factor >= LossScale::LEAST,
                "epoch {}, batch {}: the gradient is not finite, whatever the loss is scaled by; a smaller lr0 or a longer warm-up may help",
                epoch + 1,
                step + 1
            );
            return Ok(finite);
        }
        if most.is_infinite() {
            return Ok(true);
        }
        if ablate_kernels::cuda_index(&self.device).is_some() {
            let norm = clip_norm_ahead(&self.network, gradients, Clip { most, scale: 1.0 });
            self.pending.add_norm(norm);
            return Ok(true);
        }
        let norm = clip_norm(&self.network, gradients, most);
        if !norm.is_finite() {
            // What was lost first is told.
            for batch in self.pending.read()? {
                self.check(epoch, &batch)?;
            }
        }
        check_norm(epoch, step, norm)?;
        Ok(true)
    }

    /// Reads the losses that are still on the device, and reports them.
    fn read(&mut self, epoch: usize, begun: &mut BegunEpoch) -> Result<()> {
        for batch in self.pending.read()? {
            self.check(epoch, &batch)?;
            let sums = begun.losses.iter_mut().zip(&batch.losses);
            sums.for_each(|(sum, loss)| *sum += f64::from(*loss));
            let names = self.loss.items().iter().copied();
            self.progress.step(&StepReport {
                epoch,
                step: batch.step,
                steps: self.data.batches(),
                losses: names.zip(batch.losses).collect(),
                lr: batch.lr,
            });
        }
        Ok(())
    }

    /// Rejects what is no number.
    fn check(&self, epoch: usize, batch: &ReadBatch) -> Result<()> {
        ensure!(
            batch.losses.iter().all(|loss| loss.is_finite()),
            "epoch {}, batch {}: the loss is not finite ({}); a smaller lr0 or a longer warm-up may help",
            epoch + 1,
            batch.step + 1,
            self.loss
                .items()
                .iter()
                .zip(&batch.losses)
                .map(|(name, loss)| format!("{name} {loss}"))
                .collect::<Vec<_>>()
                .join(", "),
        );
        batch.norm.map_or(Ok(()), |norm| {
            check_norm(epoch, batch.step, f64::from(norm))
        })
    }

    /// Width and height of a batch's images: as they come, or, at several scales, of a random side
    /// that follows from epoch and batch.
    fn input_size(&self, batch: &Batch, epoch: usize, step: usize) -> (usize, usize) {
        let share = self.recipe.multi_scale;
        if share == 0.0 {
            return (batch.width, batch.height);
        }
        let (side, stride) = (batch.width.max(batch.height), self.stride);
        let least = ((side as f64 * (1.0 - share)) as usize).max(stride);
        let beyond = (side as f64 * (1.0 + share)) as usize + stride;
        let mut random = stream(self.seed, 0x6d75_6c74, epoch as u64, step as u64);
        let drawn = (least + random.below(beyond - least)) / stride * stride;
        let scaled = |of: usize| (of * drawn).div_ceil(side * stride) * stride;
        (scaled(batch.width), scaled(batch.height))
    }

    /// Scores of the average network where they are due after this epoch; keeps the best weights.
    /// None if the evaluation was interrupted: then nothing is changed.
    fn evaluate(&mut self, epoch: usize) -> Result<Option<Option<Scores>>> {
        let last = epoch + 1 == self.recipe.epochs;
        let due = last
            || (self.recipe.val_interval > 0
                && (epoch + 1).is_multiple_of(self.recipe.val_interval));
        let rung = self.leg.rungs.contains(&(epoch + 1));
        let scores = match &mut self.evaluator {
            Some(evaluator) if due || rung => {
                let interrupted = || self.progress.interrupted();
                let scores = evaluator.evaluate(self.ema.module(), epoch, &interrupted);
                let scores =
                    scores.with_context(|| format!("evaluation after epoch {}", epoch + 1))?;
                if scores.is_none() {
                    return Ok(None);
                }
                scores
            }
            _ => None,
        };
        let fitness = scores.filter(|_| due).map(|scores| scores.fitness());
        let best = self.state.best.map(|(_, fitness)| fitness);
        if fitness.is_some_and(|fitness| best.is_none_or(|best| fitness > best)) {
            self.state.best = fitness.map(|fitness| (epoch, fitness));
            self.save_weights(BEST)?;
        }
        if let Some((best, _)) = self.state.best {
            self.state.stopped =
                !last && self.recipe.patience > 0 && epoch - best >= self.recipe.patience;
        }
        Ok(Some(scores))
    }

    fn save_weights(&self, name: &str) -> Result<()> {
        let average = self.ema.module();
        let mut writer = Writer::default();
        writer.add("", average, &values(average));
        average
            .buffers()
            .into_iter()
            .for_each(|(name, shape, values)| writer.add_values(name, shape, &values));
        let is_ours = || !self.progress.lost();
        Ok(writer.write_weights(&self.folder.join(name), self.classes, is_ours)?)
    }

    fn save(&mut self) -> Result<()> {
        self.save_weights(LAST)?;
        if self.state.best.is_none() {
            self.save_weights(BEST)?;
        }
        self.save_state()
    }

    /// What the training goes on from.
    fn save_state(&mut self) -> Result<()> {
        self.state.ema_updates = self.ema.updates();
        self.state.steps = self.steps.taken();
        let network = self.network.valid();
        // Nothing was trained since they were read, or all are in the sums.
        let restored = self.restored.take();
        let is_restored = restored.is_some();
        let gradients = restored.unwrap_or_else(|| self.gradients.grads());
        let mut writer = Writer::default();
        writer.add("network.", &network, &values(&network));
        writer.add("average.", self.ema.module(), &values(self.ema.module()));
        self.steps
            .buffers()
            .into_iter()
            .for_each(|(prefix, tensors)| writer.add(prefix, &network, tensors));
        writer.add("gradient.", &network, &gradients);
        match is_restored {
            true => self.restored = Some(gradients),
            false => self.gradients.accumulate(&self.network, gradients),
        }
        let is_ours = || !self.progress.lost();
        Ok(writer.write_state(&self.folder.join(RESUME), &self.state, is_ours)?)
    }

    fn resume(mut self, file: &Reader, state: TrainingState) -> Result<Self> {
        let identity = Identity {
            key: &self.state.identity,
            inputs: &self.state.inputs,
        };
        identity::check(file, &state, identity)?;
        let network: Tensors = file.all_tensors("network.", &self.network)?;
        let average = file.all_tensors("average.", self.ema.module())?;
        let average = replace(self.network.valid(), average);
        let taken = state.steps.unwrap_or(state.ema_updates);
        self.steps
            .restore(taken, |prefix| file.tensors(prefix, &self.network))?;
        self.restored = Some(file.tensors("gradient.", &self.network)?);
        self.network = replace(self.network, network);
        self.ema = Ema::new(
            average,
            state.ema_updates,
            self.recipe.ema_decay,
            self.recipe.ema_tau,
        );
        // A checkpoint of an earlier version does not say its inputs.
        self.state = TrainingState {
            inputs: self.state.inputs,
            loss_scale: state.loss_scale.or(self.state.loss_scale),
            ..state
        };
        Ok(self)
    }
}

fn check_norm(epoch: usize, step: usize, norm: f64) -> Result<()> {
    ensure!(
        norm.is_finite(),
        "epoch {}, batch {}: the gradient is not finite; a smaller lr0 or a longer warm-up may help",
        epoch + 1,
        step + 1
    );
    Ok(())
}
