//! What the targets share: files in memory's file system, a small network, and damage.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use ablate_model::{Detector, Graph, spec::Table};

/// The table of the small network.
const TABLE: &str = include_str!("../../../model/tests/fixtures/checkpoints/yolov5-p6.yaml");

/// A checkpoint of it, by PyTorch.
pub const CHECKPOINT: &[u8] =
    include_bytes!("../../../model/tests/fixtures/checkpoints/yolov5-p6.pt");

/// The folder of this process.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    }
    .expect("a folder")
});

/// Writes a file, and gives its path.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    fs::write(&path, bytes).expect("written");
    path
}

thread_local! {
    static DETECTOR: Detector = {
        let table = Table::from_yaml(TABLE, "yolov5-p6").expect("a table");
        let scaling = table.scaling("").expect("it has no scales");
        let graph = Graph::resolve(&table, scaling, table.nc).expect("a network");
        Detector::new(&graph, 0, &Default::default())
    };
}

/// The small network, with random weights.
pub fn detector() -> Detector {
    DETECTOR.with(Clone::clone)
}

/// What is whole, with the edits that the fuzzer makes up: place, kind and a byte, four bytes for
/// each. So every input is near to what is read, and needs no corpus.
pub fn damaged(whole: &[u8], edits: &[u8], splices: &[&[u8]]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for edit in edits.as_chunks::<4>().0 {
        let [low, high, kind, value] = *edit;
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(u16::from_le_bytes([low, high])) % bytes.len();
        let splice = splices[usize::from(value) % splices.len()];
        let end = (at + usize::from(value % 32) + 1).min(bytes.len());
        match kind % 6 {
            0 => bytes[at] = value,
            1 => bytes.insert(at, value),
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, splice.iter().copied())),
            4 => drop(bytes.splice(at..end, splice.iter().copied())),
            _ => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    bytes
}
