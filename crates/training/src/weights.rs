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

/// How many of the network's tensors the file filled and how, which others stay random, and what in
/// the file has no place: a line each.
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
    if let Some(prefix) = &loaded.prefix {
        lines.push(format!("  names taken {prefix}"));
    }
    if loaded.fused > 0 {
        lines.push(format!("  fused: {} norms taken from biases", loaded.fused));
    }
    let random: Vec<String> = loaded.random().into_iter().map(String::from).collect();
    for (names, what) in [
        (&random, "still random"),
        (&loaded.idle, "absent, which evaluation does without"),
        (&loaded.misfits, "of another shape or format"),
        (&loaded.unused, "in the file without a place"),
    ] {
        if !names.is_empty() {
            lines.push(format!("  {} {what}: {}", names.len(), first(names)));
        }
    }
    lines.join("\n")
}

/// Why the network does not compute what that of the file does: tensors that stay random, biases
/// that have no place; None if it does.
pub fn gaps(loaded: &Loaded) -> Option<String> {
    let random = owned(loaded.random());
    if !random.is_empty() {
        let needed = loaded.taken.len() + random.len();
        let of_random = |misfit: &&String| {
            let quoted = |name: &String| misfit.starts_with(&format!("'{name}'"));
            random.iter().any(quoted)
        };
        let why = loaded.misfits.iter().find(of_random);
        let why = why.map_or(String::new(), |why| format!("; {why}"));
        return Some(format!(
            "{} of the model's {needed} tensors stay random: {}{why}",
            random.len(),
            first(&random)
        ));
    }
    lost_biases(loaded)
}

/// The biases that have no place in the network, as those of a folded network have none in one that is
/// not; None if there is none.
pub(crate) fn lost_biases(loaded: &Loaded) -> Option<String> {
    let biases = owned(loaded.lost_biases());
    (!biases.is_empty()).then(|| {
        format!(
            "biases without a place in the model, which computes something else without them: {}",
            first(&biases)
        )
    })
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(String::from).collect()
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
    use ablate_model::weights::Prefix;

    use super::*;

    #[test]
    fn the_first_names_are_listed_and_the_others_counted() {
        let names =
            |prefix: &str, n: usize| (0..n).rev().map(|i| format!("{prefix}.{i}")).collect();
        let loaded = Loaded {
            taken: names("taken", 9),
            fresh: names("fresh", 5),
            unused: names("unused", 1),
            ..Loaded::default()
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
        assert_eq!(
            gaps(&loaded).unwrap(),
            "5 of the model's 14 tensors stay random: fresh.0, fresh.1, fresh.2, fresh.3, …"
        );
        let whole = Loaded {
            fresh: Vec::new(),
            unused: Vec::new(),
            ..loaded
        };
        assert_eq!(gaps(&whole), None);
        assert_eq!(
            describe(file, &whole),
            "some/folder/yolov5n.pt: 9 of 9 tensors taken"
        );
    }

    #[test]
    fn how_a_file_was_read_is_said() {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        let loaded = Loaded {
            taken: names(&["a.weight", "b.weight"]),
            fresh: names(&["c.weight", "d.weight"]),
            idle: names(&["d.weight"]),
            unused: Vec::new(),
            misfits: names(&["'c.weight': expected [1], found [2]"]),
            prefix: Some(Prefix {
                removed: "module.".into(),
                added: String::new(),
            }),
            fused: 57,
            classes: None,
        };
        assert_eq!(
            describe(Path::new("x.pt"), &loaded),
            "x.pt: 2 of 4 tensors taken\n  names taken without 'module.'\n  fused: 57 norms taken from biases\n  1 still random: c.weight\n  1 absent, which evaluation does without: d.weight\n  1 of another shape or format: 'c.weight': expected [1], found [2]"
        );
        assert_eq!(
            gaps(&loaded).unwrap(),
            "1 of the model's 3 tensors stay random: c.weight; 'c.weight': expected [1], found [2]"
        );
        // A bias beside a weight that was taken.
        let biased = Loaded {
            taken: names(&["a.weight"]),
            unused: names(&["a.bias", "z.bias"]),
            ..Loaded::default()
        };
        assert_eq!(
            gaps(&biased).unwrap(),
            "biases without a place in the model, which computes something else without them: a.bias"
        );
    }
}
