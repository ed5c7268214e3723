//! The crates know only those below them, and those that need no tensor don't build Burn.

use std::{collections::BTreeSet, fs, path::Path};

/// A crate, and the crates of the workspace that it may know.
const CRATES: [(&str, &[&str]); 10] = [
    ("files", &[]),
    ("engine", &[]),
    ("kernels", &["engine"]),
    ("model", &["engine", "files", "kernels"]),
    ("detection", &["files"]),
    ("records", &["files"]),
    (
        "training",
        &["files", "kernels", "model", "detection", "records"],
    ),
    ("statistics", &[]),
    ("report", &["files", "records", "statistics"]),
    (
        "harness",
        &[
            "files",
            "kernels",
            "model",
            "detection",
            "training",
            "records",
            "report",
            "statistics",
        ],
    ),
];

const WITHOUT_BURN: [&str; 6] = [
    "engine",
    "files",
    "detection",
    "records",
    "report",
    "statistics",
];

#[test]
fn crates_know_only_what_is_below_them() {
    let folders: BTreeSet<String> = fs::read_dir(crates())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let listed: BTreeSet<String> = CRATES.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(folders, listed);
    for (name, may_know) in CRATES {
        for dependency in dependencies(name) {
            if let Some(other) = dependency.strip_prefix("ablate-") {
                assert!(
                    may_know.contains(&other),
                    "{name} must not depend on {other}; it may on {may_know:?}"
                );
            }
            assert!(
                !(WITHOUT_BURN.contains(&name) && dependency.starts_with("burn")),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

fn crates() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The keys of a manifest's tables of dependencies, those for tests and builds included.
fn dependencies(name: &str) -> Vec<String> {
    let path = crates().join(name).join("Cargo.toml");
    let manifest = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut inside = false;
    let mut keys = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.trim_end_matches(']').ends_with("dependencies");
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let end = line.find([' ', '.', '=']).unwrap_or(line.len());
            keys.push(line[..end].to_string());
        }
    }
    assert!(!keys.is_empty(), "{} lists no dependencies", path.display());
    keys
}
