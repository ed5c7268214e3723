//! Model names: family, scale, variants and their arguments in one word, `yolov5n+asff:rfb=true`.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// A model as the user names it: `yolov5n`, `yolov5n+ghost+asff`,
/// `yolov5s+asff:order=sequential,rfb=true`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName {
    /// `yolov5`, or whatever the catalog holds.
    pub family: String,
    /// One of the scales that the family's table lists; empty if it lists none.
    pub scale: String,
    /// Variants in the order in which the name has them.
    pub variants: Vec<VariantCall>,
}

/// A variant with the arguments that the name gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariantCall {
    /// What the catalog calls it.
    pub name: String,
    /// Values by argument.
    pub arguments: BTreeMap<String, String>,
}

/// Error while reading a model's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid model name '{word}': {reason}; write family, scale and variants like 'yolov5n' or 'yolov5s+gsconv+asff:rfb=true'"
)]
pub struct NameError {
    word: String,
    reason: String,
}

impl ModelName {
    /// The model without variants.
    pub fn baseline(family: impl Into<String>, scale: impl Into<String>) -> Self {
        Self {
            family: family.into(),
            scale: scale.into(),
            variants: Vec::new(),
        }
    }

    /// The variants alone, joined by `+`; `baseline` if there are none.
    pub fn variant(&self) -> String {
        if self.variants.is_empty() {
            return "baseline".into();
        }
        let words: Vec<String> = self.variants.iter().map(VariantCall::to_string).collect();
        words.join("+")
    }

    /// Adds variants written as in a name, `gsconv+asff:rfb=true`; `baseline` adds none.
    pub fn with_variants(mut self, words: &str) -> Result<Self, NameError> {
        for word in words.split('+') {
            if word != "baseline" {
                self.variants.push(word.parse()?);
            }
        }
        Ok(self)
    }
}

impl FromStr for ModelName {
    type Err = NameError;

    /// Family and scale by the packages' conventions: `yolov8s-ghost` is scale s of `yolov8-ghost`,
    /// `mine:tiny` scale tiny of `mine`. A word that shows no scale is a family of its own, which
    /// the catalog may know better: see [`Catalog::name`](crate::Catalog::name).
    fn from_str(word: &str) -> Result<Self, NameError> {
        let (stem, variants) = match word.split_once('+') {
            Some((stem, variants)) => (stem, Some(variants)),
            None => (word, None),
        };
        let fail = |reason: &str| NameError {
            word: word.into(),
            reason: reason.into(),
        };
        let name = match stem.split_once(':') {
            Some((family, scale)) if family.is_empty() || scale.is_empty() => {
                return Err(fail("expected family:scale"));
            }
            Some((family, scale)) => Self::baseline(family, scale),
            None if stem.is_empty() => return Err(fail("expected a family first")),
            None => match scale_within(stem) {
                Some((before, scale, after)) => {
                    Self::baseline(format!("{before}{after}"), scale.to_string())
                }
                None => Self::baseline(stem, ""),
            },
        };
        match variants {
            Some(variants) => name.with_variants(variants),
            None => Ok(name),
        }
    }
}

/// `yolov8`, `s` and `-ghost` of `yolov8s-ghost`: the letter after the first number, if the word
/// ends there or goes on with a hyphen.
fn scale_within(stem: &str) -> Option<(&str, char, &str)> {
    let digits = stem.find(|c: char| c.is_ascii_digit())?;
    let end = digits + stem[digits..].find(|c: char| !c.is_ascii_digit())?;
    let (before, rest) = stem.split_at(end);
    let scale = rest.chars().next().filter(char::is_ascii_lowercase)?;
    let after = &rest[1..];
    (digits > 0 && (after.is_empty() || after.starts_with('-'))).then_some((before, scale, after))
}

/// Where a family's name has room for the letter of a scale: after its first number, if it ends
/// there or goes on with a hyphen.
fn place_of_scale(family: &str) -> Option<usize> {
    let digits = family
        .find(|c: char| c.is_ascii_digit())
        .filter(|at| *at > 0)?;
    let number = family[digits..].find(|c: char| !c.is_ascii_digit());
    let end = number.map_or(family.len(), |length| digits + length);
    let after = &family[end..];
    (after.is_empty() || after.starts_with('-')).then_some(end)
}

