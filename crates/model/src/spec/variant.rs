//! Variants: small patches that say what they change in a family's table.
//!
//! ```yaml
//! title: GSConv
//! summary: GSConv in place of every Conv of the neck.
//! source: paper
//! families: [yolov5]         # optional: it is refused on others
//! arguments:                 # optional; a name gives them as asff:order=sequential
//!   order: {default: parallel, values: [parallel, sequential]}
//! patch:                     # steps, in order
//!   - {replace: {Detect: ASFFDetect}, in: head, append: [$order]}     # the row's arguments stay
//!   - {replace: {C3k2: [VoVGSCSP, [$0]], any: GSConv}, in: all}       # other arguments; $0 is the row's first
//!   - insert: {after: [C3, C2f], in: backbone, row: [-1, 1, ECA, []]} # a row after each of these
//!   - insert: {before: Detect, row: [-1, 1, ECA, []]}                 # a row on each map that Detect reads
//!   - remove: {module: SPPF, in: backbone}                            # its readers read what it read
//!   - set: {module: SPPF, arguments: {1: 7}, repeats: 2}              # argument 1, counted from 0
//!   - backbone: [[-1, 1, Conv, [32, 3, 2]], …]    # another backbone, in a table's row format
//!   - neck: {channels: 0.5, repeats: 1}           # rescales the rows between backbone and detection
//! ```
//! Four keys choose among the rows of these modules; they stand beside `replace`, and within
//! `insert`, `remove` and `set`:
//! - `in`: `backbone`, `head` or `all`, the default (`replace` wants it written);
//! - `kernel`: the row's second argument, as in `kernel: 3`;
//! - `stride`: how many times smaller the row's output is than what it reads, as in `stride: 2`;
//! - `index`: the row's place in the table, from 0, or a list of places.
//!
//! The module `any` stands for every one. Rows are written as the table numbers them before the
//! step; those after an inserted or a removed row are renumbered.
//!
//! A default may be one value, or a map from scale to value. If the backbone is swapped, a row of
//! the head that read a backbone row reads the new backbone's last row of the same stride.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{
    bounds::list,
    name::{ModelName, VariantCall},
    row::Arg,
    scalar::{Scalar, scalars},
    step::Step,
    written_step::steps,
    yaml,
};

/// A variant's patch file, read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map with the keys title, summary, source, families, arguments and patch"
)]
pub struct Variant {
    /// What model names call it.
    #[serde(skip)]
    pub name: String,
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// One sentence: what it changes.
    #[serde(default)]
    pub summary: String,
    /// The paper, or wherever it comes from.
    #[serde(default)]
    pub source: String,
    /// The families that it is for; all if empty.
    #[serde(default, deserialize_with = "families")]
    pub families: Vec<String>,
    /// Its arguments by name.
    #[serde(default)]
    pub arguments: BTreeMap<String, Argument>,
    #[serde(rename = "patch", deserialize_with = "steps")]
    pub(crate) steps: Vec<Step>,
}

/// An argument of a variant.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map with the keys default and values"
)]
pub struct Argument {
    default: DefaultValue,
    /// What it may be; anything if empty.
    #[serde(default, deserialize_with = "scalars")]
    pub values: Vec<Arg>,
}

/// What an argument is unless a model's name says otherwise.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, a word or a truth value, or a map from scale to these"
)]
enum DefaultValue {
    Everywhere(Scalar),
    ByScale(BTreeMap<String, Scalar>),
}

fn families<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    list(deserializer, 1..=100, "families")
}

/// Error while reading a variant or applying it to a table; names the variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("variant {variant}: {message}")]
pub struct PatchError {
    pub(crate) variant: String,
    pub(crate) message: String,
}

/// Words that stand for no variant of this name in lists of variants.
const RESERVED: [&str; 3] = ["baseline", "singles", "pairs"];

