//! Several processes of one machine that share a sweep's cells: one for each GPU, or several on a
//! CPU. What they share is the folder, as runs of several machines do.
//!
//! A process sees one GPU, which it calls the first, so its records are those of a machine with one.
//! Times need the machine to themselves: they are measured when the trainings are over.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use ablate_records::Stage;
use anyhow::{Context, Result, bail, ensure};

use crate::{
    cli::RunArgs,
    device::{DeviceChoice, DeviceName},
    interrupt, progress,
};

/// Which of the machine's GPUs CUDA shows to a process.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// How often a worker is started again that was killed.
const LIVES: usize = 3;

/// Between two looks at workers.
const PAUSE: Duration = Duration::from_millis(100);

/// The workers of a run.
#[derive(Debug)]
pub struct Team {
    /// The device as each of them calls it; None for those of the sweep.
    device: Option<DeviceName>,
    /// What CUDA shows to each; None: what this process sees.
    gpus: Vec<Option<String>>,
}

impl Team {
    /// Those that the arguments ask for; None if this process does the work itself.
    ///
    /// # Errors
    /// A device that is absent or can't be shared.
    pub fn new(args: &RunArgs) -> Result<Option<Self>> {
        let jobs = args.jobs.map_or(1, |jobs| jobs.get());
        let all = args
            .devices
            .iter()
            .any(|device| matches!(device, DeviceChoice::All(_)));
        if !all && !args.spread {
            let gpus = vec![None; jobs];
            return Ok((jobs > 1).then_some(Self { device: None, gpus }));
        }
        ensure!(
            !args.fresh,
            "--fresh: one process only; remove the folder of the results instead"
        );
        let mut devices: Vec<DeviceName> = Vec::new();
        for choice in &args.devices {
            devices.extend(choice.devices()?);
        }
        let visible = std::env::var(VISIBLE).ok();
        let (device, gpus) = shared(&devices, visible.as_deref())?;
        let gpus = gpus.into_iter().flat_map(|gpu| vec![Some(gpu); jobs]);
        Ok(Some(Self {
            device: Some(device),
            gpus: gpus.collect(),
        }))
    }

    /// The device of the cells, where it is not that of the sweep.
    pub fn device(&self) -> Option<DeviceName> {
        self.device
    }

    /// Runs the sweep: costs, then trainings and evaluations by all workers, then what is left by
    /// one. The exit code is that of the last.
    ///
    /// # Errors
    /// A process that can't be started, and a signal that ends the program.
    pub fn run(&self, args: &RunArgs) -> Result<ExitCode> {
        let threads = rayon::current_num_threads();
        tracing::info!(
            "{} workers of {threads} threads each; RAYON_NUM_THREADS gives them fewer, and with \
             another number of threads weights differ in their last digits",
            self.gpus.len()
        );
        let args = RunArgs {
            devices: match self.device {
                Some(device) => vec![DeviceChoice::One(device)],
                None => args.devices.clone(),
            },
            jobs: None,
            spread: false,
            worker: true,
            ..args.clone()
        };
        let wanted = |stages: &[Stage]| -> Vec<Stage> {
            let asked = |stage: &Stage| args.stages.is_empty() || args.stages.contains(stage);
            stages.iter().copied().filter(asked).collect()
        };
        let (first, shared) = (wanted(&[Stage::Cost]), wanted(&[Stage::Train, Stage::Eval]));
        if !first.is_empty() {
            let costs = RunArgs {
                stages: first,
                no_report: true,
                keep_failed: true,
                ..args.clone()
            };
            let status = self.finish(&costs)?;
            ensure!(
                status.code().is_some_and(|code| code < 2),
                "the process that computes costs ended with {status}"
            );
        }
        if !shared.is_empty() {
            self.share(&RunArgs {
                stages: shared,
                keep_failed: true,
                ..args.clone()
            })?;
        }
        let last = RunArgs {
            keep_failed: true,
            ..args
        };
        let status = self.finish(&last)?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        match code {
            Some(code) => Ok(ExitCode::from(code)),
            None => bail!("the last process ended with {status}"),
        }
    }

    /// Runs the workers until all have ended.
    fn share(&self, args: &RunArgs) -> Result<()> {
        let mut workers: Vec<Worker> = Vec::new();
        for place in 0..self.gpus.len() {
            // One of them keeps the report up to date.
            let args = RunArgs {
                no_report: place > 0,
                ..args.clone()
            };
            let child = self.start(&args, place, Some(place))?;
            workers.push(Worker {
                args,
                place,
                child: Some(child),
                lives: LIVES,
            });
        }
        while workers.iter().any(|worker| worker.child.is_some()) {
            for worker in &mut workers {
                worker.look(self)?;
            }
            std::thread::sleep(PAUSE);
        }
        Ok(interrupt::check()?)
    }

    /// Runs a process to its end, in the place of this one.
    fn finish(&self, args: &RunArgs) -> Result<ExitStatus> {
        let mut run = self.start(args, 0, None)?;
        let status = run.child.wait();
        let status = status.context("cannot wait for a process")?;
        interrupt::check()?;
        Ok(status)
    }

