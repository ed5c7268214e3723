//! A checkpoint of PyTorch: a whole archive of a damaged pickle.
#![no_main]

use std::{
    io::{Cursor, Read, Write},
    sync::LazyLock,
};

use ablate_fuzz::{CHECKPOINT, damaged, detector, write};
use ablate_model::weights;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

const SPLICES: [&[u8]; 16] = [
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

/// The files of the archive.
static ENTRIES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let mut archive = ZipArchive::new(Cursor::new(CHECKPOINT)).expect("an archive");
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("an entry");
        let (name, mut bytes) = (entry.name().expect("a name").into_owned(), Vec::new());
        entry.read_to_end(&mut bytes).expect("read");
        entries.push((name, bytes));
    }
    entries
});

libfuzzer_sys::fuzz_target!(|edits: &[u8]| {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in &*ENTRIES {
        writer.start_file(name.as_str(), stored).expect("begun");
        match name.ends_with("data.pkl") {
            true => writer.write_all(&damaged(bytes, edits, &SPLICES)),
            false => writer.write_all(bytes),
        }
        .expect("written");
    }
    let bytes = writer.finish().expect("an archive").into_inner();
    if let Err(error) = weights::load(&mut detector(), &write("damaged.pt", &bytes)) {
        let error = error.to_string();
        assert!(error.contains("damaged."), "no file in '{error}'");
    }
});
