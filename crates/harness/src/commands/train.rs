//! `ablate train`: one model, outside a sweep.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use ablate_detection::dataset::{DataSpec, Dataset, Interpolation, Split};
use ablate_files::{Claim, Leases};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use ablate_records::{Stage, store};
use ablate_training::{
    BEST, Identity, LAST, Leg, Progress, RESUME, Recipe, Trained, TrainingSpec, account,
    check_checkpoint, conventions, describe_anchors, describe_weights, other_names,
};

use super::{Failure, catalog, check_imgsz, graph, print_notes};
use crate::{
    cli::TrainArgs,
    curves::{self, Curves},
    guard::guarded,
    interrupt,
    measure::auto_batch::resolved,
    progress::{Epochs, Steps, print},
    sweep::{
        WeightsFile,
        data::{decoded, is_missing, tell_task},
    },
};

pub fn execute(args: &TrainArgs) -> Result<ExitCode> {
    let device = args.device.open()?;
    let recipe = recipe(args)?;
    let spec = DataSpec::load(&args.data)?;
    let open = |split| anyhow::Ok(Dataset::open(&spec, split)?);
    let train_split = open(Split::Train)?;
    let val_split = match open(Split::Val) {
        Ok(val) => Some(val),
        Err(error) if is_missing(&error, Split::Val) => None,
        Err(error) => return Err(error),
    };
    if let Some(val) = &val_split {
        train_split.check_same_classes(val)?;
    }
    let graph = graph(
        &catalog(&args.tables)?,
        &args.model,
        Some(train_split.classes.len()),
    )?;
    check_imgsz(args.imgsz, &graph)?;
    print_notes(&args.model.to_string(), &graph);
    let family = &args.model.family;
    for caution in recipe.cautions(family, graph.detect(), args.recipe.is_some()) {
        tracing::warn!("{caution}");
    }
    tell_task(&spec, &[graph.detect()]);

    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("runs").join(args.model.to_string().replace(':', "-")));
    let checkpoint = folder.join(RESUME);
    match (args.resume, checkpoint.exists()) {
        (true, false) => bail!("--resume: {} not found", checkpoint.display()),
        (false, true) => bail!(
            "{} exists; pass --resume to continue from it, or another --out",
            checkpoint.display()
        ),
        _ => {}
    }
    let kept = [BEST, LAST].map(|name| folder.join(name));
    if let Some(weights) = kept.iter().find(|file| !args.resume && file.exists()) {
        bail!(
            "{} exists, which the training would write over; pass another --out",
            weights.display()
        );
    }
    // Of two trainings in one folder each would write over the other's checkpoints.
    let leases = Leases::open(&folder);
    let lease = match leases.claim("training") {
        Ok(Claim::Ours(lease)) => lease,
        Ok(Claim::Theirs(holder, _)) => bail!(
            "--out: expected a folder of its own, found {} in use by {holder}",
            folder.display()
        ),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot use the folder {}", folder.display()));
        }
    };
    ablate_files::remove_unfinished(&folder);
    let mut inputs = json!({
        "model": args.model.to_string(),
        "imgsz": args.imgsz,
        "recipe": recipe.inputs(graph.detect()),
        "seed": args.seed,
        "train": train_split.fingerprint(),
        "val": val_split.as_ref().map(|val| val.fingerprint()),
    });
    if let Some(file) = &args.weights {
        inputs["weights"] = WeightsFile::open(file.clone())?.hash.into();
    }
    let key = store::key(Stage::Train, &inputs);
    // For the eye, beside the fingerprints.
    inputs["train"] = readable(&train_split);
    inputs["val"] = val_split.as_ref().map(readable).into();
    let identity = Identity {
        key: &key,
        inputs: &inputs,
    };
    check_checkpoint(&folder, identity)?;
    let cached = |split, interpolation| decoded(split, args.imgsz, interpolation);
    let train = cached(train_split, Interpolation::Linear)?;
    let recipe = resolved(&recipe, &graph, &train, &args.device, &device);
    let training = TrainingSpec {
        graph: &graph,
        train: Arc::clone(&train),
        val: val_split
            .map(|val| cached(val, conventions::interpolation(graph.detect())))
            .transpose()?,
        recipe: &recipe,
        seed: args.seed,
        device: &device,
        weights: args.weights.as_deref(),
    }
    .open()?;
    if let (Some(file), Some(loaded)) = (&args.weights, &training.loaded) {
        print(&describe_weights(file, loaded));
        if let Some(other) = other_names(file, loaded.classes.as_deref(), train.dataset()) {
            tracing::warn!("{other}");
        }
    }
    if let Some(fit) = &training.anchors {
        print(&describe_anchors(fit));
    }
    let steps = Steps::new("train", 1);
    let signals = interrupt::Training::begin()?;
    let ends = || signals.interrupted() || lease.seems_lost();
    let epochs = Epochs::new(args.model.to_string(), &steps, ends, || lease.is_lost());
    let mut progress: Box<dyn Progress> = match args.tensorboard {
        true => {
            let (model, device) = (args.model.to_string(), args.device.to_string());
            let curves = folder
                .join("tensorboard")
                .join(curves::folder(&model, args.seed, &device));
            Box::new(Curves::new(epochs, curves, folder.clone(), train.len()))
        }
        false => Box::new(epochs),
    };
    let trained = guarded(|| training.run(&folder, identity, Leg::default(), &mut *progress));
    drop((progress, steps));
    let trained = trained.context(Failure("training failed"))?;
    if trained.interrupted {
        interrupt::check().inspect_err(|_| tracing::info!("--resume goes on from it"))?;
        bail!(
            "{}: the lease is gone: another training has taken the folder over, or it was removed",
            folder.display()
        );
    }
    print(&summary(&trained));
    Ok(ExitCode::SUCCESS)
}

/// A split, as an error says in what it is another one.
fn readable(split: &Dataset) -> Value {
    let account = account(split);
    json!({
        "data": account.name,
        "images": account.images,
        "boxes": account.boxes,
        "classes": split.classes,
        "fingerprint": split.fingerprint(),
    })
}

fn recipe(args: &TrainArgs) -> Result<Recipe> {
    let (recipe, notes) = match &args.recipe {
        Some(file) => Recipe::load(file)?,
        None => (Recipe::default(), Vec::new()),
    };
    notes.iter().for_each(|note| print(note));
    let mut keys = serde_yaml::Mapping::new();
    for (key, value) in [
        ("epochs", args.epochs.map(|epochs| epochs as i64)),
        ("batch", args.batch),
    ] {
        if let Some(value) = value {
            keys.insert(key.into(), value.into());
        }
    }
    Ok(recipe.with(&keys)?)
}

fn summary(trained: &Trained) -> String {
    let figure = |figure: Option<f64>| figure.map_or("–".into(), |figure| format!("{figure:.4}"));
    let best = trained.epochs.get(trained.best_epoch);
    let masks = best.filter(|epoch| epoch.mask_map50_95.is_some());
    let masks = masks.map(|epoch| {
        format!(
            "; masks {}, {}",
            figure(epoch.mask_map50),
            figure(epoch.mask_map50_95)
        )
    });
    format!(
        "best epoch {} of {}: mAP50 {}, mAP50-95 {}{}\n{:.0} s, {:.1} images/s\n{}\n{}",
        trained.best_epoch + 1,
        trained.epochs.len(),
        figure(best.and_then(|epoch| epoch.map50)),
        figure(best.and_then(|epoch| epoch.map50_95)),
        masks.unwrap_or_default(),
        trained.train_s,
        trained.images_per_s,
        trained.best_weights.display(),
        trained.last_weights.display(),
    )
}
