//! What a site's Slurm needs and no program can know, in a file beside the sweep: `mine.sbatch` for
//! `mine.yaml`.
//!
//! `#SBATCH` lines are options of all jobs, `#SBATCH@train` lines of one. The others are shell, run
//! before `ablate`: `module load cuda`.

use std::path::{Path, PathBuf};

use ablate_files::read_text;
use anyhow::{Result, anyhow};

use crate::cli::JobOption;

/// What the file says; nothing without one.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Options of sbatch.
    pub options: Vec<JobOption>,
    /// Lines of shell.
    pub shell: Vec<String>,
}

impl Site {
    /// Where the file of a sweep is.
    pub fn path(sweep: &Path) -> PathBuf {
        sweep.with_extension("sbatch")
    }

    /// Reads the file beside a sweep; without one there is nothing to add.
    ///
    /// # Errors
    /// The file, the line, and what was expected.
    pub fn beside(sweep: &Path) -> Result<Self> {
        let path = Self::path(sweep);
        match path.exists() {
            true => Self::read(&read_text(&path)?)
                .map_err(|(line, message)| anyhow!("{}:{line}: {message}", path.display())),
            false => Ok(Self::default()),
        }
    }

    fn read(text: &str) -> Result<Self, (usize, String)> {
        let mut site = Self::default();
        for (number, line) in text.lines().enumerate() {
            let number = number + 1;
            let Some(rest) = line.trim_start().strip_prefix("#SBATCH") else {
                if !line.starts_with("#!") {
                    site.shell.push(line.into());
                }
                continue;
            };
            let option = match rest.strip_prefix('@') {
                Some(rest) => match rest.split_once(char::is_whitespace) {
                    Some((job, option)) => format!("{job}:{}", option.trim()),
                    None => return Err((number, "expected #SBATCH@JOB --option".into())),
                },
                None => rest.trim().to_owned(),
            };
            site.options
                .push(option.parse().map_err(|error| (number, error))?);
        }
        Ok(site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_shell_are_told_apart() {
        let text = "#!/bin/bash\n#SBATCH --account=x\n#SBATCH@train --qos=long\n# a comment\nmodule load cuda\n";
        let site = Site::read(text).unwrap();
        let options: Vec<(Option<&str>, &str)> = site
            .options
            .iter()
            .map(|option| (option.job.as_deref(), option.option.as_str()))
            .collect();
        assert_eq!(
            options,
            [(None, "--account=x"), (Some("train"), "--qos=long")]
        );
        assert_eq!(site.shell, ["# a comment", "module load cuda"]);
    }

    #[test]
    fn an_error_names_its_line() {
        let error = |text: &str| Site::read(text).unwrap_err();
        assert_eq!(error("\n#SBATCH account=x").0, 2);
        assert!(error("#SBATCH@tain --x").1.contains("unknown job 'tain'"));
        assert!(error("#SBATCH@train").1.contains("#SBATCH@JOB --option"));
    }

    #[test]
    fn a_sweep_without_such_a_file_needs_none() {
        let folder = tempfile::tempdir().unwrap();
        let sweep = folder.path().join("mine.yaml");
        assert!(Site::beside(&sweep).unwrap().options.is_empty());
        std::fs::write(folder.path().join("mine.sbatch"), "x=1\n#SBATCH x").unwrap();
        let error = Site::beside(&sweep).unwrap_err().to_string();
        assert!(
            error.contains("mine.sbatch:2: expected an option"),
            "{error}"
        );
    }
}
