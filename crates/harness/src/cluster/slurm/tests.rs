//! What the jobs of a sweep are.

use std::path::Path;

use super::*;

const ALL: Amount = Amount {
    trainers: 4,
    together: false,
    by_need: false,
    times: true,
    evaluates: true,
    detects: true,
};

/// The jobs as scripts and dependencies, by name.
fn jobs(work: Amount, options: &SlurmArgs, site: &Site) -> Vec<(String, String, String)> {
    let submission = Submission {
        program: Path::new("/opt/it's/ablate"),
        sweep: Path::new("/home/me/mine.yaml"),
        out: Path::new("/scratch/mine"),
        name: "mine",
        options,
        site,
        work,
    };
    let jobs = submission.jobs();
    jobs.iter()
        .map(|job| {
            let dependency = job.dependency(str::to_owned).unwrap_or_default();
            (job.name.clone(), job.script(&submission), dependency)
        })
        .collect()
}

fn script<'j>(jobs: &'j [(String, String, String)], name: &str) -> &'j str {
    let found = jobs.iter().find(|job| job.0 == name);
    &found.unwrap_or_else(|| panic!("no job {name}")).1
}

#[test]
fn jobs_come_after_what_they_need() {
    let found = jobs(ALL, &SlurmArgs::default(), &Site::default());
    let order: Vec<(&str, &str)> = found.iter().map(|job| (&*job.0, &*job.2)).collect();
    assert_eq!(
        order,
        [
            ("setup", ""),
            ("train", "--dependency=afterok:setup"),
            ("latency", "--dependency=afterok:setup"),
            ("eval", "--dependency=afterok:setup,afterany:train"),
            ("detect", "--dependency=afterok:setup,afterany:eval"),
            (
                "report",
                "--dependency=afterany:setup,afterany:train,afterany:latency,afterany:eval,afterany:detect"
            ),
        ]
    );
    let costs = Amount {
        trainers: 0,
        times: false,
        ..ALL
    };
    let found = jobs(costs, &SlurmArgs::default(), &Site::default());
    let names: Vec<&str> = found.iter().map(|job| &*job.0).collect();
    assert_eq!(names, ["setup", "report"]);
}

#[test]
fn tasks_share_cells_and_times_have_a_node() {
    let options = SlurmArgs {
        gres: Some("gpu:1".into()),
        cpus_per_task: std::num::NonZeroUsize::new(8),
        ..SlurmArgs::default()
    };
    let found = jobs(ALL, &options, &Site::default());
    let train = script(&found, "train");
    for line in [
        "#SBATCH --array=0-3",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --requeue",
        "#SBATCH --signal=B:USR1@120",
        "#SBATCH --open-mode=append",
        "export RAYON_NUM_THREADS=8 OMP_NUM_THREADS=8",
        r"run '/opt/it'\''s/ablate' run '/home/me/mine.yaml' --out '/scratch/mine' --no-report --keep-failed --stages train --no-wait",
    ] {
        assert!(train.lines().any(|found| found == line), "{line}\n{train}");
    }
    for name in ["latency", "detect"] {
        let times = script(&found, name);
        assert!(times.contains("\n#SBATCH --exclusive\n"), "{times}");
        assert!(
            !times.contains("cpus-per-task") && !times.contains("--array"),
            "{times}"
        );
        assert!(
            times.contains("RAYON_NUM_THREADS=$SLURM_CPUS_ON_NODE"),
            "{times}"
        );
    }
    for name in ["setup", "report"] {
        assert!(!script(&found, name).contains("--gres"));
    }
}

#[test]
fn tasks_whose_trainings_wait_for_each_other_wait() {
    let work = Amount {
        together: true,
        by_need: true,
        ..ALL
    };
    let found = jobs(work, &SlurmArgs::default(), &Site::default());
    assert!(script(&found, "train").contains("--stages train,eval\n"));
}

#[test]
fn options_of_the_user_come_last() {
    let options = SlurmArgs {
        time: Some("4:00:00".into()),
        sbatch: vec![
            "--account=mine".parse().unwrap(),
            "train:--time=9:00:00".parse().unwrap(),
        ],
        ..SlurmArgs::default()
    };
    let site = Site {
        options: vec!["--account=site".parse().unwrap()],
        shell: vec!["module load cuda".into()],
    };
    let found = jobs(ALL, &options, &site);
    let train = script(&found, "train");
    let place = |words: &str| {
        train
            .find(words)
            .unwrap_or_else(|| panic!("{words}\n{train}"))
    };
    assert!(place("--account=site") < place("--account=mine"));
    assert!(place("--time=4:00:00") < place("--time=9:00:00"));
    assert!(place("export RAYON") < place("module load cuda"));
    assert!(place("module load cuda") < place("run '/opt"));
    assert!(!script(&found, "latency").contains("9:00:00"));
}

