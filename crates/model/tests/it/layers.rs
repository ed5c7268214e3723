//! The modules of the crate know only those below them: read from the paths in the sources, so that
//! an arrow back fails by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Modules from bottom to top; those of one line know nothing of each other.
const LAYERS: [&[&str]; 17] = [
    &["spec"],
    &["constants"],
    &["shape"],
    &["tally"],
    &["coding", "initializer", "fuse"],
    &["inference"],
    &["outputs"],
    &["blocks"],
    &["heads"],
    &["registry"],
    &["graph"],
    &["catalog"],
    &["cost", "layout"],
    &["predictions"],
    &["detector"],
    &["precision"],
    &["weights"],
];

/// A file by the path of its module, `["blocks", "conv"]`, and the paths that it names within the
/// crate, in the same form.
struct Source {
    module: Vec<String>,
    names: Vec<Vec<String>>,
}

#[test]
fn modules_know_only_what_is_below_them() {
    let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut arrows = 0;
    for source in sources() {
        let Some(from) = source.module.first() else {
            continue;
        };
        let own = layer(from).unwrap_or_else(|| panic!("{from} is in no layer"));
        for name in &source.names {
            let (module, to) = (source.module.join("::"), &name[0]);
            let Some(layer) = layer(to) else {
                panic!("{module} names crate::{to}: name the module that has it");
            };
            assert!(
                to == from || layer < own,
                "{module} names crate::{}, which is not below it",
                name.join("::")
            );
            arrows += 1;
        }
    }
    assert!(arrows > 100, "only {arrows} paths were read");
}

/// Within a folder, files name each other's files, in no circle.
#[test]
fn files_of_a_folder_make_no_circle() {
    let mut folders: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for source in sources() {
        let [folder, file] = source.module.as_slice() else {
            continue;
        };
        let same = source.names.iter().filter(|name| name[0] == *folder);
        let files = same.map(|name| name[1].clone()).filter(|to| to != file);
        let known = folders.entry(folder.clone()).or_default();
        known.insert(file.clone(), files.collect());
    }
    assert!(folders.len() >= 4);
    for (folder, mut files) in folders {
        for (file, named) in &files {
            for to in named {
                assert!(
                    files.contains_key(to),
                    "{folder}/{file}.rs names super::{to}: name the file that has it"
                );
            }
        }
        // Takes away files that know none of the others until nothing is left.
        while !files.is_empty() {
            let left: BTreeSet<String> = files.keys().cloned().collect();
            let before = files.len();
            files.retain(|_, named| !named.is_disjoint(&left));
            assert!(files.len() < before, "a circle in {folder}/: {files:?}");
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let source = |path: &PathBuf| {
        let inner = path.strip_prefix(&root).unwrap().with_extension("");
        let mut module: Vec<String> = inner
            .iter()
            .map(|part| part.to_str().unwrap().to_string())
            .collect();
        module.retain(|part| part != "mod" && part != "lib");
        let is_folder = path.ends_with("mod.rs");
        let text = fs::read_to_string(path).unwrap();
        let names = names(&code(&text), &module, is_folder);
        Source { module, names }
    };
    files(&root).iter().map(source).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push(path),
        }
    }
    all
}

/// A file's code without comments and without its tests, on one line.
fn code(text: &str) -> String {
    let (code, _) = text.split_once("#[cfg(test)]").unwrap_or((text, ""));
    let lines = code.lines().filter(|line| !line.trim().starts_with("//"));
    lines.collect::<Vec<_>>().join(" ")
}

/// Every path that begins with `crate::` or `super::`, resolved; braces stand for several.
fn names(code: &str, module: &[String], is_folder: bool) -> Vec<Vec<String>> {
    let parent = match is_folder {
        true => module,
        false => &module[..module.len().saturating_sub(1)],
    };
    let mut names = Vec::new();
    for (start, base) in [("crate::", &[] as &[String]), ("super::", parent)] {
        for (at, _) in code.match_indices(start) {
            let inside = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if !inside {
                for path in expand(&code[at + start.len()..]) {
                    names.push(base.iter().cloned().chain(path).collect());
                }
            }
        }
    }
    names
}

/// `a::{b, c::d}` as `[a, b]` and `[a, c, d]`; ends where the path does.
fn expand(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(list) = text.strip_prefix('{') {
        let mut paths = Vec::new();
        let (mut depth, mut start) = (0, 0);
        for (i, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    let item = list[start..i].trim();
                    if !item.is_empty() {
                        paths.extend(expand(item));
                    }
                    start = i + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
        return paths;
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    let (first, rest) = text.split_at(end.unwrap_or(text.len()));
    let first = vec![first.to_string()];
    match rest.strip_prefix("::") {
        Some(rest) if !rest.starts_with('<') => expand(rest)
            .into_iter()
            .map(|path| first.iter().cloned().chain(path).collect())
            .collect(),
        _ => vec![first],
    }
}

#[test]
fn paths_are_read() {
    let module = ["blocks", "conv"].map(String::from);
    let text =
        "use crate::{shape::{A, B}, c::D}; use super::row::R; let x = crate::e::f(); $crate::g::h";
    let read: Vec<String> = names(text, &module, false)
        .iter()
        .map(|path| path.join("::"))
        .collect();
    let expected = [
        "shape::A",
        "shape::B",
        "c::D",
        "e::f",
        "g::h",
        "blocks::row::R",
    ];
    assert_eq!(read, expected);
}
