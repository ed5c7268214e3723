//! How much of a file of weights a network took: in figures for a record, in words for the log.

use std::path::Path;

use ablate_model::weights::Loaded;

use ablate_records::FirstWeights;

/// Names that are listed of each kind before the rest is only counted.
const MOST_NAMES: usize = 4;

/// What a record keeps: counts, and the file's name without its folder, which differs from machine
/// to machine.
pub fn taken(file: &Path, loaded: &Loaded) -> FirstWeights {
    FirstWeights {
        file: file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        taken: loaded.taken.len(),
        total: loaded.taken.len() + loaded.fresh.len(),
        unused: loaded.unused.len(),
    }
}

/// How many of the network's tensors the file filled, which others stay random, and what in the
/// file has no place: a line each.
pub fn describe(file: &Path, loaded: &Loaded) -> String {
    let FirstWeights {
        taken: filled,
        total,
        ..
    } = taken(file, loaded);
    let mut lines = vec![format!(
        "{}: {filled} of {total} tensors taken",
        file.display()
    )];
    for (names, what) in [
        (&loaded.fresh, "still random"),
        (&loaded.unused, "in the file without a place"),
    ] {
        if !names.is_empty() {
            lines.push(format!("  {} {what}: {}", names.len(), first(names)));
        }
    }
    lines.join("\n")
}

/// The first names in their order, and an ellipsis for the others.
fn first(names: &[String]) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    let rest = if names.len() > MOST_NAMES {
        ", …"
    } else {
        ""
    };
    names.truncate(MOST_NAMES);
    names.join(", ") + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_are_listed_and_the_others_counted() {
        let names =
            |prefix: &str, n: usize| (0..n).rev().map(|i| format!("{prefix}.{i}")).collect();
        let loaded = Loaded {
            taken: names("taken", 9),
            fresh: names("fresh", 5),
            unused: names("unused", 1),
        };
        let file = Path::new("some/folder/yolov5n.pt");
        assert_eq!(
            describe(file, &loaded),
            "some/folder/yolov5n.pt: 9 of 14 tensors taken\n  5 still random: fresh.0, fresh.1, fresh.2, fresh.3, …\n  1 in the file without a place: unused.0"
        );
        assert_eq!(
            taken(file, &loaded),
            FirstWeights {
                file: "yolov5n.pt".into(),
                taken: 9,
                total: 14,
                unused: 1
            }
        );
        let whole = Loaded {
            fresh: Vec::new(),
            unused: Vec::new(),
            ..loaded
        };
        assert_eq!(
            describe(file, &whole),
            "some/folder/yolov5n.pt: 9 of 9 tensors taken"
        );
    }
}
