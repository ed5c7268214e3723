//! `ablate submit`: a sweep as jobs of a cluster's scheduler.

use std::{
    path::{Path, PathBuf, absolute},
    process::ExitCode,
};

use ablate_files::write_atomic;
use ablate_records::{Stage, store::Store};
use anyhow::{Context, Result, ensure};

use super::run::{forget_failed, store};
use crate::{
    cli::SubmitArgs,
    cluster::{
        kubernetes,
        slurm::{self, Amount, Site, Submission},
    },
    progress::print,
    sweep::{
        Workbench,
        config::{self, SweepConfig},
        plan::{Plan, Selection},
        run::write_plan,
    },
};

pub fn execute(args: &SubmitArgs) -> Result<ExitCode> {
    let in_sweep = |error| config::in_file(&args.sweep, error);
    let bench = Workbench::new(SweepConfig::read(&args.sweep)?).map_err(in_sweep)?;
    let plan = bench.plan().map_err(in_sweep)?;
    bench.check_data(&plan, &Selection::default())?;
    let name = &bench.config.name;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => PathBuf::from("reports").join(name),
    };
    let program = match &args.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().context("cannot find this program; give --program")?,
    };
    let whole = |path: &Path| {
        absolute(path).with_context(|| format!("cannot find the folder of {}", path.display()))
    };
    // A bare name is looked up where the job runs.
    let program = match program.components().count() {
        1 => program,
        _ => whole(&program)?,
    };
    let (sweep, out) = (whole(&args.sweep)?, whole(&out)?);
    let kinds = &args.slurm_options.timing_node;
    for (place, kind) in kinds.iter().enumerate() {
        let is_twice = kinds[..place].iter().any(|other| other.name == kind.name);
        ensure!(!is_twice, "--timing-node: {} is given twice", kind.name);
    }
    let work = amount(&bench, &plan, args.array_limit.get());
    // Tasks leave what has failed: it is for the submission to have it tried again.
    let prepare = || {
        let store = store(out.clone())?;
        if !args.keep_failed {
            let cells = plan.select(&Selection::default())?;
            forget_failed(&store, &cells)?;
            let kinds = args.slurm_options.timing_node.iter().skip(1);
            for folder in kinds.map(|kind| out.join(slurm::on(&kind.name))) {
                if folder.join("records").is_dir() {
                    forget_failed(&Store::open(folder)?, &cells)?;
                }
            }
        }
        write_plan(&bench, &store, &plan)
    };
    if args.kubernetes {
        let job = kubernetes::Pods {
            program: args.program.as_deref(),
            sweep: &sweep,
            out: &out,
            name,
            pods: work.trainers.max(1),
            waits: work.together,
            options: &args.kubernetes_options,
        };
        let yaml = job.yaml()?;
        if args.dry_run {
            print(yaml.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        prepare()?;
        return write_pods(&yaml, &out);
    }
    let submission = Submission {
        program: &program,
        sweep: &sweep,
        out: &out,
        name,
        options: &args.slurm_options,
        site: &Site::beside(&args.sweep)?,
        work,
    };
    let jobs = submission.jobs();
    if args.dry_run {
        for job in &jobs {
            print(&format!("# {}", submission.path(job).display()));
            print(job.script(&submission).trim_end());
            print(&format!("# {}\n", slurm::command(&submission, job)));
        }
        return Ok(ExitCode::SUCCESS);
    }
    prepare()?;
    submission.write(&jobs)?;
    let submitted = slurm::submit(&submission, &jobs)?;
    for (name, number) in submitted {
        print(&format!("{name:12} {number}"));
    }
    tracing::info!("ablate status {} says how far it is", slurm::quoted(&out));
    Ok(ExitCode::SUCCESS)
}

/// What there is to do, on machines that have all devices.
fn amount(bench: &Workbench, plan: &Plan, limit: usize) -> Amount {
    let cells = |stage: Stage| plan.cells.iter().filter(|cell| cell.asks(stage)).count();
    let by_need = bench.config.seeds.by_need().is_some();
    Amount {
        trainers: cells(Stage::Train).min(limit),
        together: by_need,
        by_need,
        times: cells(Stage::Latency) > 0,
        evaluates: cells(Stage::Eval) > 0,
        detects: cells(Stage::Detect) > 0,
    }
}

fn write_pods(text: &str, out: &Path) -> Result<ExitCode> {
    let path = out.join("kubernetes").join("job.yaml");
    write_atomic(&path, text.as_bytes())?;
    print(&format!("kubectl apply -f {}", slurm::quoted(&path)));
    Ok(ExitCode::SUCCESS)
}
