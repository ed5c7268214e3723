//! Tells the program what it was built from: the commit, the compiler, the version of burn, and
//! hashes of the sources.
//!
//! Nothing here may fail a build: outside a checkout the commit is `unknown`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

mod code;
#[path = "../../../build/libtorch.rs"]
mod libtorch;

fn main() {
    libtorch::main();
    // Asked at run time: checkouts that share a target folder share the compiled script.
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    for watched in ["crates", "Cargo.lock"] {
        rerun_if_changed(&root.join(watched));
    }
    // The log of HEAD changes with every commit and checkout; in a linked worktree it lies
    // elsewhere.
    if let Some(head) = git(&[
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "logs/HEAD",
    ]) {
        rerun_if_changed(Path::new(&head));
    }
    println!("cargo:rustc-env=ABLATE_COMMIT={}", commit());
    println!("cargo:rustc-env=ABLATE_RUSTC={}", rustc());
    println!(
        "cargo:rustc-env=ABLATE_BURN={}",
        locked_version(&root, "burn")
    );
    for (part, places) in code::PARTS {
        let (name, hash) = (part.to_uppercase(), code::hash(&root, places));
        println!("cargo:rustc-env=ABLATE_CODE_{name}={hash}");
    }
}

/// Cargo runs a script that watches a missing path on every build, so only what exists is watched.
fn rerun_if_changed(path: &Path) {
    if path.exists() {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}

fn commit() -> String {
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".into();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if !changes.is_empty() => format!("{commit}+dirty"),
        _ => commit,
    }
}

fn rustc() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    output(Command::new(rustc).arg("--version")).unwrap_or_else(|| "unknown".into())
}

/// The version of a package in the workspace's lock file.
fn locked_version(root: &Path, package: &str) -> String {
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let mut lines = lock.lines();
    lines.find(|line| *line == format!("name = \"{package}\""));
    lines
        .next()
        .and_then(|line| line.strip_prefix("version = \""))
        .map_or("unknown", |version| version.trim_end_matches('"'))
        .to_owned()
}

fn git(arguments: &[&str]) -> Option<String> {
    output(Command::new("git").args(arguments))
}

fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
