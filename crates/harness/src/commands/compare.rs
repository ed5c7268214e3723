//! `ablate compare`: several sweeps or machines in one report.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};

use super::report::{check_margin, folder_name, manifest, tell, write_table};
use crate::{
    cli::{CompareArgs, ReportFormat},
    progress::print,
};
use ablate_records::{Manifest, Record};
use ablate_report::{Compared, Source, check_own};

/// A longer name of the report's folder is cut.
const MOST_NAME: usize = 80;

pub fn execute(args: &CompareArgs) -> Result<ExitCode> {
    let margin = args.margin.map(check_margin).transpose()?;
    ensure!(
        args.out.is_none() || args.table.format == ReportFormat::Html,
        "--out: requires --format html; --output writes a table to a file"
    );
    let names = names(&args.folders)?;
    let open = |folder: &PathBuf| -> Result<(Manifest, Vec<Record>)> {
        let (store, records) = super::report::open(folder)?;
        Ok((manifest(&store), records))
    };
    let sweeps: Vec<_> = args.folders.iter().map(open).collect::<Result<_>>()?;
    let sources: Vec<Source> = names
        .iter()
        .zip(&sweeps)
        .map(|(name, (manifest, records))| {
            Source::new(name, &manifest.variants, manifest.judging, records)
        })
        .collect();
    let title = format!("Compared: {}", names.join(", "));
    let compared = Compared::new(&title, &sources, margin)?;
    if write_table(&args.table, |options| compared.table(options))? {
        return Ok(ExitCode::SUCCESS);
    }
    let out = match &args.out {
        Some(out) => out.clone(),
        None => Path::new("reports").join(default_name(&names)),
    };
    // Its report would be overwritten by that of all.
    ensure!(
        !out.join("records").exists(),
        "--out: expected a folder of its own, found the folder {} of a sweep",
        out.display()
    );
    check_own(&out)?;
    let written = compared.write(&out)?;
    print(compared.summary().trim_end());
    tell(&written);
    Ok(ExitCode::SUCCESS)
}

/// What the folders are called: by their last part, and by more of their paths where that is the
/// same.
fn names(folders: &[PathBuf]) -> Result<Vec<String>> {
    let whole: Vec<PathBuf> = folders
        .iter()
        .map(|folder| {
            fs::canonicalize(folder).with_context(|| format!("cannot open {}", folder.display()))
        })
        .collect::<Result<_>>()?;
    for (place, folder) in whole.iter().enumerate() {
        ensure!(
            !whole[..place].contains(folder),
            "{}: expected another folder, found it twice",
            folders[place].display()
        );
    }
    let tail = |folder: &PathBuf, parts: usize| {
        let all: Vec<_> = folder.iter().map(|part| part.to_string_lossy()).collect();
        all[all.len().saturating_sub(parts)..].join("/")
    };
    let longest = whole.iter().map(|folder| folder.iter().count()).max();
    let alike = |folder: &PathBuf, parts| {
        let name = tail(folder, parts);
        whole
            .iter()
            .filter(|other| tail(other, parts) == name)
            .count()
            > 1
    };
    let name = |folder: &PathBuf| {
        let enough = (1..=longest.unwrap_or(1)).find(|&parts| !alike(folder, parts));
        tail(folder, enough.unwrap_or(1))
    };
    Ok(whole.iter().map(name).collect())
}

/// `compare-mine-other`.
fn default_name(names: &[String]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| folder_name(Path::new(name)))
        .collect();
    let name = format!("compare-{}", names.join("-"));
    name.chars().take(MOST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_by_what_tells_them_apart() {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let folders = ["a/mine", "b/mine", "other"].map(folder);
        let named = names(&folders).unwrap();
        assert_eq!(named, ["a/mine", "b/mine", "other"]);
        assert_eq!(default_name(&named), "compare-mine-mine-other");
        let twice = [folders[0].clone(), folders[1].join("../../a/mine")];
        assert!(
            names(&twice)
                .unwrap_err()
                .to_string()
                .contains("found it twice")
        );
        let error = names(&[root.path().join("no")]).unwrap_err();
        assert!(error.to_string().starts_with("cannot open "), "{error}");
    }
}
