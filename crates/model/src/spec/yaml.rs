//! YAML of bounded size. A small file can stand for a huge tree, if its aliases repeat lists of
//! aliases, and it can keep the parser busy for minutes, if brackets open and never close.

use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess,
    Visitor,
};
use serde_yaml::{Mapping, Value};

use super::words::in_our_words;

/// Bytes of a text, and values and letters of what it stands for. No table comes near, a broken or
/// hostile file may.
const MAX_SIZE: usize = 1 << 18;

/// Reads a text as a type.
///
/// # Errors
/// As of [`read`], and what the type refuses: the key's path, what was expected and what was found.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_path_to_error::deserialize(read(text)?).map_err(|error| {
        let message = in_our_words(&error.inner().to_string());
        let path = error.path().to_string();
        // The message names an unknown key itself.
        let path = match message.starts_with("unknown key '") || message.starts_with("key '") {
            true => path.rsplit_once('.').map_or(".", |(map, _)| map),
            false => &path,
        };
        match path {
            "." => message,
            path => format!("{path}: {message}"),
        }
    })
}

/// Reads a text as one tree. A tag, `!name`, has no meaning in it.
///
/// # Errors
/// Text that is too large, too deep or not YAML, and a key given twice.
fn read(text: &str) -> Result<Value, String> {
    if text.len() > MAX_SIZE {
        return Err(format!(
            "expected at most {MAX_SIZE} bytes, found {}",
            text.len()
        ));
    }
    ablate_files::check_yaml(text)?;
    if text
        .lines()
        .all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#'))
    {
        return Err("expected keys and values, found an empty file".into());
    }
    let mut room = MAX_SIZE;
    Tree { room: &mut room }
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|e| format!("not YAML: {e}"))
}

/// A tree in the making, and how much more may come.
struct Tree<'r> {
    room: &'r mut usize,
}

impl Tree<'_> {
    fn take<E: Error>(&mut self, size: usize) -> Result<(), E> {
        *self.room = self.room.checked_sub(size).ok_or_else(|| {
            E::custom(format!(
                "aliases expand beyond the limit of {MAX_SIZE} values and letters"
            ))
        })?;
        Ok(())
    }

    fn value<E: Error>(mut self, value: impl Into<Value>) -> Result<Value, E> {
        self.take(1)?;
        Ok(value.into())
    }

    fn next(&mut self) -> Tree<'_> {
        Tree { room: self.room }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number of up to 64 bits, a word, a truth value, a list or a map")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.value(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.value(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.value(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.value(value)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.value(Value::Null)
    }

    fn visit_str<E: Error>(mut self, word: &str) -> Result<Value, E> {
        self.take(word.len())?;
        self.value(word)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        self.take(1)?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.next())? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        self.take(1)?;
        let mut entries = Mapping::new();
        while let Some(key) = map.next_key_seed(self.next())? {
            if entries.contains_key(&key) {
                return Err(A::Error::custom(format!(
                    "duplicate key '{}'",
                    key.as_str().unwrap_or("?")
                )));
            }
            entries.insert(key, map.next_value_seed(self.next())?);
        }
        Ok(entries.into())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(A::Error::custom("tags, such as !name, are not supported"))
    }
}
