//! Variants: small patches that say what they change in a family's table.
//!
//! ```yaml
//! title: GSConv
//! summary: GSConv in place of every Conv of the neck.
//! source: paper
//! arguments:                 # optional; a name gives them as asff:order=sequential
//!   order: {default: parallel, values: [parallel, sequential]}
//! patch:                     # steps, in order
//!   - {replace: {Conv: GSConv}, in: head, append: [$order]}   # or `in: backbone`, `in: all`; `kernel: 3` for rows of that kernel only
//!   - backbone: [[-1, 1, Conv, [32, 3, 2]], …]    # another backbone, in a table's row format
//!   - neck: {channels: 0.5, repeats: 1}           # rescales the rows between backbone and detection
//! ```
//! A default may be one value, or a map from scale to value. If the backbone is swapped, a row of
//! the head that read a backbone row reads the new backbone's last row of the same stride.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{
    bounds::{factor, list, whole},
    name::VariantCall,
    table::{self, Arg, Row, Section},
    yaml,
};

/// A variant's patch file, read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map with the keys title, summary, source, arguments and patch"
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

/// An argument that is not a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Arg")]
struct Scalar(Arg);

impl TryFrom<Arg> for Scalar {
    type Error = &'static str;

    fn try_from(arg: Arg) -> Result<Self, Self::Error> {
        match arg {
            Arg::List(_) => Err("expected a number, a word or a truth value, found a list"),
            arg => Ok(Self(arg)),
        }
    }
}

/// One change of a table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "WrittenStep")]
pub(crate) enum Step {
    Replace(Replace),
    /// Another backbone.
    Backbone(Vec<Row>),
    Neck(Neck),
}

/// Other modules in place of some.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Replace {
    /// Which module by which.
    pub modules: BTreeMap<String, String>,
    /// Where; None for the whole table.
    pub section: Option<Section>,
    /// Only rows whose second argument, the kernel's side, is this.
    pub kernel: Option<i64>,
    /// Arguments added to the rows.
    pub append: Vec<Arg>,
}

/// Other sizes of the rows between backbone and detection.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map with the keys channels and repeats"
)]
pub(crate) struct Neck {
    /// Multiplies channels.
    #[serde(default = "unchanged", deserialize_with = "factor")]
    pub channels: f64,
    /// Repeats of the rows that are repeated; None leaves them.
    #[serde(default, deserialize_with = "neck_repeats")]
    pub repeats: Option<usize>,
}

/// The keys of a step; which of them belong together is for [`Step`] to say.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map with one of the keys replace, backbone and neck"
)]
struct WrittenStep {
    replace: Option<BTreeMap<String, String>>,
    #[serde(rename = "in")]
    place: Option<Place>,
    #[serde(default, deserialize_with = "kernel")]
    kernel: Option<i64>,
    #[serde(default, deserialize_with = "some_scalars")]
    append: Option<Vec<Arg>>,
    #[serde(default, deserialize_with = "some_rows")]
    backbone: Option<Vec<Row>>,
    neck: Option<Neck>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Backbone,
    Head,
    All,
}

impl TryFrom<WrittenStep> for Step {
    type Error = &'static str;

    fn try_from(step: WrittenStep) -> Result<Self, Self::Error> {
        let beside = step.place.is_some() || step.kernel.is_some() || step.append.is_some();
        match (step.replace, step.backbone, step.neck) {
            (Some(modules), None, None) => {
                if modules.is_empty() {
                    return Err("expected 'replace' as a map like {Conv: GSConv}, found none");
                }
                let place = step.place.ok_or("expected the key 'in' beside 'replace'")?;
                Ok(Self::Replace(Replace {
                    modules,
                    section: match place {
                        Place::Backbone => Some(Section::Backbone),
                        Place::Head => Some(Section::Head),
                        Place::All => None,
                    },
                    kernel: step.kernel,
                    append: step.append.unwrap_or_default(),
                }))
            }
            (None, Some(rows), None) if !beside => Ok(Self::Backbone(rows)),
            (None, None, Some(neck)) if !beside => Ok(Self::Neck(neck)),
            (None, Some(_), None) | (None, None, Some(_)) => {
                Err("the keys 'in', 'kernel' and 'append' belong to 'replace'")
            }
            _ => Err("expected exactly one of the keys replace, backbone, neck"),
        }
    }
}

/// A patch of more steps is refused: no variant comes near, a broken or hostile file may.
const MAX_STEPS: usize = 100;

fn steps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Step>, D::Error> {
    list(deserializer, 1..=MAX_STEPS, "steps")
}

fn scalars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arg>, D::Error> {
    let scalars: Vec<Scalar> = Vec::deserialize(deserializer)?;
    Ok(scalars.into_iter().map(|Scalar(arg)| arg).collect())
}

fn some_scalars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Arg>>, D::Error> {
    scalars(deserializer).map(Some)
}

