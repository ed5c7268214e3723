//! From what the user wrote to cells and stages: pure, so that a plan can be printed before
//! anything runs.

use std::collections::HashMap;

use ablate_model::{Catalog, ModelName};
use anyhow::{Result, bail};

use super::config::{Scale, SweepConfig};
use crate::{
    device::DeviceName,
    measure::{mode::Mode, precision::Precision},
};
use ablate_records::{Cell, ImageSizes, Stage};

/// Begins the reason why a stage is skipped on a machine that lacks the cell's device.
pub const ABSENT: &str = "device absent";

/// The cells of a sweep, in the order in which they run and are shown.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the sweep.
    pub sweep: String,
    /// The cells.
    pub cells: Vec<PlannedCell>,
}

/// A cell and what the sweep asks of it.
#[derive(Clone, Debug)]
pub struct PlannedCell {
    /// Names the cell on the command line and its folder of weights; the same in every run of the
    /// sweep.
    pub id: String,
    /// The model.
    pub model: ModelName,
    /// Where it is measured.
    pub device: DeviceName,
    /// Number format of its latency.
    pub dtype: Precision,
    /// How its latency's forward pass is launched.
    pub mode: Mode,
    /// What its records say of it.
    pub cell: Cell,
    /// Stages that are not run, and why.
    skipped: Vec<(Stage, String)>,
}

/// The part of a plan that a run is asked for; an empty list asks for all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids of cells.
    pub cells: Vec<String>,
    /// Families.
    pub families: Vec<String>,
    /// Scales.
    pub scales: Vec<String>,
    /// Variants, as in a model's name.
    pub variants: Vec<String>,
    /// Stages.
    pub stages: Vec<Stage>,
}

impl Plan {
    /// Plans the sweep for a number of classes; `dataset` is the name of the data set that networks
    /// are trained on.
    ///
    /// # Errors
    /// If two cells would have one id.
    pub fn new(
        config: &SweepConfig,
        catalog: &Catalog,
        nc: usize,
        dataset: Option<&str>,
    ) -> Result<Self> {
        Self::of(config, &config.models(catalog), nc, dataset)
    }

    /// As [`Self::new`], of these models.
    ///
    /// # Errors
    /// The same.
    pub fn of(
        config: &SweepConfig,
        models: &[ModelName],
        nc: usize,
        dataset: Option<&str>,
    ) -> Result<Self> {
        let mut cells = Vec::new();
        for (device, way) in config
            .devices
            .iter()
            .flat_map(|device| ways(config).map(move |way| (device, way)))
        {
            for model in models {
                let seeds: Vec<_> = match trains(config, model, way) {
                    Ok(()) => config.seeds.all().into_iter().map(Some).collect(),
                    Err(_) => vec![None],
                };
                cells.extend(
                    seeds
                        .into_iter()
                        .map(|seed| planned(config, nc, dataset, model, (device, way), seed)),
                );
            }
        }
        let mut seen: HashMap<&str, &ModelName> = HashMap::new();
        for cell in &cells {
            if let Some(other) = seen.insert(&cell.id, &cell.model) {
                bail!(
                    "{other} and {} make the same cell {}; keep one of them",
                    cell.model,
                    cell.id
                );
            }
        }
        Ok(Self {
            sweep: config.name.clone(),
            cells,
        })
    }

    /// The cells that are asked for.
    ///
    /// # Errors
    /// A word of the selection that matches no cell of the sweep.
    pub fn select(&self, selection: &Selection) -> Result<Vec<&PlannedCell>> {
        type Word = fn(&PlannedCell) -> String;
        let filters: [(&str, &[String], Word); 4] = [
            ("cell", &selection.cells, |cell| cell.id.clone()),
            ("family", &selection.families, |cell| {
                cell.cell.family.clone()
            }),
            ("scale", &selection.scales, |cell| cell.cell.scale.clone()),
            ("variant", &selection.variants, |cell| {
                cell.cell.variant.clone()
            }),
        ];
        let mut cells: Vec<&PlannedCell> = self.cells.iter().collect();
        for (what, words, word_of) in filters {
            if let Some(word) = words
                .iter()
                .find(|word| !self.cells.iter().any(|cell| word_of(cell) == **word))
            {
                let mut known: Vec<String> = Vec::new();
                for cell in &self.cells {
                    let word = word_of(cell);
                    if !known.contains(&word) {
                        known.push(word);
                    }
                }
                bail!(
                    "unknown {what} '{word}' in sweep {}; known: {}",
                    self.sweep,
                    known.join(", ")
                );
            }
            cells.retain(|cell| words.is_empty() || words.contains(&word_of(cell)));
        }
        if cells.is_empty() {
            bail!(
                "sweep {}: no cell matches the selection; --dry-run lists the cells",
                self.sweep
            );
        }
        Ok(cells)
    }
}

impl PlannedCell {
    /// Why a stage is not run; None if it is.
    pub fn skipped(&self, stage: Stage) -> Option<&str> {
        let found = self.skipped.iter().find(|(skipped, _)| *skipped == stage);
        found.map(|(_, reason)| reason.as_str())
    }

    /// Whether the sweep has the stage for the cell, on whatever machine.
    pub fn asks(&self, stage: Stage) -> bool {
        self.skipped(stage)
            .is_none_or(|reason| reason.starts_with(ABSENT))
    }
}

impl Selection {
    /// Whether a stage is asked for.
    pub fn wants(&self, stage: Stage) -> bool {
        self.stages.is_empty() || self.stages.contains(&stage)
    }
}

