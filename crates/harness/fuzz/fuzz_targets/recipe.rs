//! A recipe, ours or one of the packages'.
#![no_main]

use ablate_fuzz::write;
use ablate_training::Recipe;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match Recipe::load(&write("recipe.yaml", bytes)) {
        Ok((recipe, _)) => {
            let _ = recipe.check();
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains("recipe.yaml"), "no file in '{error}'");
        }
    }
});