impl Variant {
    /// Reads a patch file; `name` is what model names call it.
    ///
    /// # Errors
    /// Text that is not YAML, an unknown or a missing key, and a value out of its bounds.
    pub fn from_yaml(text: &str, name: &str) -> Result<Self, PatchError> {
        if RESERVED.contains(&name) {
            return Err(PatchError {
                variant: name.into(),
                message: format!(
                    "expected another name: {} have a meaning of their own",
                    RESERVED.join(", ")
                ),
            });
        }
        let variant: Self = yaml::parse(text).map_err(|message| PatchError {
            variant: name.into(),
            message,
        })?;
        Ok(Self {
            name: name.into(),
            ..variant
        })
    }

    /// Whether it puts another backbone under the head.
    pub fn swaps_backbone(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Backbone(_)))
    }

    /// Whether it is for a family. A table by the name of one of its scales, `yolov5n`, is of it.
    pub fn is_for(&self, family: &str) -> bool {
        let own = family.parse::<ModelName>().map(|name| name.family);
        let is = |known: &String| known == family || own.as_ref() == Ok(known);
        self.families.is_empty() || self.families.iter().any(is)
    }

    /// Checks the arguments that a call gives, which are right or wrong whatever the model.
    ///
    /// # Errors
    /// An argument that is unknown or has an unknown value.
    pub(crate) fn check(&self, call: &VariantCall) -> Result<(), PatchError> {
        self.given(call)
            .map(drop)
            .map_err(|message| self.error(message))
    }

    /// Every argument's value at a scale: the call's, or the default.
    ///
    /// # Errors
    /// As of [`Self::check`], and a default that is missing.
    pub(crate) fn values(
        &self,
        scale: &str,
        call: &VariantCall,
    ) -> Result<BTreeMap<String, Arg>, String> {
        let mut values = self.given(call)?;
        for (key, argument) in &self.arguments {
            if !values.contains_key(key) {
                let value = argument.default_at(scale);
                let value = value.map_err(|message| format!("argument '{key}': {message}"))?;
                values.insert(key.clone(), value);
            }
        }
        Ok(values)
    }

    /// The values of the arguments that a call gives.
    fn given(&self, call: &VariantCall) -> Result<BTreeMap<String, Arg>, String> {
        let value = |(key, word): (&String, &String)| {
            let argument = self.arguments.get(key);
            let argument = argument.ok_or_else(|| self.unknown_argument(key))?;
            let value = argument.parse(word);
            let value = value.map_err(|message| format!("argument '{key}': {message}"))?;
            Ok((key.clone(), value))
        };
        call.arguments.iter().map(value).collect()
    }

    fn unknown_argument(&self, key: &str) -> String {
        let known: Vec<&str> = self.arguments.keys().map(String::as_str).collect();
        match known.is_empty() {
            true => format!("unknown argument '{key}'; it takes none"),
            false => format!("unknown argument '{key}'; known: {}", known.join(", ")),
        }
    }

    /// An error of this variant.
    pub(crate) fn error(&self, message: String) -> PatchError {
        PatchError {
            variant: self.name.clone(),
            message,
        }
    }
}

impl Argument {
    /// Its value if a model's name does not give it, by scale; the key `*` holds for the scales
    /// that are not listed.
    pub fn defaults(&self) -> BTreeMap<&str, &Arg> {
        match &self.default {
            DefaultValue::Everywhere(Scalar(value)) => BTreeMap::from([("*", value)]),
            DefaultValue::ByScale(values) => values
                .iter()
                .map(|(scale, Scalar(value))| (scale.as_str(), value))
                .collect(),
        }
    }

    fn default_at(&self, scale: &str) -> Result<Arg, String> {
        let default = match &self.default {
            DefaultValue::Everywhere(value) => Some(value),
            DefaultValue::ByScale(values) => values.get(scale).or_else(|| values.get("*")),
        };
        default.map(|Scalar(value)| value.clone()).ok_or(format!(
            "no default at scale {scale}; give it in the model's name"
        ))
    }

