//! Files of weights that were damaged at random are taken or refused, never a panic, and in bounded
//! time: SafeTensors in their header above all, checkpoints of PyTorch as archives and in what is
//! pickled in them.

use std::{
    collections::HashMap,
    io::{Cursor, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use ablate_model::{
    Detector, Graph,
    spec::Table,
    weights::{self, NAMES},
};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::{device::device, support::fixture};

/// A small network whose checkpoint is a fixture.
const NAME: &str = "yolov5-p6";

const ROUNDS: usize = 400;

/// What stands in a header: lengths, types, names that mean something.
const SPLICES: [&[u8]; 16] = [
    b"18446744073709551615",
    b"-1",
    b"0",
    b"1e99",
    b"\"F64\"",
    b"\"BOOL\"",
    b"\"F8_E4M3\"",
    b"[]",
    b"[4294967295,4294967295]",
    b"{",
    b"}",
    b",",
    b"\"__metadata__\":",
    b"\"names\":\"[\\\"a\\\"]\",",
    b"\\u0000",
    b"\xff",
];

/// Opcodes of pickles, and lengths that are too large.
const OPCODES: [&[u8]; 16] = [
    b"X\xff\xff\xff\xff",
    b"\x8c\xff",
    b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
    b"X\x05\0\0\0names",
    b"}",
    b"]",
    b"(",
    b"u",
    b"e",
    b"R",
    b"b",
    b"Q",
    b"h\0",
    b"j\xff\xff\xff\xff",
    b"0",
    b".",
];

fn damage(bytes: &mut Vec<u8>, within: usize, splices: &[&[u8]], rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..=2) {
        let within = within.min(bytes.len());
        if within == 0 {
            return;
        }
        let at = rng.random_range(0..within);
        let end = (at + rng.random_range(1..16)).min(bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copy = bytes[at..end].to_vec();
                let to = rng.random_range(0..within);
                bytes.splice(to..to, copy);
            }
            4 => bytes.truncate(at + (bytes.len() - at) / rng.random_range(1..4)),
            5 => drop(bytes.splice(at..at, splices.choose(rng).unwrap().iter().copied())),
            _ => drop(bytes.splice(at..end, splices.choose(rng).unwrap().iter().copied())),
        }
    }
}

fn graph() -> Graph {
    let text = std::fs::read_to_string(fixture(&format!("checkpoints/{NAME}.yaml"))).unwrap();
    let table = Table::from_yaml(&text, NAME).unwrap();
    Graph::resolve(&table, table.scaling("").unwrap(), table.nc).unwrap()
}

/// Loads file after file that `make` damages.
fn survives(ending: &str, mut make: impl FnMut(&mut ChaCha8Rng) -> Vec<u8>) {
    let (folder, graph) = (tempfile::tempdir().unwrap(), graph());
    let path = folder.path().join(format!("damaged.{ending}"));
    let detector = Detector::new(&graph, 0, &device());
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut taken = 0;
    for round in 0..ROUNDS {
        std::fs::write(&path, make(&mut rng)).unwrap();
        let mut detector = detector.clone();
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| weights::load(&mut detector, &path)));
        let took = start.elapsed();
        let kept = || keep(&path, round);
        let result = result.unwrap_or_else(|_| panic!("a panic on {}", kept()));
        assert!(took < Duration::from_secs(5), "{took:?} for {}", kept());
        match result {
            Ok(_) => taken += 1,
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("damaged."), "{error}, of {}", kept());
            }
        }
    }
    println!("{taken} of {ROUNDS} taken");
    assert!((1..ROUNDS).contains(&taken), "nothing but one tests little");
}

/// Where a file that was not survived is kept.
fn keep(path: &Path, round: usize) -> String {
    let name = format!("{round}-{}", path.file_name().unwrap().to_string_lossy());
    let kept = std::env::temp_dir().join(name);
    std::fs::copy(path, &kept).unwrap();
    kept.display().to_string()
}

#[test]
fn damaged_safetensors_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.safetensors");
    weights::save(&Detector::new(&graph(), 1, &device()), &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let names = HashMap::from([(NAMES.to_owned(), "[\"a\",\"b\",\"c\"]".to_owned())]);
    let whole = safetensors::serialize(tensors, Some(names)).unwrap();
    let header = 8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    survives("safetensors", |rng| {
        let mut bytes = whole.clone();
        match rng.random_range(0..8) {
            // The header's length.
            0 => bytes[rng.random_range(0..8)] = rng.random(),
            1 => damage(&mut bytes, whole.len(), &SPLICES, rng),
            // A header of another length that says so.
            2..5 => {
                let mut text = bytes[8..header].to_vec();
                damage(&mut text, header, &SPLICES, rng);
                let length = (text.len() as u64).to_le_bytes();
                bytes = [&length, &text[..], &whole[header..]].concat();
            }
            _ => damage(&mut bytes, header, &SPLICES, rng),
        }
        bytes
    });
}

#[test]
fn damaged_checkpoints_never_panic() {
    let whole = std::fs::read(fixture(&format!("checkpoints/{NAME}.pt"))).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(&whole)).unwrap();
    let entries: Vec<(String, Vec<u8>)> = (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let (name, mut bytes) = (entry.name().unwrap().into_owned(), Vec::new());
            entry.read_to_end(&mut bytes).unwrap();
            (name, bytes)
        })
        .collect();
    survives("pt", |rng| {
        if rng.random_range(0..4) == 0 {
            let mut bytes = whole.clone();
            damage(&mut bytes, whole.len(), &OPCODES, rng);
            return bytes;
        }
        // A whole archive of a damaged pickle.
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in &entries {
            let mut bytes = bytes.clone();
            if name.ends_with("data.pkl") {
                let all = bytes.len();
                damage(&mut bytes, all, &OPCODES, rng);
            }
            writer
                .start_file(
                    name.as_str(),
                    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored),
                )
                .unwrap();
            writer.write_all(&bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    });
}
