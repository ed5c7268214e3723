//! Records on disk: `DIR/records/KEY.json`, one file per record, written atomically, and
//! `DIR/plan.json`, which says which record belongs to which stage of which cell.
//!
//! A key is a hash of everything that went into a measurement, so cells can share a record (two
//! seeds have one cost), and a sweep finds what an earlier one measured. Processes on several
//! machines may write to one folder.

use std::{
    collections::HashSet,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Cell, Environment, Outcome, Record, Stage};
use ablate_files::write_atomic;

/// The folder of a sweep.
///
/// # Examples
/// ```
/// use ablate_records::{
///     Cell, CostMeasurement, Environment, Measurement, Outcome, Record, Stage, Store, key,
/// };
///
/// # fn main() -> anyhow::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// let store = Store::create(folder.path())?;
/// let inputs = serde_json::json!({ "model": "yolov5n", "nc": 80, "imgsz": 640 });
/// let record = Record {
///     key: key(Stage::Cost, &inputs),
///     stage: Stage::Cost,
///     cell: Cell {
///         model: "yolov5n".into(),
///         family: "yolov5".into(),
///         variant: "baseline".into(),
///         scale: "n".into(),
///         nc: 80,
///         imgsz: 640.into(),
///         dataset: None,
///         seed: None,
///         device: "flex".into(),
///         batch: 1,
///         dtype: "f32".into(),
///         mode: "eager".into(),
///     },
///     outcome: Outcome::Done {
///         measurement: Measurement::Cost(CostMeasurement {
///             params: 1_872_157,
///             gflops: 4.6,
///             gflops_exact: 4.5,
///             layers: 25,
///         }),
///     },
///     inputs,
///     environment: Environment::default(),
///     finished: "2026-01-01T00:00:00Z".into(),
/// };
/// store.save(&record)?;
/// assert_eq!(store.load(&record.key), Some(record));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// Whether it was opened to measure, and not only to look.
    measures: bool,
}

/// What a sweep consists of, in the order in which a report shows it: `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The sweep's name, the title of its report.
    pub sweep: String,
    /// What its variants are; empty in files of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantNote>,
    /// How changes are judged; the defaults in files of earlier versions.
    #[serde(default)]
    pub judging: Judging,
    /// The stages of all cells.
    pub rows: Vec<ManifestEntry>,
}

/// How changes against the baseline are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judging {
    /// A change of mAP within this margin, in points, is as good; None: no change is called so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// The seeds that chose how many more there are: their spread counts. None if the number was
    /// fixed beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seeds: Option<usize>,
    /// How wide intervals of mAP are to be from end to end, in points, where that chose the number of
    /// seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// The most seeds that it could choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_seeds: Option<usize>,
}

/// What a variant is, for the reader of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantNote {
    /// As in a model's name, without arguments: `gsconv`.
    pub name: String,
    /// `GSConv`.
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// The paper or page that it is from.
    pub source: String,
}

/// A stage of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// The cell that a report shows the record under.
    pub cell: Cell,
    /// One of the cell's stages.
    pub stage: Stage,
    /// Where its record is.
    pub record: Reference,
}

/// Where the record of a stage is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reference {
    /// Under this key; it may still have to be measured.
    Key(String),
    /// The inputs, and so the key, are not known yet.
    Waiting,
    /// The sweep skips the stage for this reason.
    Skipped(String),
}

impl Manifest {
    /// Whether a file is a plan that can be read.
    pub fn is_at(path: &Path) -> bool {
        read_json::<Self>(path).is_ok_and(|plan| plan.is_some())
    }

    /// The key of a stage's record; None if it is not known or the stage is skipped.
    pub fn key(&self, cell: &Cell, stage: Stage) -> Option<&String> {
        let row = self
            .rows
            .iter()
            .find(|row| row.stage == stage && row.cell == *cell)?;
        match &row.record {
            Reference::Key(key) => Some(key),
            _ => None,
        }
    }
}

/// What is added to the name of a record that cannot be read.
const DAMAGED: &str = "corrupt";

impl Store {
    /// Opens the folder; creates it if it does not exist.
    ///
    /// # Errors
    /// The path of a folder that cannot be created.
    pub fn create(folder: impl Into<PathBuf>) -> Result<Self> {
        let store = Self {
            folder: folder.into(),
            measures: true,
        };
        let records = store.records_folder();
        fs::create_dir_all(&records)
            .with_context(|| format!("cannot create the folder {}", records.display()))?;
        Ok(store)
    }