    /// A value as a model's name gives it.
    fn parse(&self, word: &str) -> Result<Arg, String> {
        let value = match serde_yaml::from_str(word) {
            Ok(Scalar(value)) if value != Arg::None => value,
            _ => Arg::from_word(word),
        };
        if self.values.is_empty() || self.values.contains(&value) {
            return Ok(value);
        }
        let values: Vec<String> = self.values.iter().map(Arg::to_string).collect();
        Err(format!(
            "expected one of {}, found '{word}'",
            values.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_lists_are_no_names() {
        for name in RESERVED {
            let error = Variant::from_yaml("patch: []", name).unwrap_err();
            assert!(error.to_string().contains("expected another name"));
        }
    }

    #[test]
    fn arguments_are_checked() {
        let variant = Variant::from_yaml(
            "arguments: {order: {default: parallel, values: [parallel, sequential]}}\npatch: [{replace: {Detect: ASFFDetect}, in: head, append: [$order]}]",
            "asff",
        )
        .unwrap();
        let values = |call: &str| variant.values("n", &call.parse().unwrap());
        assert_eq!(
            values("asff").unwrap()["order"],
            Arg::Text("parallel".into())
        );
        assert_eq!(
            values("asff:order=sequential").unwrap()["order"],
            Arg::Text("sequential".into())
        );
        assert_eq!(
            values("asff:order=odd").unwrap_err(),
            "argument 'order': expected one of parallel, sequential, found 'odd'"
        );
        assert_eq!(
            values("asff:rfb=1").unwrap_err(),
            "unknown argument 'rfb'; known: order"
        );
    }

    #[test]
    fn defaults_go_by_scale() {
        let variant = Variant::from_yaml(
            "arguments: {size: {default: {n: t0, '*': 2}}, few: {default: {s: 1}}}\npatch: [{neck: {repeats: 1}}]",
            "v",
        )
        .unwrap();
        let argument = |name: &str, scale: &str| variant.arguments[name].default_at(scale);
        assert_eq!(argument("size", "n"), Ok(Arg::Text("t0".into())));
        assert_eq!(argument("size", "s"), Ok(Arg::Int(2)));
        assert_eq!(
            argument("few", "n").unwrap_err(),
            "no default at scale n; give it in the model's name"
        );
    }

    #[test]
    fn steps_name_what_is_wrong() {
        for (yaml, message) in [
            (
                "patch: [{replace: {Conv: X}, in: neck}]",
                "patch[0].in: expected one of backbone, head, all, found 'neck'",
            ),
            (
                "patch: [{replace: {Conv: X}}]",
                "patch[0]: expected the key 'in' beside 'replace'",
            ),
            (
                "patch: [{replace: Conv, in: head}]",
                "patch[0].replace: expected a map, found 'Conv'",
            ),
            (
                "patch: [{replace: {}, in: head}]",
                "patch[0]: expected 'replace' as a map like {Conv: GSConv}, found none",
            ),
            (
                "patch: [{replace: {Conv: X}, in: head, kernel: 0}]",
                "patch[0].kernel: expected a kernel's side from 1 to 9223372036854775807, found 0",
            ),
            (
                "patch: [{replace: {Conv: X}, in: head, append: [[1]]}]",
                "patch[0].append[0]: expected a number, a word or a truth value, found a list",
            ),
            (
                "patch: [{swap: Conv}]",
                "patch[0]: unknown key 'swap'; known: replace, in, kernel, stride, index, append, insert, remove, set, backbone, neck",
            ),
            (
                "patch: [{neck: {channels: -1}}]",
                "patch[0].neck.channels: expected a positive number, found -1.0",
            ),
            (
                "patch: [{backbone: [[-1, 0, Conv, [1]]]}]",
                "patch[0].backbone[0][1]: expected repeats from 1 to 1000, found 0",
            ),
            (
                "patch: [{backbone: [[-1, 1, Conv, [1]]], in: head}]",
                "patch[0]: the key 'in' does not belong to 'backbone'",
            ),
            (
                "patch: 3",
                "patch: expected a list of 1 to 100 steps, found 3",
            ),
            ("title: a", "key `patch`: missing"),
            (
                "patches: []",
                "unknown key 'patches'; did you mean 'patch'?",
            ),
            (
                "[1]",
                "expected a map with the keys title, summary, source, families, arguments and patch, found a list",
            ),
        ] {
            let error = Variant::from_yaml(yaml, "v").unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("variant v: {message}")),
                "{error}"
            );
        }
    }
}
