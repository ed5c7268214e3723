//! `ablate train`: one model, outside a sweep.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use ablate_detection::dataset::{CachedDataset, DataSpec, Interpolation, Split};
use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{Failure, catalog, check_imgsz, graph};
use crate::{
    cli::TrainArgs,
    guard::guarded,
    measure::{
        anchors,
        training::{Network, Training, network, resolved, train},
        weights::described,
    },
    progress::{Epochs, Steps, print},
    sweep::data::{is_missing, open},
    train::{Leg, RESUME, Recipe, Trained},
};
use ablate_records::{Stage, store};

pub fn execute(args: &TrainArgs) -> Result<ExitCode> {
    let device = args.device.open()?;
    let recipe = recipe(args)?;
    let spec = DataSpec::load(&args.data)?;
    let train_split = open(&spec, Split::Train)?;
    let val_split = match open(&spec, Split::Val) {
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

    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("runs").join(args.model.to_string().replace(':', "-")));
    let checkpoint = folder.join(RESUME);
    match (args.resume, checkpoint.exists()) {
        (true, false) => bail!("--resume: there is no {}", checkpoint.display()),
        (false, true) => bail!(
            "{} is there already; give --resume to go on from it, or another --out",
            checkpoint.display()
        ),
        _ => {}
    }
    let identity = store::key(
        Stage::Train,
        &json!({
            "model": args.model.to_string(),
            "imgsz": args.imgsz,
            "recipe": recipe,
            "seed": args.seed,
            "train": train_split.fingerprint(),
            "val": val_split.as_ref().map(|val| val.fingerprint()),
        }),
    );
    let data = Arc::new(CachedDataset::open(
        train_split,
        args.imgsz,
        Interpolation::Linear,
    )?);
    let recipe = resolved(&recipe, &graph, &data, &args.device, &device)?;
    let Network {
        detector,
        loaded,
        anchors,
    } = network(
        &graph,
        &recipe,
        &data,
        args.seed,
        &device,
        args.weights.as_deref(),
    )?;
    if let (Some(file), Some(loaded)) = (&args.weights, &loaded) {
        print(&described(file, loaded));
    }
    if let Some(fit) = &anchors {
        print(&anchors::described(fit));
    }
    let training = Training {
        graph: &graph,
        detector,
        train: data,
        val: val_split
            .map(|val| CachedDataset::open(val, args.imgsz, Interpolation::of(graph.detect())))
            .transpose()?
            .map(Arc::new),
        recipe: &recipe,
        seed: args.seed,
        device: &device,
        folder: &folder,
        identity: &identity,
        leg: Leg::default(),
    };
    let steps = Steps::new("train", 1);
    let mut epochs = Epochs::new(args.model.to_string(), &steps);
    let trained = guarded(|| train(training, &mut epochs));
    drop((epochs, steps));
    print(&summary(&trained.context(Failure("training failed"))?));
    Ok(ExitCode::SUCCESS)
}

fn recipe(args: &TrainArgs) -> Result<Recipe> {
    let recipe = args
        .recipe
        .as_deref()
        .map_or_else(|| Ok(Recipe::default()), Recipe::load)?;
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
