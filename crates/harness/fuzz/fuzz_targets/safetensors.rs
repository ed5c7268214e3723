//! A file of SafeTensors with a damaged header that says its own length, in front of whole data.
#![no_main]

use std::{collections::HashMap, sync::LazyLock};

use ablate_fuzz::{damaged, detector, write};
use ablate_model::weights::{self, NAMES};
use safetensors::SafeTensors;

const SPLICES: [&[u8]; 12] = [
    b"18446744073709551615",
    b"-1",
    b"1e99",
    b"\"F64\"",
    b"\"BOOL\"",
    b"[]",
    b"[4294967295,4294967295]",
    b"{",
    b"}",
    b"\"__metadata__\":",
    b"\\u0000",
    b"\xff",
];

/// The header and the data of a whole file.
static WHOLE: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let path = write("whole.safetensors", b"");
    weights::save(&detector(), &path).expect("saved");
    let bytes = std::fs::read(&path).expect("read");
    let tensors = SafeTensors::deserialize(&bytes).expect("whole").tensors();
    let names = HashMap::from([(NAMES.to_owned(), "[\"a\",\"b\",\"c\"]".to_owned())]);
    let whole = safetensors::serialize(tensors, Some(names)).expect("serialised");
    let (length, rest) = whole.split_first_chunk::<8>().expect("a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    (header.to_vec(), data.to_vec())
});

libfuzzer_sys::fuzz_target!(|edits: &[u8]| {
    let (header, data) = &*WHOLE;
    let header = damaged(header, edits, &SPLICES);
    let length = (header.len() as u64).to_le_bytes();
    let path = write("damaged.safetensors", &[&length, &header[..], data].concat());
    if let Err(error) = weights::load(&mut detector(), &path) {
        let error = error.to_string();
        assert!(error.contains("damaged."), "no file in '{error}'");
    }
});
