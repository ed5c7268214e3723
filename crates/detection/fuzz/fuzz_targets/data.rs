//! `data.yaml` of any format.
#![no_main]

use std::path::Path;

use ablate_detection::dataset::DataSpec;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = DataSpec::parse(text, Path::new("data.yaml"));
});