/// The size of a stage that is not asked for is that of the one before.
fn image_sizes(config: &SweepConfig) -> ImageSizes {
    let cost = config.cost.imgsz;
    let latency = config
        .latency
        .as_ref()
        .map_or(cost, |latency| latency.imgsz);
    let train = config.train.as_ref().map_or(latency, |train| train.imgsz);
    ImageSizes {
        cost,
        latency,
        train,
    }
}

fn planned(
    config: &SweepConfig,
    nc: usize,
    dataset: Option<&str>,
    model: &ModelName,
    (device, way): (&DeviceName, (Precision, Mode)),
    seed: Option<u64>,
) -> PlannedCell {
    let latency = config.latency.as_ref();
    let (dtype, mode) = way;
    let cell = Cell {
        model: model.to_string(),
        family: model.family.clone(),
        variant: model.variant(),
        scale: model.scale.clone(),
        nc,
        imgsz: image_sizes(config),
        dataset: seed.and(dataset).map(str::to_owned),
        seed,
        device: device.to_string(),
        batch: latency.map_or(1, |latency| latency.batch),
        dtype: dtype.name().into(),
        mode: mode.name().into(),
    };
    let absent = |_| {
        device
            .available()
            .map_err(|error| format!("{ABSENT}: {error}"))
    };
    let trained = trains(config, model, way).and_then(absent);
    // Whatever the machine, so it comes before the search for the device.
    let captures = |_| mode.check(device).map_err(|error| error.to_string());
    let timed = times(config, model).and_then(captures).and_then(absent);
    let checks = [
        (Stage::Latency, timed),
        (Stage::Train, trained.clone()),
        (
            Stage::Eval,
            trained.clone().and_then(|()| evaluates(config)),
        ),
        (Stage::Detect, trained.and_then(|()| detects(config, seed))),
    ];
    let skipped = checks
        .into_iter()
        .filter_map(|(stage, check)| Some((stage, check.err()?)))
        .collect();
    PlannedCell {
        id: cell_id(&cell),
        model: model.clone(),
        device: *device,
        dtype,
        mode,
        cell,
        skipped,
    }
}

/// A word for files and command lines: model, device, number format where it is not f32, mode where
/// it is not eager, and data set and seed where the cell is trained.
pub fn cell_id(cell: &Cell) -> String {
    let mut id = format!("{}@{}", cell.model, cell.device);
    if let Some(dtype) = cell.timing().rounded_to {
        id += &format!("@{dtype}");
    }
    if cell.mode != Mode::Eager.name() {
        id += &format!("@{}", cell.mode);
    }
    if let (Some(dataset), Some(seed)) = (&cell.dataset, cell.seed) {
        id += &format!("@{dataset}@{seed}");
    }
    id.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "+@=._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect()
}

fn times(config: &SweepConfig, model: &ModelName) -> Result<(), String> {
    let latency = config
        .latency
        .as_ref()
        .ok_or("the sweep measures no latency")?;
    check_scale(latency.scales.as_deref(), model)
        .map_err(|scales| format!("latency is measured for the scales {scales} only"))
}

/// The number formats of the sweep's latencies, each in all modes.
fn ways(config: &SweepConfig) -> impl Iterator<Item = (Precision, Mode)> + '_ {
    let latency = config.latency.as_ref();
    let dtypes = latency.map_or(&[Precision::F32][..], |latency| &latency.dtype);
    let modes = latency.map_or(&[Mode::Eager][..], |latency| &latency.mode);
    dtypes
        .iter()
        .flat_map(move |dtype| modes.iter().map(move |mode| (*dtype, *mode)))
}

fn trains(
    config: &SweepConfig,
    model: &ModelName,
    (dtype, mode): (Precision, Mode),
) -> Result<(), String> {
    let train = config.train.as_ref().ok_or("the sweep trains nothing")?;
    // Networks are trained and evaluated once, whatever the formats, and eagerly; their figures stand beside
    // the first of the number formats and modes.
    let first = ways(config).next();
    if first.is_none_or(|(first, _)| first != dtype) {
        return Err(format!(
            "another number format of the latency: no network is trained in {}",
            dtype.name()
        ));
    }
    if first.is_none_or(|(_, first)| first != mode) {
        return Err(format!(
            "another mode of the latency: no network is trained in mode {}",
            mode.name()
        ));
    }
    check_scale(train.scales.as_deref(), model)
        .map_err(|scales| format!("not trained: the sweep trains the scales {scales} only"))
}

fn evaluates(config: &SweepConfig) -> Result<(), String> {
    config
        .eval
        .as_ref()
        .map(|_| ())
        .ok_or("the sweep evaluates nothing".into())
}

/// The weights of the first seed stand for all: other seeds find other boxes in the same time, but
/// for the few that suppression looks at.
fn detects(config: &SweepConfig, seed: Option<u64>) -> Result<(), String> {
    (config.detect.as_ref()).ok_or("the sweep times no detection")?;
    let first = config.seeds.all().first().copied();
    match seed == first {
        true => Ok(()),
        false => Err("detection is timed with the weights of the first seed".into()),
    }
}

/// Checks that a list of scales, if there is one, has the model's; the error is the list in words.
fn check_scale(scales: Option<&[Scale]>, model: &ModelName) -> Result<(), String> {
    match scales {
        Some(scales) if !scales.iter().any(|scale| scale.0 == model.scale) => Err(scales
            .iter()
            .map(|scale| scale.0.as_str())
            .collect::<Vec<_>>()
            .join(", ")),
        _ => Ok(()),
    }
}
