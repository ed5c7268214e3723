//! A variant's call: what its arguments are, and the rows that it signs.

use std::collections::BTreeMap;

use crate::spec::{Arg, MAX_ARGS, Row, Scaling};

/// A variant's call at a scale.
pub(super) struct Patch<'a> {
    pub variant: &'a str,
    /// The variant's arguments.
    pub values: BTreeMap<String, Arg>,
    pub scaling: Scaling,
}

impl Patch<'_> {
    /// Arguments with `$name` replaced by the variant's argument of that name, and `$0`, `$1`, … by
    /// those of `row`: one that the row does not have is None, and left out at the end.
    pub fn fill(&self, args: &[Arg], row: Option<&Row>) -> Result<Vec<Arg>, String> {
        let mut filled = Vec::with_capacity(args.len());
        // Up to the last that is there.
        let mut length = 0;
        for arg in args {
            let (arg, there) = match arg {
                Arg::Text(word) if word.starts_with('$') => {
                    match (word[1..].parse::<usize>(), row) {
                        (Ok(place), Some(row)) => match row.args.get(place) {
                            Some(arg) => (arg.clone(), true),
                            None => (Arg::None, false),
                        },
                        _ => (self.value(word)?, true),
                    }
                }
                other => (other.clone(), true),
            };
            filled.push(arg);
            if there {
                length = filled.len();
            }
        }
        filled.truncate(length);
        Ok(filled)
    }

    fn value(&self, word: &str) -> Result<Arg, String> {
        self.values.get(&word[1..]).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
            format!("unknown argument '{word}'; known: {}", known.join(", "))
        })
    }

    /// Notes that a row is as this variant made it.
    pub fn sign(&self, row: &mut Row) {
        row.variant = Some(self.variant.into());
    }
}

/// Refuses more arguments than a row may have; `index` and `module` are the row's before.
pub(super) fn check_length(args: &[Arg], index: usize, module: &str) -> Result<(), String> {
    match args.len() {
        0..=MAX_ARGS => Ok(()),
        found => Err(format!(
            "row {index} ({module}): expected at most {MAX_ARGS} arguments, found {found} with those appended"
        )),
    }
}