    fn start(&self, args: &RunArgs, place: usize, prefix: Option<usize>) -> Result<Started> {
        let mut command = Command::new(this_program()?);
        command.args(progress::flags()).args(args.words());
        if let Some(Some(gpu)) = self.gpus.get(place) {
            command.env(VISIBLE, gpu);
        }
        // Its input ends with this process, and it with its input.
        command.stdin(Stdio::piped());
        if prefix.is_some() {
            command.stdout(Stdio::null()).stderr(Stdio::piped());
        }
        // A terminal's Ctrl-C is passed on by this process alone: twice would end them at once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        interrupt::check()?;
        let mut child = command.spawn().context("cannot start a worker")?;
        let (passed, input) = (interrupt::Child::new(child.id()), child.stdin.take());
        if let (Some(place), Some(log)) = (prefix, child.stderr.take()) {
            let place = place + 1;
            std::thread::spawn(move || {
                for line in BufReader::new(log).lines().map_while(Result::ok) {
                    progress::log(&format!("[{place}] {line}"));
                }
            });
        }
        Ok(Started {
            child,
            _passed: passed,
            _input: input,
        })
    }
}

/// The program that runs, even if another was built in its place since.
fn this_program() -> Result<PathBuf> {
    const RUNNING: &str = "/proc/self/exe";
    match Path::new(RUNNING).exists() {
        true => Ok(RUNNING.into()),
        false => std::env::current_exe().context("cannot find this program"),
    }
}

struct Started {
    child: Child,
    _passed: interrupt::Child,
    /// Waiting for a process closes its input, if it is left with it.
    _input: Option<ChildStdin>,
}

struct Worker {
    args: RunArgs,
    place: usize,
    child: Option<Started>,
    lives: usize,
}

impl Worker {
    /// Notices its end; starts it again where something killed it.
    fn look(&mut self, team: &Team) -> Result<()> {
        let Some(started) = &mut self.child else {
            return Ok(());
        };
        let end = started.child.try_wait();
        let Some(status) = end.context("cannot wait for a worker")? else {
            return Ok(());
        };
        self.child = None;
        let name = self.place + 1;
        match status.code() {
            _ if interrupt::check().is_err() => {}
            Some(0 | 1) => {}
            None if self.lives > 0 => {
                tracing::warn!("worker {name} ended with {status}; starting it again");
                self.lives -= 1;
                match team.start(&self.args, self.place, Some(self.place)) {
                    Ok(child) => self.child = Some(child),
                    Err(error) => {
                        tracing::warn!("worker {name}: {error:#}; its cells go to the others");
                    }
                }
            }
            _ => tracing::warn!("worker {name} ended with {status}; its cells go to the others"),
        }
        Ok(())
    }
}

/// What each process calls its GPU, and which one CUDA shows to it.
fn shared(devices: &[DeviceName], visible: Option<&str>) -> Result<(DeviceName, Vec<String>)> {
    let first = devices
        .first()
        .context("--device: expected NVIDIA GPUs, found none")?;
    let visible: Option<Vec<&str>> = visible.map(|list| list.split(',').map(str::trim).collect());
    let mut gpus = Vec::new();
    for device in devices {
        let Some(index) = device.cuda_index() else {
            bail!("--spread: expected NVIDIA GPUs, such as tch:cuda:0,tch:cuda:1; found {device}");
        };
        ensure!(
            device.is_kind_of(first),
            "--spread: expected devices of one kind, found {first} and {device}"
        );
        let gpu = match &visible {
            None => index.to_string(),
            Some(list) => list
                .get(index)
                .with_context(|| format!("--device {device}: {VISIBLE} shows {} GPUs", list.len()))?
                .to_string(),
        };
        ensure!(!gpus.contains(&gpu), "--spread: {device} is listed twice");
        gpus.push(gpu);
    }
    Ok((first.first_of_kind(), gpus))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], visible: Option<&str>) -> Result<(String, Vec<String>), String> {
        let devices: Vec<DeviceName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let found = shared(&devices, visible);
        found
            .map(|(device, gpus)| (device.to_string(), gpus))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_process_sees_its_gpu_as_the_first() {
        let (device, gpus) = of(&["tch:cuda:1", "tch:cuda:3"], None).unwrap();
        assert_eq!(
            (device.as_str(), gpus),
            ("tch:cuda:0", vec!["1".into(), "3".into()])
        );
        // A scheduler shows some of the machine's GPUs only.
        let (device, gpus) = of(&["cuda:0", "cuda:1"], Some("GPU-a, GPU-b")).unwrap();
        assert_eq!(
            (device.as_str(), gpus),
            ("cuda:0", vec!["GPU-a".into(), "GPU-b".into()])
        );
    }

    #[test]
    fn what_can_not_be_shared_is_refused() {
        for (names, visible, message) in [
            (&[][..], None, "found none"),
            (&["flex"], None, "found flex"),
            (
                &["tch:cuda:0", "cuda:1"],
                None,
                "found tch:cuda:0 and cuda:1",
            ),
            (&["cuda:0", "cuda:0"], None, "listed twice"),
            (&["cuda:2"], Some("0,1"), "shows 2 GPUs"),
        ] {
            let error = of(names, visible).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