#[test]
fn each_kind_of_node_times_all() {
    let options = SlurmArgs {
        timing_node: vec![
            "a100=--constraint=a100".parse().unwrap(),
            "h100=--constraint=h100".parse().unwrap(),
        ],
        ..SlurmArgs::default()
    };
    let found = jobs(ALL, &options, &Site::default());
    assert!(script(&found, "latency").contains("--constraint=a100"));
    assert!(script(&found, "detect").contains("--constraint=a100"));
    let other = script(&found, "latency-h100");
    assert!(other.contains("--constraint=h100"), "{other}");
    assert!(other.contains("--out '/scratch/mine/on-h100'"), "{other}");
    assert!(other.contains("--stages cost,latency"), "{other}");
    let report = script(&found, "report");
    let compare = "compare '/scratch/mine' '/scratch/mine/on-h100' --out '/scratch/mine/compare'";
    assert!(report.contains(compare), "{report}");
}

#[test]
fn paths_with_spaces_and_percent_signs_are_quoted() {
    let (options, site) = (SlurmArgs::default(), Site::default());
    let submission = Submission {
        program: Path::new("/opt/my tools/ablate"),
        sweep: Path::new("/home/me/my sweep.yaml"),
        out: Path::new("/scratch/my 100%"),
        name: "mine",
        options: &options,
        site: &site,
        work: ALL,
    };
    let jobs = submission.jobs();
    let script = jobs[1].script(&submission);
    // sbatch takes a percent sign for a number of the job, unless there are two.
    let log = "#SBATCH --output=\"/scratch/my 100%%/slurm/logs/train-%A_%a.log\"\n";
    assert!(script.contains(log), "{script}");
    let run = "run '/opt/my tools/ablate' run '/home/me/my sweep.yaml' --out '/scratch/my 100%' --no-report";
    assert!(script.contains(run), "{script}");
    let command = command(&submission, &jobs[1]);
    assert!(
        command.ends_with(" '/scratch/my 100%/slurm/train.sbatch'"),
        "{command}"
    );
}

#[cfg(unix)]
#[test]
fn a_process_that_is_killed_is_begun_again() {
    use std::process::Command;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("out/slurm")).unwrap();
    // Kills itself as often as the file says, then fails.
    let program = "#!/bin/bash\necho turn >> \"$0.turns\"\n\
        [ $(wc -l < \"$0.turns\") -gt $(cat \"$0.deaths\") ] || kill -9 $$\nexit 3\n";
    std::fs::write(path("ablate"), program).unwrap();
    let begin = |deaths: u32, name: &str, work: Amount| {
        std::fs::write(path("ablate.deaths"), deaths.to_string()).unwrap();
        let _ = std::fs::remove_file(path("ablate.turns"));
        let (options, site) = (SlurmArgs::default(), Site::default());
        let submission = Submission {
            program: &path("ablate"),
            sweep: Path::new("mine.yaml"),
            out: &path("out"),
            name: "mine",
            options: &options,
            site: &site,
            work,
        };
        let jobs = submission.jobs();
        let job = jobs.iter().find(|job| job.name == name).unwrap();
        let script = job.script(&submission).replace("run '", "run bash '");
        std::fs::write(path("job"), script).unwrap();
        let ended = Command::new("bash")
            .arg(path("job"))
            .env("SLURM_ARRAY_TASK_ID", "1")
            .status();
        let turns = std::fs::read_to_string(path("ablate.turns")).unwrap();
        (ended.unwrap().code(), turns.lines().count())
    };
    assert_eq!(begin(0, "train", ALL), (Some(3), 1));
    assert_eq!(begin(5, "train", ALL), (Some(3), 6));
    // A process that never gets on is left.
    assert_eq!(begin(1000, "eval", ALL), (Some(137), 21));
}

#[test]
fn a_task_of_an_array_is_requeued_as_such() {
    let one = Amount { trainers: 1, ..ALL };
    for (work, name, task) in [
        (ALL, "train", "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"),
        (one, "train", "$SLURM_JOB_ID"),
        (ALL, "latency", "$SLURM_JOB_ID"),
    ] {
        let found = jobs(work, &SlurmArgs::default(), &Site::default());
        let script = script(&found, name);
        assert!(
            script.contains(&format!("exec scontrol requeue \"{task}\"\n")),
            "{script}"
        );
    }
}
