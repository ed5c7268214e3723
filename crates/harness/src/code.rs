//! The code that a measurement comes from: hashes of the sources that each stage depends on, taken
//! when the program was built.

use ablate_records::Stage;
use serde_json::{Map, Value};

/// Name and hash of every part, as `build/code.rs` takes them, and the version of Burn.
const PARTS: [(&str, &str); 6] = [
    ("kernels", env!("ABLATE_CODE_KERNELS")),
    ("model", env!("ABLATE_CODE_MODEL")),
    ("detection", env!("ABLATE_CODE_DETECTION")),
    ("training", env!("ABLATE_CODE_TRAINING")),
    ("measure", env!("ABLATE_CODE_MEASURE")),
    ("burn", env!("ABLATE_BURN")),
];

/// The parts that a stage's outcome depends on. What reports and what reads command lines is in
/// none.
fn parts(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::Cost => &["model"],
        Stage::Latency => &["kernels", "model", "measure", "burn"],
        Stage::Train | Stage::Eval => &["kernels", "model", "detection", "training", "burn"],
        Stage::Detect => &[
            "kernels",
            "model",
            "detection",
            "training",
            "measure",
            "burn",
        ],
    }
}

/// The code that a stage's record depends on: the hash of each part by name.
pub fn of(stage: Stage) -> Value {
    let wanted = PARTS.iter().filter(|(name, _)| parts(stage).contains(name));
    wanted
        .map(|(name, hash)| ((*name).to_owned(), Value::from(*hash)))
        .collect::<Map<_, _>>()
        .into()
}

/// The parts that differ between this build and the one that a record's inputs name; all, if they
/// name none.
pub fn differences(stage: Stage, inputs: &Value) -> Vec<&'static str> {
    let own = of(stage);
    parts(stage)
        .iter()
        .copied()
        .filter(|part| inputs["code"][part] != own[part])
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_part_of_a_stage_has_a_hash() {
        for stage in Stage::ALL {
            let code = of(stage);
            assert_eq!(code.as_object().unwrap().len(), parts(stage).len());
            for part in parts(stage) {
                assert!(code[part].as_str().is_some_and(|hash| !hash.is_empty()));
            }
        }
        assert_eq!(of(Stage::Cost)["model"].as_str().unwrap().len(), 12);
    }

    #[test]
    fn another_build_is_known_by_the_parts_that_differ() {
        let mut inputs = json!({ "code": of(Stage::Latency) });
        assert!(differences(Stage::Latency, &inputs).is_empty());
        inputs["code"]["kernels"] = "000000000000".into();
        assert_eq!(differences(Stage::Latency, &inputs), ["kernels"]);
        assert_eq!(differences(Stage::Cost, &json!({})), ["model"]);
    }
}
