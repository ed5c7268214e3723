//! A sweep's file: read, and its cells planned.
#![no_main]

use std::sync::LazyLock;

use ablate::sweep::{config::SweepConfig, plan::Plan};
use ablate_fuzz::write;
use ablate_model::Catalog;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match SweepConfig::read(&write("sweep.yaml", bytes)) {
        Ok(config) => {
            let _ = Plan::new(&config, &CATALOG, 3, Some("data"));
        }
        Err(error) => {
            let error = format!("{error:#}");
            assert!(error.contains("sweep.yaml"), "no file in '{error}'");
        }
    }
});
