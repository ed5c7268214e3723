//! `ablate run`: a sweep.

use std::{
    collections::{BTreeSet, HashSet},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Result, bail, ensure};
use comfy_table::{Table, presets::NOTHING};

use crate::{
    cli::RunArgs,
    cluster::workers::Team,
    device::DeviceName,
    interrupt,
    progress::print,
    sweep::{
        Workbench,
        config::{self, SweepConfig},
        plan::{ABSENT, PlannedCell, Selection},
        run::{Conduct, run},
    },
};
use ablate_records::{
    Cell, Manifest, Stage, Status,
    store::{Reference, Store},
};
use ablate_report::check_own;

pub fn execute(args: &RunArgs) -> Result<ExitCode> {
    if args.worker {
        interrupt::end_with_input();
    }
    let mut config = SweepConfig::read(&args.sweep)?;
    let team = Team::new(args)?;
    if let Some(device) = team.as_ref().and_then(Team::device) {
        config.devices = vec![device];
    } else if !args.devices.is_empty() {
        // A device of the sweep that is absent is skipped; one that is asked for here is a mistake.
        let devices = args.devices.iter().map(|choice| choice.devices());
        let devices: Result<Vec<Vec<DeviceName>>, _> = devices.collect();
        config.devices = devices?.into_iter().flatten().collect();
        let devices = &config.devices;
        if let Some(place) = (1..devices.len()).find(|&i| devices[..i].contains(&devices[i])) {
            bail!("--device: {} is listed twice", devices[place]);
        }
    }
    match &mut config.train {
        Some(train) => train.tensorboard |= args.tensorboard,
        None if args.tensorboard => bail!("--tensorboard: the sweep trains nothing"),
        None => {}
    }
    let variants = split_variants(&args.variants);
    config.include(&args.families, &args.scales, &variants)?;
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("reports").join(&config.name));
    let in_sweep = |error| config::in_file(&args.sweep, error);
    let bench = Workbench::new(config).map_err(in_sweep)?;
    let selection = Selection {
        cells: args.cells.clone(),
        families: args.families.clone(),
        scales: args.scales.clone(),
        variants: bench.variants_called(&variants)?,
        stages: args.stages.clone(),
    };
    let plan = bench.plan().map_err(in_sweep)?;
    let halving = bench.halving().map_err(in_sweep)?;
    bench.check_data(&plan, &selection)?;
    if args.dry_run {
        let cells = plan.select(&selection)?;
        print(&cell_table(&cells, &selection));
        absences(&cells).iter().for_each(|absence| print(absence));
        if let Some(halving) = halving {
            print(&halving.rule(bench.epochs()?, bench.config.seeds.all().len()));
        }
        let misfits = Vec::from_iter(bench.misfits(&cells));
        for (what, reasons) in [
            ("Do not fit, so that their cells fail:", &misfits),
            ("Left out of singles and pairs:", &bench.left_out),
        ] {
            if !reasons.is_empty() {
                print(&format!("\n{what}"));
                reasons.iter().for_each(|reason| print(reason));
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    for note in bench.notes() {
        tracing::warn!("{note}");
    }
    if !bench.left_out.is_empty() {
        tracing::info!(
            "{} of singles and pairs do not fit; --dry-run lists them",
            bench.left_out.len()
        );
    }
    let store = store(folder)?;
    if let Some(team) = team {
        if !args.keep_failed {
            forget_failed(&store, &plan.select(&selection)?)?;
        }
        return team.run(args);
    }
    let conduct = Conduct {
        fresh: args.fresh,
        keeps_failed: args.keep_failed,
        waits: !args.no_wait,
        reports: !args.no_report,
    };
    let summary = run(&bench, &store, &plan, &selection, conduct)?;
    let page = store.folder().join("report.html");
    tracing::info!("{summary}; {}", page.display());
    Ok(ExitCode::from(summary.is_failure() as u8))
}

/// Opens the folder of a sweep to measure into; creates it if it does not exist.
///
/// # Errors
/// A folder that can't be created, and one without records in which a report or a plan of other hands
/// would be overwritten.
pub(super) fn store(folder: PathBuf) -> Result<Store> {
    if !folder.join("records").is_dir() {
        check_own(&folder)?;
        let plan = folder.join("plan.json");
        ensure!(
            !plan.exists() || Manifest::is_at(&plan),
            "{}: expected none, or a sweep's plan that can be read, found another file; choose another folder",
            plan.display()
        );
    }
    Store::create(folder)
}

/// Removes the records of these cells that say that a stage failed, so that it is tried again: by
/// one of many runs, which leave what fails from now on as it is.
///
/// # Errors
/// A record that can't be removed.
pub(super) fn forget_failed(store: &Store, cells: &[&PlannedCell]) -> Result<()> {
    let Some(manifest) = store.manifest() else {
        return Ok(());
    };
    let cells: HashSet<&Cell> = cells.iter().map(|cell| &cell.cell).collect();
    for row in manifest.rows.iter().filter(|row| cells.contains(&row.cell)) {
        if let Reference::Key(key) = &row.record
            && store.status(key) == Some(Status::Failed)
        {
            store.remove(key)?;
        }
    }
    Ok(())
}

/// What these cells lack to be measured, or to be compared.
fn absences(cells: &[&PlannedCell]) -> Vec<String> {
    let skipped = |cell: &PlannedCell| {
        let reasons = Stage::ALL
            .into_iter()
            .filter_map(|stage| cell.skipped(stage));
        reasons.map(str::to_owned).collect::<Vec<_>>()
    };
    let reasons = cells.iter().flat_map(|cell| skipped(cell));
    let absent: BTreeSet<String> = reasons.filter(|it| it.starts_with(ABSENT)).collect();
    let is_baseline = |cell: &&PlannedCell| cell.model.variants.is_empty();
    let mut absences = Vec::from_iter(absent);
    if !cells.iter().any(is_baseline) {
        absences.push("no baseline: nothing to compare with; list `baseline`".into());
    }
    absences
}

/// The cells and their stages.
fn cell_table(cells: &[&PlannedCell], selection: &Selection) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(["cell", "stages"]);
    for cell in cells {
        let runs = Stage::ALL
            .into_iter()
            .filter(|stage| selection.wants(*stage) && cell.skipped(*stage).is_none());
        table.add_row([
            cell.id.clone(),
            runs.map(Stage::name).collect::<Vec<_>>().join(", "),
        ]);
    }
    let s = if cells.len() == 1 { "" } else { "s" };
    format!("{table}\n{} cell{s}", cells.len())
}

/// `gsconv,asff:order=sequential,rfb=true` is two variants: a comma before `key=value` belongs to
/// the arguments.
fn split_variants(words: &[String]) -> Vec<String> {
    let mut variants: Vec<String> = Vec::new();
    for word in words {
        for (i, part) in word.split(',').enumerate() {
            let argument = part.contains('=')
                && !part
                    .split('=')
                    .next()
                    .is_some_and(|name| name.contains(':'));
            match variants.last_mut() {
                Some(last) if i > 0 && argument => *last += &format!(",{part}"),
                _ => variants.push(part.into()),
            }
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_part_variants_but_not_their_arguments() {
        let split = |words: &[&str]| {
            split_variants(
                &words
                    .iter()
                    .map(|word| word.to_string())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(split(&["gsconv,asff"]), ["gsconv", "asff"]);
        assert_eq!(split(&["gsconv", "ghost+asff"]), ["gsconv", "ghost+asff"]);
        assert_eq!(
            split(&["gsconv,asff:order=sequential,rfb=true,fasternet:size=t2"]),
            [
                "gsconv",
                "asff:order=sequential,rfb=true",
                "fasternet:size=t2"
            ]
        );
    }
}
