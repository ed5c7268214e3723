//! How records ended, without reading the rest of them: of ten thousand in well under a second.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{ErrorKind, Read},
};

use serde::{Deserialize, Serialize};

use crate::{Outcome, Record, Store};

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was measured.
    Done,
    /// It failed.
    Failed,
    /// It could not be run, such as an evaluation whose training failed.
    Skipped,
    /// Halving stopped it.
    Stopped,
}

/// The status stands before what was measured, and only a cell before it.
const HEAD: usize = 4096;

impl Store {
    /// How the record with this key ended; None if there is none. Only its first bytes are read, and
    /// nothing is checked against its key.
    pub fn status(&self, key: &str) -> Option<Status> {
        let mut file = File::open(self.record_path(key)).ok()?;
        let (mut head, mut read) = ([0; HEAD], 0);
        // One call for all of it, as a rule.
        let status = loop {
            match file.read(&mut head[read..]) {
                Ok(0) => break of_head(&head[..read]),
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
            if let Some(status) = of_head(&head[..read]) {
                break Some(status);
            }
        };
        match status {
            Some(status) => Some(status),
            // Written by other hands, or with names of great length.
            None => Some(self.outcome(key)?.status()),
        }
    }

    /// How the record with this key ended, in full; None if there is none that can be read. As
    /// [`Self::status`], it changes nothing in the folder.
    pub fn outcome(&self, key: &str) -> Option<Outcome> {
        let text = fs::read(self.record_path(key)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        Some(record.outcome)
    }

    /// The keys of all records of the folder.
    pub fn keys(&self) -> HashSet<String> {
        let entries = fs::read_dir(self.records_folder());
        let names = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name());
        names
            .filter_map(|name| Some(name.to_str()?.strip_suffix(".json")?.to_owned()))
            .collect()
    }
}

impl Outcome {
    /// Without figures and reasons.
    pub fn status(&self) -> Status {
        match self {
            Self::Done { .. } => Status::Done,
            Self::Failed { .. } => Status::Failed,
            Self::Skipped { .. } => Status::Skipped,
            Self::Stopped { .. } => Status::Stopped,
        }
    }
}

/// From the first bytes of a record as [`Store::save`] writes it. No name of a cell reads so:
/// quotation marks within a text of JSON are escaped.
fn of_head(head: &[u8]) -> Option<Status> {
    let head = String::from_utf8_lossy(head);
    let after = head.split_once("\"outcome\": {\n    \"status\": \"")?.1;
    let word = after.split_once('"')?.0;
    serde_json::from_value(word.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_found_before_the_rest() {
        let head = b"{\n  \"cell\": {\n    \"model\": \"\\\"outcome\\\": {\"\n  },\n  \"outcome\": {\n    \"status\": \"failed\",\n";
        assert_eq!(of_head(head), Some(Status::Failed));
        assert_eq!(of_head(b"{\n  \"outcome\": {\n    \"status\": \"do"), None);
        assert_eq!(of_head(b"{\"outcome\":{\"status\":\"done\"}}"), None);
    }
}
