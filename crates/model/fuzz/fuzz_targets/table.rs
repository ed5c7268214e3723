//! A table from any bytes: read, patched by one of the program's own variants, resolved and costed
//! at its scales.
#![no_main]

use std::sync::LazyLock;

use ablate_model::{
    Catalog,
    spec::{Table, VariantCall},
};
use ablate_model_fuzz::to_costs;
use libfuzzer_sys::fuzz_target;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

/// Scales that are tried; a table may list thousands, which are all alike.
const SCALES: usize = 3;

fuzz_target!(|text: &str| {
    let Ok(table) = Table::from_yaml(text, "fuzz.yaml") else { return };
    // Which one follows from the text, so that an input always does the same.
    let variants: Vec<_> = CATALOG.variants().collect();
    let variant = variants[text.len() % variants.len()];
    let call: VariantCall = variant.name.parse().expect("a variant's name is a call of it");
    for (scale, scaling) in table.scales.iter().take(SCALES) {
        to_costs(&table, *scaling);
        if let Ok(patched) = variant.apply(&table, scale, *scaling, &call) {
            to_costs(&patched, *scaling);
        }
    }
});
