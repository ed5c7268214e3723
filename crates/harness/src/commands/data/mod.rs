//! `ablate data`: what a data set holds, before anything is trained on it.

mod figures;
mod pages;

use std::process::ExitCode;

use ablate_detection::dataset::{
    CachedDataset, DataError, DataSpec, Dataset, Duplicates, Interpolation, Problem, Split,
    Statistics, duplicates,
};
use ablate_records::DataAccount;
use ablate_training::account;
use anyhow::{Result, bail};
use serde::Serialize;

use crate::{
    cli::{DataArgs, TextFormat},
    progress::print,
    sweep::data::is_missing,
};

/// Longer side of the small images, in pixels.
const THUMBNAIL: usize = 320;

/// What small images may take of memory; those beyond are decoded again: 2 GiB.
const MOST_BYTES: usize = 2 << 30;

/// A data set as it was found.
#[derive(Serialize)]
struct Findings {
    name: String,
    splits: Vec<SplitFindings>,
    /// Splits that can't be used at all.
    errors: Vec<SplitError>,
    /// Images that are there twice.
    duplicates: Vec<Group>,
    /// What a reader must know first.
    warnings: Vec<String>,
}

/// One split.
#[derive(Serialize)]
struct SplitFindings {
    data: DataAccount,
    #[serde(flatten)]
    statistics: Statistics,
    problems: Vec<ProblemRow>,
}

/// A problem whose path is text, whatever its bytes.
#[derive(Serialize)]
struct ProblemRow {
    subject: &'static str,
    file: String,
    line: Option<usize>,
    reason: String,
}

#[derive(Serialize)]
struct SplitError {
    split: Split,
    error: String,
}

#[derive(Serialize)]
struct Group {
    #[serde(flatten)]
    group: Duplicates,
    /// Whether it is in the training split and in one to evaluate on.
    leaks: bool,
}

pub fn execute(args: &DataArgs) -> Result<ExitCode> {
    let spec = DataSpec::load(&args.data)?;
    let keep = if args.html.is_some() { MOST_BYTES } else { 0 };
    let (opened, errors) = open(&spec, args.split, keep)?;
    let findings = Findings::new(&spec.name, &opened, errors);
    for warning in &findings.warnings {
        tracing::warn!("{warning}");
    }
    match args.format {
        TextFormat::Json => print(&serde_json::to_string_pretty(&findings)?),
        TextFormat::Table => print(&figures::screen(&findings)),
    }
    if let Some(folder) = &args.html {
        let index = pages::write(folder, &findings, &opened)?;
        tracing::info!("{}", index.display());
    }
    Ok(ExitCode::from(u8::from(!findings.errors.is_empty())))
}

/// The splits with all images decoded, at most `keep` bytes of each kept; and those that can't be
/// used.
///
/// # Errors
/// If no split can be used, or not the one that was asked for.
fn open(
    spec: &DataSpec,
    split: Option<Split>,
    keep: usize,
) -> Result<(Vec<CachedDataset>, Vec<SplitError>)> {
    let decoded = |split| -> Result<CachedDataset, DataError> {
        let dataset = Dataset::open(spec, split)?;
        CachedDataset::open_within(dataset, THUMBNAIL, Interpolation::Area, keep)
    };
    if let Some(split) = split {
        return Ok((vec![decoded(split)?], Vec::new()));
    }
    let (mut opened, mut errors) = (Vec::new(), Vec::new());
    for split in Split::ALL {
        match decoded(split).map_err(anyhow::Error::from) {
            Ok(images) => opened.push(images),
            Err(error) if is_missing(&error, split) => {}
            Err(error) => errors.push((split, error)),
        }
    }
    if opened.is_empty() {
        match errors.into_iter().next() {
            Some((_, error)) => return Err(error),
            None => bail!(
                "{}: expected a split train, val or test, found none",
                spec.file.display()
            ),
        }
    }
    let errors = errors.into_iter().map(|(split, error)| SplitError {
        split,
        error: format!("{error:#}"),
    });
    Ok((opened, errors.collect()))
}

impl Findings {
    fn new(name: &str, opened: &[CachedDataset], errors: Vec<SplitError>) -> Self {
        let datasets: Vec<&Dataset> = opened.iter().map(CachedDataset::dataset).collect();
        let duplicates = duplicates(&datasets);
        let mut warnings: Vec<String> = errors
            .iter()
            .map(|SplitError { split, error }| format!("split {split} can't be used: {error}"))
            .collect();
        let first = datasets.first();
        let differ = datasets
            .iter()
            .filter_map(|dataset| first?.check_same_classes(dataset).err());
        warnings.extend(differ.map(|error| error.to_string()));
        warnings.extend(leakage(&duplicates));
        Self {
            name: name.to_owned(),
            splits: datasets.into_iter().map(SplitFindings::new).collect(),
            errors,
            duplicates: duplicates.into_iter().map(Group::new).collect(),
            warnings,
        }
    }
}

impl SplitFindings {
    fn new(dataset: &Dataset) -> Self {
        Self {
            data: account(dataset),
            statistics: dataset.statistics(),
            problems: dataset.problems.list.iter().map(ProblemRow::new).collect(),
        }
    }
}

impl ProblemRow {
    fn new(problem: &Problem) -> Self {
        Self {
            subject: problem.subject.as_str(),
            file: problem.file.display().to_string(),
            line: problem.line,
            reason: problem.reason.clone(),
        }
    }
}

impl Group {
    fn new(group: Duplicates) -> Self {
        Self {
            leaks: group.leaks(),
            group,
        }
    }
}

/// Groups that are named in a warning.
const NAMED: usize = 3;

/// Says how many images are learnt and evaluated on.
fn leakage(duplicates: &[Duplicates]) -> Option<String> {
    let leaks: Vec<&Duplicates> = duplicates.iter().filter(|group| group.leaks()).collect();
    let copies = leaks.iter().flat_map(|group| &group.images);
    let learnt = copies.filter(|copy| copy.split == Split::Train).count();
    let mut named: Vec<String> = leaks
        .iter()
        .take(NAMED)
        .map(|group| equation(group))
        .collect();
    if leaks.len() > NAMED {
        named.push(format!("… and {} more", leaks.len() - NAMED));
    }
    let (images, are) = match learnt {
        0 => return None,
        1 => ("image", "is"),
        _ => ("images", "are"),
    };
    Some(format!(
        "{learnt} {images} of train {are} evaluated on, too, so figures would be of what was learnt: {}",
        named.join("; ")
    ))
}

/// `train a.jpg = val b.jpg`
fn equation(group: &Duplicates) -> String {
    let copies = group.images.iter();
    let names: Vec<String> = copies
        .map(|copy| format!("{} {}", copy.split, copy.name))
        .collect();
    names.join(" = ")
}