    /// Opens a folder that holds records.
    ///
    /// # Errors
    /// The path of a folder without `records/`.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let store = Self {
            folder: folder.into(),
            measures: false,
        };
        if !store.folder.is_dir() {
            bail!("{}: no such folder", store.folder.display());
        }
        if !store.records_folder().is_dir() {
            bail!(
                "{}: expected the folder of a sweep, found no records/ in it",
                store.folder.display()
            );
        }
        Ok(store)
    }

    /// The sweep's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn records_folder(&self) -> PathBuf {
        self.folder.join("records")
    }

    pub(crate) fn record_path(&self, key: &str) -> PathBuf {
        self.records_folder().join(format!("{key}.json"))
    }

    fn manifest_path(&self) -> PathBuf {
        self.folder.join("plan.json")
    }

    /// Sees what other machines have written until now. NFS may say for a minute that a file is not
    /// there which was not there at an earlier look; to open the folder ends that.
    pub fn look_anew(&self) {
        let _ = fs::read_dir(self.records_folder());
    }

    /// The record with this key; None if there is none. One whose content makes no sense is left out
    /// with a warning; a store that was opened to measure moves it aside, so that its stage is measured
    /// again. One that the system does not give is left out with a warning, too: see [`Self::try_load`].
    pub fn load(&self, key: &str) -> Option<Record> {
        self.try_load(key).unwrap_or_else(|error| {
            tracing::warn!("{error:#}; left out");
            None
        })
    }

    /// As [`Self::load`].
    ///
    /// # Errors
    /// The path of a file that is there but can't be read. The record may be whole: the machine is what
    /// fails.
    pub fn try_load(&self, key: &str) -> Result<Option<Record>> {
        let path = self.record_path(key);
        let text = match read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        Ok(match serde_json::from_slice::<Record>(&text) {
            Ok(record) if key == self::key(record.stage, &record.inputs) => Some(record),
            Ok(_) => self.leave_out(&path, "its inputs are not those of its key"),
            Err(error) => self.leave_out(&path, &error.to_string()),
        })
    }

    fn leave_out(&self, path: &Path, why: &str) -> Option<Record> {
        if !self.measures {
            tracing::warn!("{}: {why}; left out", path.display());
            return None;
        }
        let aside = path.with_extension(format!("json.{DAMAGED}"));
        match fs::rename(path, &aside) {
            Ok(()) => tracing::warn!("{}: {why}; moved to {}", path.display(), aside.display()),
            Err(error) => {
                tracing::warn!("{}: {why}; cannot move it aside: {error}", path.display())
            }
        }
        None
    }

    /// Writes a record under its key, atomically.
    ///
    /// # Errors
    /// The path of a file that cannot be written.
    pub fn save(&self, record: &Record) -> Result<()> {
        write_json(&self.record_path(&record.key), record)
    }

    /// Removes the record with this key, if there is one.
    ///
    /// # Errors
    /// The path of a file that cannot be removed.
    pub fn remove(&self, key: &str) -> Result<()> {
        let path = self.record_path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Writes `plan.json`, atomically.
    ///
    /// # Errors
    /// The path of a file that cannot be written.
    pub fn save_manifest(&self, index: &Manifest) -> Result<()> {
        write_json(&self.manifest_path(), index)
    }

    /// The index of an earlier run; None if there is none, or, with a warning, if it cannot be
    /// read.
    pub fn manifest(&self) -> Option<Manifest> {
        read_json(&self.manifest_path()).unwrap_or_else(|error| {
            tracing::warn!("{error:#}; ignored");
            None
        })
    }

    /// What a report shows: the records of the sweep in its order, and for each stage that it skips
    /// a record that says why. Cells without any record are left out. Without an index, all records
    /// of the folder.
    ///
    /// # Errors
    /// The path of a folder that cannot be read.
    pub fn report(&self) -> Result<Vec<Record>> {
        let Some(index) = self.manifest() else {
            return self.all();
        };
        let mut records: Vec<Record> = index
            .rows
            .into_iter()
            .filter_map(|row| self.resolve(row))
            .collect();
        let known: HashSet<Cell> = records
            .iter()
            .filter(|record| !record.key.is_empty())
            .map(|record| record.cell.clone())
            .collect();
        records.retain(|record| known.contains(&record.cell));
        Ok(records)
    }

    /// The record of a stage; None if it was not measured yet.
    fn resolve(&self, row: ManifestEntry) -> Option<Record> {
        match row.record {
            Reference::Key(key) => self.load(&key).map(|record| Record {
                cell: row.cell,
                ..record
            }),
            Reference::Waiting => None,
            Reference::Skipped(reason) => Some(Record {
                key: String::new(),
                stage: row.stage,
                cell: row.cell,
                outcome: Outcome::Skipped { reason },
                inputs: Value::Null,
                environment: Environment::default(),
                finished: String::new(),
            }),
        }
    }

    /// All records of the folder, by cell and stage.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn all(&self) -> Result<Vec<Record>> {
        let folder = self.records_folder();
        let files =
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut records: Vec<Record> = files
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .filter_map(|name| self.load(name.strip_suffix(".json")?))
            .collect();
        records.sort_by(|a, b| (&a.cell, a.stage).cmp(&(&b.cell, b.stage)));
        Ok(records)
    }

    /// Records that were moved aside since they cannot be read, and have not been measured again.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn damaged(&self) -> Result<Vec<PathBuf>> {
        let folder = self.records_folder();
        let files =
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut damaged: Vec<PathBuf> = files
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == DAMAGED))
            .filter(|path| !path.with_extension("").exists())
            .collect();
        damaged.sort();
        Ok(damaged)
    }
}

/// A file's bytes. NFS calls one stale that was replaced while it was read: then there is a new one.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::StaleNetworkFileHandle => fs::read(path),
        read => read,
    }
}

/// The key of a record: the first 32 hexadecimal digits of the BLAKE3 hash of stage and inputs, as
/// JSON with sorted keys.
pub fn key(stage: Stage, inputs: &Value) -> String {
    let mut whole = Map::new();
    whole.insert("inputs".into(), inputs.clone());
    whole.insert(
        "stage".into(),
        serde_json::to_value(stage).unwrap_or_default(),
    );
    let text = canonical(&Value::Object(whole)).to_string();
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// Whether a word can be the key of a record.
pub fn is_key(word: &str) -> bool {
    word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The same value with the keys of every object sorted.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut pairs: Vec<_> = object.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            Value::Object(
                pairs
                    .into_iter()
                    .map(|(key, value)| (key.clone(), canonical(value)))
                    .collect(),
            )
        }
        Value::Array(list) => list.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match read(path) {
        Ok(text) => Ok(Some(
            serde_json::from_slice(&text).with_context(|| path.display().to_string())?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)
        .with_context(|| format!("cannot write {}", path.display()))?;
    text.push(b'\n');
    write_atomic(path, &text)
}
