//! Where in a sweep's file an error is.

use std::path::Path;

use ablate_files::{line_of_key, place, split_line, tab_hint};
use ablate_model::{ModelName, catalog::CatalogError};
use anyhow::{Error, anyhow};
use serde_yaml::Value;

/// An error of a sweep's text with file and line: the reader's own line, else that of the key that the message names.
pub fn in_text(path: &Path, text: &str, message: &str) -> Error {
    let (message, line) = split_line(message);
    let line = line.or_else(|| line_of(text, message));
    anyhow!("{}: {message}{}", place(path, line), tab_hint(text, line))
}

/// The line of the key that a message begins with.
fn line_of(text: &str, message: &str) -> Option<usize> {
    let key = match message.strip_prefix("key `") {
        Some(rest) => rest.split('`').next()?,
        None => message.split(": ").next()?,
    };
    line_of_key(text, key)
}

/// An error of what a sweep's file asks for, with file and line. An error of a model's word that the file does not have is the
/// command line's, and stays as it is.
pub fn in_file(path: &Path, error: Error) -> Error {
    let Ok(text) = ablate_files::read_text(path) else {
        return error;
    };
    let message = format!("{error:#}");
    let word = match error.downcast_ref() {
        Some(CatalogError::UnknownFamily { name, .. }) => Word::Family(name),
        Some(CatalogError::UnknownScale { model, scale, .. }) => Word::Scale(scale, model),
        Some(CatalogError::UnknownVariant { model, name, .. }) => Word::Variant(name, model),
        Some(CatalogError::NoScale { model, .. }) => Word::Model(model),
        Some(CatalogError::Argument { model, .. }) => Word::Arguments(model),
        _ => {
            // A line in the message is of the file that it names.
            let line = line_of(&text, &message);
            return anyhow!("{}: {message}", place(path, line));
        }
    };
    match word.entry(&text) {
        Some((key, index, entry)) => {
            let line = line_of_entry(&text, key, &entry);
            anyhow!("{}: {key}[{index}]: {message}", place(path, line))
        }
        None => error,
    }
}

/// What is unknown, and the model that it was asked for in.
enum Word<'a> {
    Family(&'a str),
    Scale(&'a str, &'a str),
    Variant(&'a str, &'a str),
    Model(&'a str),
    Arguments(&'a str),
}

impl Word<'_> {
    /// Whether an entry of a list has it.
    fn is_in(&self, key: &str, entry: &str) -> bool {
        let is = |model: &str| {
            let name = entry.parse::<ModelName>();
            entry == model || name.is_ok_and(|name| name.to_string() == model)
        };
        let has_call = |name: &str| {
            let mut calls = entry.split('+').map(|call| call.split(':').next());
            calls.any(|call| call == Some(name))
        };
        match (self, key) {
            (Self::Family(name), "families") => entry == *name,
            (Self::Family(name), "models") => entry.starts_with(name),
            (
                Self::Scale(_, model)
                | Self::Variant(_, model)
                | Self::Model(model)
                | Self::Arguments(model),
                "models",
            ) => is(model),
            (Self::Scale(scale, _), "scales") => entry == *scale,
            (Self::Variant(name, _), "variants") => has_call(name),
            (Self::Arguments(model), "variants") => {
                let variants = |name: &str| name.parse::<ModelName>().map(|name| name.variants);
                let own = variants(&format!("yolov5n+{entry}"));
                own.is_ok_and(|own| variants(model) == Ok(own))
            }
            _ => false,
        }
    }

    /// The list's key, the place in it and the entry as written.
    fn entry(&self, text: &str) -> Option<(&'static str, usize, String)> {
        let sweep: Value = serde_yaml::from_str(text).ok()?;
        let keys = ["families", "models", "scales", "variants"].into_iter();
        keys.filter_map(|key| Some((key, sweep.get(key)?.as_sequence()?)))
            .find_map(|(key, entries)| {
                let mut entries = entries.iter().map(as_written).enumerate();
                let (index, entry) = entries.find(|(_, entry)| self.is_in(key, entry))?;
                Some((key, index, entry))
            })
    }
}

/// A word, number or nothing, as its file has it.
fn as_written(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        other => serde_yaml::to_string(other)
            .unwrap_or_default()
            .trim_end()
            .to_owned(),
    }
}

/// The line of an entry that stands in one of its own, else that of its list's key.
fn line_of_entry(text: &str, key: &str, entry: &str) -> Option<usize> {
    let line = line_of_key(text, key)?;
    let below = text.lines().enumerate().skip(line);
    let mut below =
        below.take_while(|(_, line)| line.starts_with([' ', '-', '#']) || line.trim().is_empty());
    let own = below.find(|(_, line)| {
        let item = line.trim_start().strip_prefix('-');
        item.is_some_and(|item| item.trim().trim_matches(['"', '\'']).starts_with(entry))
    });
    Some(own.map_or(line, |(index, _)| index + 1))
}
