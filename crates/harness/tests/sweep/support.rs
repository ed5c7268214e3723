//! Sweeps in folders of their own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ablate_records::{Measurement, Outcome, Record, Stage};

use crate::common::{Run, ablate};

/// A sweep's file and the folder of its results.
pub struct Sweep {
    pub folder: tempfile::TempDir,
}

impl Sweep {
    pub fn new(text: &str) -> Self {
        let sweep = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        sweep.write("sweep.yaml", text);
        sweep
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub fn run(&self, more: &[&str]) -> Run {
        let (file, out) = (self.folder.path().join("sweep.yaml"), self.out());
        let mut arguments = vec![
            "run",
            file.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ];
        arguments.extend(more);
        ablate(&arguments)
    }

    pub fn records(&self) -> Vec<Record> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.out().join("records"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
        files.sort();
        files
            .iter()
            .map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap())
            .collect()
    }

    pub fn record(&self, model: &str, stage: Stage) -> Record {
        let found = self
            .records()
            .into_iter()
            .find(|record| record.cell.model == model && record.stage == stage);
        found.unwrap_or_else(|| panic!("no record of {model}, {stage:?}"))
    }
}

pub fn done(record: &Record) -> &Measurement {
    match &record.outcome {
        Outcome::Done { measurement } => measurement,
        other => panic!("{}: {other:?}", record.cell.model),
    }
}

pub fn rows(csv: &Path) -> Vec<std::collections::HashMap<String, String>> {
    csv::Reader::from_path(csv)
        .unwrap()
        .deserialize()
        .map(Result::unwrap)
        .collect()
}

pub fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path());
    entries.find_map(|path| {
        if path.is_dir() {
            find(&path, name)
        } else {
            (path.file_name()? == name).then_some(path)
        }
    })
}
