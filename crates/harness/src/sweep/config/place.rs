//! Where in a sweep's file an error is.

use std::path::Path;

use ablate_files::{line_of_key, place, split_line, tab_hint};
use ablate_model::catalog::CatalogError;
use anyhow::{Error, anyhow};
use serde_yaml::Value;

/// An error of a sweep's text with file and line: the reader's own line, else that of the key that the message names.
pub fn in_text(path: &Path, text: &str, message: &str) -> Error {
    let (message, line) = split_line(message);
    let named = || {
        let key = match message.strip_prefix("key `") {
            Some(rest) => rest.split('`').next()?,
            None => message.split([':', '[']).next()?,
        };
        line_of_key(text, key)
    };
    let line = line.or_else(named);
    anyhow!("{}: {message}{}", place(path, line), tab_hint(text, line))
}

/// An error of what a sweep's file asks for, with file and line. An error of a model's word that the file does not have is the
/// command line's, and stays as it is.
pub fn in_file(path: &Path, error: Error) -> Error {
    let Ok(text) = ablate_files::read_text(path) else {
        return error;
    };
    let message = format!("{error:#}");
    let (list, word) = match error.downcast_ref() {
        Some(CatalogError::UnknownFamily { name, .. }) => ("families", name),
        Some(CatalogError::UnknownScale { scale, .. }) => ("scales", scale),
        Some(CatalogError::UnknownVariant { name, .. }) => ("variants", name),
        Some(CatalogError::NoScale { model, .. }) => ("models", model),
        _ => return in_text(path, &text, &message),
    };
    match entry(&text, list, word) {
        Some(entry) => in_text(path, &text, &format!("{entry}: {message}")),
        None => error,
    }
}

/// The entry of a list, or else of `models`, that has a word, such as `variants[1]`.
fn entry(text: &str, list: &str, word: &str) -> Option<String> {
    let sweep: Value = serde_yaml::from_str(text).ok()?;
    [list, "models"].into_iter().find_map(|key| {
        let entries = sweep.get(key)?.as_sequence()?;
        let is = |entry: &Value| entry.as_str() == Some(word);
        let has = |entry: &Value| entry.as_str().is_some_and(|entry| entry.contains(word));
        let index = entries.iter().position(is);
        let index = index.or_else(|| entries.iter().position(has))?;
        Some(format!("{key}[{index}]"))
    })
}