fn some_rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Row>>, D::Error> {
    table::rows(deserializer).map(Some)
}

fn kernel<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let side = whole(deserializer, 1..=i64::MAX as u64, "a kernel's side")?;
    Ok(i64::try_from(side).ok())
}

fn neck_repeats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    whole(deserializer, 1..=u64::MAX, "repeats").map(Some)
}

fn unchanged() -> f64 {
    1.0
}

/// Error while reading a variant or applying it to a table; names the variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("variant {variant}: {message}")]
pub struct PatchError {
    pub(crate) variant: String,
    pub(crate) message: String,
}

impl Variant {
    /// Reads a patch file; `name` is what model names call it.
    ///
    /// # Errors
    /// Text that is not YAML, an unknown or a missing key, and a value out of its bounds.
    pub fn from_yaml(text: &str, name: &str) -> Result<Self, PatchError> {
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

    /// Every argument's value at a scale: the call's, or the default.
    ///
    /// # Errors
    /// A call's argument that is unknown or has an unknown value, and a default that is missing.
    pub(crate) fn values(
        &self,
        scale: &str,
        call: &VariantCall,
    ) -> Result<BTreeMap<String, Arg>, String> {
        let mut given = call.arguments.keys();
        if let Some(unknown) = given.find(|key| !self.arguments.contains_key(*key)) {
            let known: Vec<&str> = self.arguments.keys().map(String::as_str).collect();
            return Err(match known.is_empty() {
                true => format!("unknown argument '{unknown}'; it takes none"),
                false => format!("unknown argument '{unknown}'; known: {}", known.join(", ")),
            });
        }
        let value = |(key, argument): (&String, &Argument)| {
            let value = argument.value(call.arguments.get(key), scale);
            let value = value.map_err(|message| format!("argument '{key}': {message}"))?;
            Ok((key.clone(), value))
        };
        self.arguments.iter().map(value).collect()
    }
}

impl Argument {
    /// Its value if a model's name does not give it, by scale; the key `*` holds for the scales that are not listed.
    pub fn defaults(&self) -> BTreeMap<&str, &Arg> {
        match &self.default {
            DefaultValue::Everywhere(Scalar(value)) => BTreeMap::from([("*", value)]),
            DefaultValue::ByScale(values) => values
                .iter()
                .map(|(scale, Scalar(value))| (scale.as_str(), value))
                .collect(),
        }
    }

    fn value(&self, given: Option<&String>, scale: &str) -> Result<Arg, String> {
        let Some(word) = given else {
            let default = match &self.default {
                DefaultValue::Everywhere(value) => Some(value),
                DefaultValue::ByScale(values) => values.get(scale).or_else(|| values.get("*")),
            };
            return default.map(|Scalar(value)| value.clone()).ok_or(format!(
                "no default at scale {scale}; give it in the model's name"
            ));
        };
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
        let argument = |name: &str, scale: &str| variant.arguments[name].value(None, scale);
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
                "patch[0].in: unknown variant `neck`, expected one of `backbone`, `head`, `all`",
            ),
            (
                "patch: [{replace: {Conv: X}}]",
                "patch[0]: expected the key 'in' beside 'replace'",
            ),
            (
                "patch: [{replace: Conv, in: head}]",
                "patch[0].replace: expected a map, found string \"Conv\"",
            ),
            (
                "patch: [{replace: {}, in: head}]",
                "patch[0]: expected 'replace' as a map like {Conv: GSConv}, found none",
            ),
            (
                "patch: [{replace: {Conv: X}, in: head, kernel: 0}]",
                "patch[0].kernel: expected a kernel's side from 1 to 9223372036854775807, found integer `0`",
            ),
            (
                "patch: [{replace: {Conv: X}, in: head, append: [[1]]}]",
                "patch[0].append[0]: expected a number, a word or a truth value, found a list",
            ),
            (
                "patch: [{swap: Conv}]",
                "patch[0].swap: unknown field `swap`, expected one of `replace`, `in`, `kernel`, `append`, `backbone`, `neck`",
            ),
            (
                "patch: [{neck: {channels: -1}}]",
                "patch[0].neck.channels: expected a positive number, found floating point `-1.0`",
            ),
            (
                "patch: [{backbone: [[-1, 0, Conv, [1]]]}]",
                "patch[0].backbone[0][1]: expected repeats from 1 to 1000, found integer `0`",
            ),
            (
                "patch: [{backbone: [[-1, 1, Conv, [1]]], in: head}]",
                "patch[0]: the keys 'in', 'kernel' and 'append' belong to 'replace'",
            ),
            (
                "patch: 3",
                "patch: expected a list of 1 to 100 steps, found integer `3`",
            ),
            ("title: a", "missing field `patch`"),
            ("patches: []", "patches: unknown field `patches`"),
            (
                "[1]",
                "expected a map with the keys title, summary, source, arguments and patch, found sequence",
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
