//! The command line of `ablate run`.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf};

use clap::Args;

use super::stage;
use crate::device::DeviceChoice;
use ablate_records::Stage;

/// Arguments of `ablate run`.
#[derive(Clone, Debug, Default, Args)]
pub struct RunArgs {
    /// Sweep file (YAML).
    pub sweep: PathBuf,
    /// Folder of the results [default: reports/NAME].
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Run this cell only; --dry-run lists the ids (repeatable).
    #[arg(long = "cell", value_name = "ID")]
    pub cells: Vec<String>,
    /// Devices, comma-separated (overrides the sweep); tch:cuda:all is every NVIDIA GPU, which share
    /// the cells.
    #[arg(long = "device", visible_alias = "devices", value_delimiter = ',')]
    pub devices: Vec<DeviceChoice>,
    /// Share the cells among the devices, a process for each [default: measure every cell on every
    /// device]; NVIDIA GPUs only.
    #[arg(long, requires = "devices", conflicts_with = "fresh")]
    pub spread: bool,
    /// Number of processes that share the cells, on each device [default: 1].
    #[arg(long, value_name = "N", conflicts_with = "fresh")]
    pub jobs: Option<NonZeroUsize>,
    /// Run these variants only, including variants that the sweep does not list.
    #[arg(long, num_args = 1..)]
    pub variants: Vec<String>,
    /// Run these scales only, including scales that the sweep does not list.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub scales: Vec<String>,
    /// Run these families only, including families that the sweep does not list.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub families: Vec<String>,
    /// Run these stages only: cost, latency, train, eval, detect.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = stage)]
    pub stages: Vec<Stage>,
    /// Ignore earlier records and measure again.
    #[arg(long)]
    pub fresh: bool,
    /// Leave failed cells as they are [default: try them again].
    #[arg(long, conflicts_with = "fresh")]
    pub keep_failed: bool,
    /// End when other runs hold all that is left [default: wait for them].
    #[arg(long)]
    pub no_wait: bool,
    /// Print and write no report: another run does.
    #[arg(long)]
    pub no_report: bool,
    /// Print the cells and exit.
    #[arg(long)]
    pub dry_run: bool,
    /// Write the curves of trainings as event files of TensorBoard (key train.tensorboard of the
    /// sweep): tensorboard --logdir DIR.
    #[arg(long)]
    pub tensorboard: bool,
    /// A run that another one has started: it ends when its standard input does.
    #[arg(long, hide = true)]
    pub worker: bool,
}

impl RunArgs {
    /// The words of a command line that reads as these.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["run".into(), self.sweep.clone().into()];
        if let Some(out) = &self.out {
            words.extend(["--out".into(), out.clone().into()]);
        }
        let lists: [(&str, Vec<String>); 6] = [
            ("--cell", self.cells.clone()),
            (
                "--device",
                self.devices.iter().map(ToString::to_string).collect(),
            ),
            ("--variants", self.variants.clone()),
            ("--scales", self.scales.clone()),
            ("--families", self.families.clone()),
            (
                "--stages",
                self.stages
                    .iter()
                    .map(|stage| stage.name().into())
                    .collect(),
            ),
        ];
        for (option, values) in lists {
            words.extend(
                values
                    .into_iter()
                    .flat_map(|value| [option.into(), value.into()]),
            );
        }
        if let Some(jobs) = self.jobs.filter(|jobs| jobs.get() > 1) {
            words.extend(["--jobs".into(), jobs.to_string().into()]);
        }
        let flags = [
            ("--spread", self.spread),
            ("--fresh", self.fresh),
            ("--keep-failed", self.keep_failed),
            ("--no-wait", self.no_wait),
            ("--no-report", self.no_report),
            ("--dry-run", self.dry_run),
            ("--tensorboard", self.tensorboard),
            ("--worker", self.worker),
        ];
        words.extend(flags.iter().filter(|flag| flag.1).map(|flag| flag.0.into()));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};

    /// An option that is added without a word of its own here would be lost on the way to workers.
    #[test]
    fn the_words_read_as_what_was_read() {
        let lines = [
            "run a.yaml",
            "run a.yaml --out b --cell c --cell d --device flex --variants gsconv asff:order=sequential --scales n,s",
            "run a.yaml --families yolov5 --stages train,eval --keep-failed --no-wait --no-report --dry-run --tensorboard",
            "run a.yaml --device tch:cuda:all --jobs 3 --worker",
            "run a.yaml --device tch:cuda:0,tch:cuda:2 --spread",
            "run a.yaml --fresh",
        ];
        for line in lines {
            let read = |words: Vec<std::ffi::OsString>| {
                let words = std::iter::once("ablate".into()).chain(words);
                match Cli::of(words).command {
                    Command::Run(args) => args,
                    other => panic!("{other:?}"),
                }
            };
            let args = read(line.split(' ').map(Into::into).collect());
            assert_eq!(
                format!("{:?}", read(args.words())),
                format!("{args:?}"),
                "{line}"
            );
        }
    }
}