impl FromStr for VariantCall {
    type Err = NameError;

    fn from_str(word: &str) -> Result<Self, NameError> {
        let fail = |reason: String| NameError {
            word: word.into(),
            reason,
        };
        let (name, list) = match word.split_once(':') {
            Some((name, list)) => (name, Some(list)),
            None => (word, None),
        };
        if name.is_empty() {
            return Err(fail("empty variant name".into()));
        }
        let mut arguments = BTreeMap::new();
        for pair in list.into_iter().flat_map(|list| list.split(',')) {
            let (key, value) = pair
                .split_once('=')
                .filter(|(key, value)| !key.is_empty() && !value.is_empty())
                .ok_or_else(|| fail(format!("expected key=value, found '{pair}'")))?;
            if arguments.insert(key.into(), value.into()).is_some() {
                return Err(fail(format!("duplicate argument '{key}'")));
            }
        }
        Ok(Self {
            name: name.into(),
            arguments,
        })
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, scale, .. } = self;
        match place_of_scale(family) {
            _ if scale.is_empty() => f.write_str(family)?,
            Some(place) if scale.len() == 1 => {
                let (before, after) = family.split_at(place);
                write!(f, "{before}{scale}{after}")?;
            }
            _ => write!(f, "{family}:{scale}")?,
        }
        self.variants
            .iter()
            .try_for_each(|call| write!(f, "+{call}"))
    }
}

impl fmt::Display for VariantCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (i, (key, value)) in self.arguments.iter().enumerate() {
            write!(f, "{}{key}={value}", if i == 0 { ':' } else { ',' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_print() {
        for word in [
            "yolov5n",
            "yolov5x+gsconv",
            "yolov8s+ghost+asff",
            "yolov5s+asff:order=sequential,rfb=true",
            "yolo11n",
            "yolov8s-ghost",
            "yolov8-custom-2",
            "mine",
            "mine:tiny+ghost",
            "mine:n",
            "net2:large",
            "yolov5n6",
        ] {
            assert_eq!(word.parse::<ModelName>().unwrap().to_string(), word);
        }
        let name: ModelName = "yolov5n+fasternet:size=t2".parse().unwrap();
        assert_eq!((name.family.as_str(), name.scale.as_str()), ("yolov5", "n"));
        assert_eq!(name.variants[0].arguments["size"], "t2");
        assert_eq!(name.variant(), "fasternet:size=t2");
    }

    #[test]
    fn a_scale_stands_after_the_number_or_after_a_colon() {
        for (word, family, scale) in [
            ("yolov5n", "yolov5", "n"),
            ("yolo11x", "yolo11", "x"),
            ("yolov8s-ghost", "yolov8-ghost", "s"),
            ("yolov8:s", "yolov8", "s"),
            ("mine:tiny", "mine", "tiny"),
            ("gsconv-yolov5", "gsconv-yolov5", ""),
            ("yolov5-p6", "yolov5-p6", ""),
            ("yolov5n6", "yolov5n6", ""),
            ("custom", "custom", ""),
        ] {
            let name: ModelName = word.parse().unwrap();
            assert_eq!(
                (name.family.as_str(), name.scale.as_str()),
                (family, scale),
                "{word}"
            );
        }
    }

    #[test]
    fn baseline_is_no_variant() {
        let name = ModelName::baseline("yolov5", "n")
            .with_variants("baseline")
            .unwrap();
        assert_eq!(name.to_string(), "yolov5n");
        assert_eq!(name.variant(), "baseline");
    }

    #[test]
    fn nonsense_is_refused() {
        for word in [
            "",
            "mine:",
            ":n",
            "yolov5n+",
            "yolov5n+asff:rfb",
            "yolov5n+asff:a=1,a=2",
            "yolov5n++asff",
        ] {
            let error = word.parse::<ModelName>().unwrap_err().to_string();
            assert!(
                error.contains("write family, scale and variants"),
                "{word}: {error}"
            );
        }
    }
}
