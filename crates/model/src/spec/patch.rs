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
//! A default may be one value, or a map from scale to value. Where the backbone is swapped, a row of the head that read a
//! backbone row reads the new backbone's last row of the same stride.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::{
    Arg, Row, Scaling, Section, Table, VariantCall,
    table::{MAX_ARGS, MAX_ROWS, listed},
    yaml,
};
use crate::{graph, registry};

/// A variant's patch file, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    pub name: String,
    pub title: String,
    /// One sentence: what it changes.
    pub summary: String,
    /// The paper, or wherever it comes from.
    pub source: String,
    pub arguments: BTreeMap<String, Argument>,
    steps: Vec<Step>,
}

/// An argument of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// By scale; the key `*` holds for the scales that are not listed.
    default: BTreeMap<String, Arg>,
    /// What it may be; empty where anything goes.
    pub values: Vec<Arg>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Replace(Replace),
    Backbone(Vec<Row>),
    Neck {
        channels: f64,
        repeats: Option<usize>,
    },
}

/// Other modules in the place of some.
#[derive(Clone, Debug, PartialEq)]
struct Replace {
    /// Which, and by what.
    modules: Vec<(String, String)>,
    section: Option<Section>,
    /// Only rows whose second argument, the kernel's side, is this.
    kernel: Option<i64>,
    append: Vec<Arg>,
}

/// A patch of more steps is refused: no variant comes near, a broken or hostile file may.
const MAX_STEPS: usize = 100;

/// Why a variant can't be read or does not fit a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("variant {variant}: {message}")]
pub struct PatchError {
    variant: String,
    message: String,
}

impl Variant {
    /// Reads a patch file; `name` is what model names call it.
    pub fn from_yaml(text: &str, name: &str) -> Result<Self, PatchError> {
        Self::read(text, name).map_err(|message| PatchError {
            variant: name.into(),
            message,
        })
    }

    fn read(text: &str, name: &str) -> Result<Self, String> {
        let value = yaml::read(text)?;
        let map = value
            .as_mapping()
            .ok_or("not a map with the keys title, summary, source, arguments and patch")?;
        known_keys(map, &["title", "summary", "source", "arguments", "patch"])?;
        let text = |key: &str| {
            map.get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_string()
        };
        let arguments = match map.get("arguments") {
            None => BTreeMap::new(),
            Some(arguments) => arguments
                .as_mapping()
                .ok_or("key 'arguments': not a map")?
                .iter()
                .map(|(key, value)| {
                    let key = key
                        .as_str()
                        .ok_or("key 'arguments': an argument's name is a word")?;
                    let argument =
                        Argument::read(value).map_err(|m| format!("key 'arguments.{key}': {m}"))?;
                    Ok((key.to_string(), argument))
                })
                .collect::<Result<_, String>>()?,
        };
        let steps = map
            .get("patch")
            .and_then(Value::as_sequence)
            .filter(|steps| (1..=MAX_STEPS).contains(&steps.len()));
        let steps = steps.ok_or(format!(
            "key 'patch': a list of 1 to {MAX_STEPS} steps would be right"
        ))?;
        Ok(Self {
            name: name.into(),
            title: text("title"),
            summary: text("summary"),
            source: text("source"),
            arguments,
            steps: steps
                .iter()
                .enumerate()
                .map(|(i, step)| {
                    Step::read(step).map_err(|m| format!("step {} of 'patch': {m}", i + 1))
                })
                .collect::<Result<_, _>>()?,
        })
    }

    /// The table with this variant's changes. `scale` chooses the defaults of the call's arguments.
    pub fn apply(
        &self,
        table: &Table,
        scale: &str,
        scaling: Scaling,
        call: &VariantCall,
    ) -> Result<Table, PatchError> {
        let fail = |message: String| self.misfit(message);
        let values = self.values(scale, call).map_err(fail)?;
        let mut table = table.clone();
        for step in &self.steps {
            step.apply(&mut table, scaling, &values).map_err(fail)?;
        }
        Ok(table)
    }

    /// Whether it puts another backbone under the head.
    pub fn swaps_backbone(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Backbone(_)))
    }

    /// That it does not fit.
    pub(super) fn misfit(&self, message: String) -> PatchError {
        PatchError {
            variant: self.name.clone(),
            message,
        }
    }

    /// Every argument's value, given or default.
    fn values(&self, scale: &str, call: &VariantCall) -> Result<BTreeMap<String, Arg>, String> {
        if let Some(unknown) = call
            .arguments
            .keys()
            .find(|key| !self.arguments.contains_key(*key))
        {
            return Err(match self.arguments.is_empty() {
                true => format!("it takes no arguments, so '{unknown}' has no meaning"),
                false => format!(
                    "no argument '{unknown}'; there are: {}",
                    listed(self.arguments.keys())
                ),
            });
        }
        self.arguments
            .iter()
            .map(|(key, argument)| {
                Ok((
                    key.clone(),
                    argument
                        .value(call.arguments.get(key), scale)
                        .map_err(|m| format!("argument '{key}': {m}"))?,
                ))
            })
            .collect()
    }
}

impl Argument {
    fn read(value: &Value) -> Result<Self, String> {
        let map = value
            .as_mapping()
            .ok_or("a map with the keys default and values would be right")?;
        known_keys(map, &["default", "values"])?;
        let default = match map.get("default").ok_or("key 'default': missing")? {
            Value::Mapping(by_scale) => by_scale
                .iter()
                .map(|(scale, value)| {
                    Ok((
                        scale
                            .as_str()
                            .ok_or("key 'default': a scale's name is a word")?
                            .to_string(),
                        scalar(value)?,
                    ))
                })
                .collect::<Result<_, String>>()?,
            one => BTreeMap::from([("*".to_string(), scalar(one)?)]),
        };
        let values = match map.get("values") {
            None => Vec::new(),
            Some(values) => values
                .as_sequence()
                .ok_or("key 'values': not a list")?
                .iter()
                .map(scalar)
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { default, values })
    }

    /// Its value if the name does not give it, by scale; the key `*` holds for the scales that are not listed.
    pub fn defaults(&self) -> &BTreeMap<String, Arg> {
        &self.default
    }

    fn value(&self, given: Option<&String>, scale: &str) -> Result<Arg, String> {
        let Some(word) = given else {
            let default = self.default.get(scale).or_else(|| self.default.get("*"));
            return default.cloned().ok_or(format!(
                "it has no default at scale {scale}, so the name must give it"
            ));
        };
        let value = match scalar(&serde_yaml::from_str(word).unwrap_or(Value::Null)) {
            Ok(value) if value != Arg::None => value,
            _ => Arg::from_word(word),
        };
        if self.values.is_empty() || self.values.contains(&value) {
            return Ok(value);
        }
        let values: Vec<String> = self.values.iter().map(Arg::to_string).collect();
        Err(format!("'{word}' is none of {}", values.join(", ")))
    }
}

impl Step {
    fn read(value: &Value) -> Result<Self, String> {
        let map = value.as_mapping().ok_or("not a map")?;
        if let Some(modules) = map.get("replace") {
            known_keys(map, &["replace", "in", "kernel", "append"])?;
            let word = |value: &Value| value.as_str().map(str::to_string);
            let pairs = modules.as_mapping().filter(|pairs| !pairs.is_empty());
            let pairs = pairs.and_then(|pairs| {
                pairs
                    .iter()
                    .map(|(module, with)| Some((word(module)?, word(with)?)))
                    .collect()
            });
            return Ok(Self::Replace(Replace {
                modules: pairs.ok_or("key 'replace': a map like {Conv: GSConv} would be right")?,
                section: match map.get("in").and_then(Value::as_str) {
                    Some("backbone") => Some(Section::Backbone),
                    Some("head") => Some(Section::Head),
                    Some("all") => None,
                    _ => return Err("key 'in': backbone, head or all would be right".into()),
                },
                kernel: match map.get("kernel") {
                    None => None,
                    Some(side) => Some(
                        side.as_i64()
                            .filter(|side| *side > 0)
                            .ok_or("key 'kernel': a side of 1 or more would be right")?,
                    ),
                },
                append: match map.get("append") {
                    None => Vec::new(),
                    Some(list) => list
                        .as_sequence()
                        .ok_or("key 'append': not a list")?
                        .iter()
                        .map(scalar)
                        .collect::<Result<_, _>>()?,
                },
            }));
        }
        if let Some(rows) = map.get("backbone") {
            known_keys(map, &["backbone"])?;
            let rows = rows
                .as_sequence()
                .filter(|rows| (1..=MAX_ROWS).contains(&rows.len()));
            let rows = rows.ok_or(format!(
                "key 'backbone': a list of 1 to {MAX_ROWS} rows would be right"
            ))?;
            let rows = rows
                .iter()
                .enumerate()
                .map(|(i, row)| Row::read(row).map_err(|m| format!("backbone row {i}: {m}")));
            return Ok(Self::Backbone(rows.collect::<Result<_, _>>()?));
        }
        if let Some(neck) = map.get("neck") {
            known_keys(map, &["neck"])?;
            let neck = neck.as_mapping().ok_or("key 'neck': not a map")?;
            known_keys(neck, &["channels", "repeats"])?;
            let channels = neck
                .get("channels")
                .map_or(Some(1.0), Value::as_f64)
                .filter(|c| c.is_finite() && *c > 0.0);
            let repeats = match neck.get("repeats") {
                None => None,
                Some(n) => Some(
                    n.as_u64()
                        .filter(|n| *n > 0)
                        .ok_or("key 'neck.repeats': a number of 1 or more would be right")?
                        as usize,
                ),
            };
            return Ok(Self::Neck {
                channels: channels
                    .ok_or("key 'neck.channels': a positive factor would be right")?,
                repeats,
            });
        }
        Err("none of the keys replace, backbone, neck".into())
    }

    fn apply(
        &self,
        table: &mut Table,
        scaling: Scaling,
        values: &BTreeMap<String, Arg>,
    ) -> Result<(), String> {
        match self {
            Self::Replace(step) => step.apply(table, &fill(&step.append, values)?),
            Self::Backbone(rows) => {
                let rows = rows.iter().map(|row| {
                    Ok(Row {
                        args: fill(&row.args, values)?,
                        ..row.clone()
                    })
                });
                swap_backbone(table, scaling, rows.collect::<Result<_, String>>()?)
            }
            Self::Neck { channels, repeats } => {
                rescale_neck(table, *channels, *repeats);
                Ok(())
            }
        }
    }
}

impl Replace {
    fn apply(&self, table: &mut Table, append: &[Arg]) -> Result<(), String> {
        let backbone = table
            .backbone
            .iter_mut()
            .map(|row| (Section::Backbone, row));
        let rows = backbone.chain(table.head.iter_mut().map(|row| (Section::Head, row)));
        let mut replaced = 0;
        for (index, (section, row)) in rows.enumerate() {
            let fits = self.section.is_none_or(|asked| asked == section)
                && self
                    .kernel
                    .is_none_or(|k| row.args.get(1) == Some(&Arg::Int(k)));
            if let Some((_, with)) = self
                .modules
                .iter()
                .find(|(module, _)| fits && *module == row.module)
            {
                if row.args.len() + append.len() > MAX_ARGS {
                    return Err(format!(
                        "row {index} ({}): more than {MAX_ARGS} arguments with those that the patch appends",
                        row.module
                    ));
                }
                row.module.clone_from(with);
                row.args.extend_from_slice(append);
                replaced += 1;
            }
        }
        match replaced {
            0 => Err(self.nothing()),
            _ => Ok(()),
        }
    }

    fn nothing(&self) -> String {
        let place = self
            .section
            .map_or("table".into(), |section| section.to_string());
        let (modules, with): (Vec<&str>, Vec<&str>) = self
            .modules
            .iter()
            .map(|(module, with)| (module.as_str(), with.as_str()))
            .unzip();
        let kernel = self
            .kernel
            .map_or(String::new(), |kernel| format!(" of kernel {kernel}"));
        format!(
            "no row of the {place} is a {}{kernel}: nothing to replace by {}; another variant may have replaced it already",
            modules.join(" or "),
            with.join(" or ")
        )
    }
}

/// Puts another backbone under the head; the head's rows are renumbered, and read the new backbone at the strides at which they read the old.
fn swap_backbone(table: &mut Table, scaling: Scaling, rows: Vec<Row>) -> Result<(), String> {
    let old = graph::backbone_strides(table, scaling).map_err(|e| e.to_string())?;
    let old_len = table.backbone.len() as i64;
    table.backbone = rows;
    let new = graph::backbone_strides(table, scaling).map_err(|e| e.to_string())?;
    let shift = new.len() as i64 - old_len;
    for (i, row) in table.head.iter_mut().enumerate() {
        for from in row.from.rows() {
            if let Ok(read) = usize::try_from(*from)
                && let Some(stride) = old.get(read)
                && (stride.is_none() || !new.contains(stride))
            {
                return Err(format!(
                    "row {} reads backbone row {read}, and the new backbone has no row of {}",
                    old_len as usize + i,
                    stride.map_or("its several outputs".into(), |s| format!("stride {s}")),
                ));
            }
        }
        row.from = row.from.map(|from| match usize::try_from(from) {
            Err(_) => from,
            Ok(read) => match old.get(read) {
                Some(stride) => new.iter().rposition(|new| new == stride).unwrap_or(read) as i64,
                None => from.saturating_add(shift),
            },
        });
    }
    Ok(())
}

/// Rescales the channels and repeats of the head's rows, the detection row left out.
fn rescale_neck(table: &mut Table, channels: f64, repeats: Option<usize>) {
    for row in table.head.iter_mut() {
        let scaled = registry::scales_channels(&row.module);
        if let (true, Some(Arg::Int(c))) = (scaled, row.args.first_mut()) {
            *c = ((*c as f64 * channels).round() as i64).max(1);
        }
        if let (true, Some(repeats)) = (row.repeats > 1, repeats) {
            row.repeats = repeats;
        }
    }
}

/// The arguments with `$name` replaced by the variant's argument of that name.
fn fill(args: &[Arg], values: &BTreeMap<String, Arg>) -> Result<Vec<Arg>, String> {
    args.iter()
        .map(|arg| match arg {
            Arg::Text(word) if word.starts_with('$') => {
                values.get(&word[1..]).cloned().ok_or(format!(
                    "'{word}' is none of its arguments: {}",
                    listed(values.keys())
                ))
            }
            other => Ok(other.clone()),
        })
        .collect()
}

fn scalar(value: &Value) -> Result<Arg, String> {
    match value {
        Value::Null => Ok(Arg::None),
        Value::Bool(b) => Ok(Arg::Bool(*b)),
        Value::Number(n) => n
            .as_i64()
            .map(Arg::Int)
            .or(n.as_f64().map(Arg::Float))
            .ok_or("a number out of range".into()),
        Value::String(word) => Ok(Arg::from_word(word)),
        _ => Err("a number, a word or a truth value would be right".into()),
    }
}

fn known_keys(map: &Mapping, known: &[&str]) -> Result<(), String> {
    for key in map.keys() {
        let key = key.as_str().unwrap_or("?");
        if !known.contains(&key) {
            return Err(format!(
                "unknown key '{key}'; there are: {}",
                known.join(", ")
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::From, *};

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
            "argument 'order': 'odd' is none of parallel, sequential"
        );
        assert_eq!(
            values("asff:rfb=1").unwrap_err(),
            "no argument 'rfb'; there are: order"
        );
    }

    #[test]
    fn steps_name_what_is_wrong() {
        for (yaml, part) in [
            (
                "patch: [{replace: {Conv: X}, in: neck}]",
                "key 'in': backbone, head or all",
            ),
            (
                "patch: [{replace: Conv, in: head}]",
                "key 'replace': a map like {Conv: GSConv}",
            ),
            (
                "patch: [{replace: {Conv: X}, in: head, kernel: 0}]",
                "key 'kernel'",
            ),
            (
                "patch: [{swap: Conv}]",
                "step 1 of 'patch': none of the keys",
            ),
            (
                "patch: [{backbone: [[-1, 0, Conv, [1]]]}]",
                "backbone row 0: 'repeats'",
            ),
            ("patches: []", "unknown key 'patches'"),
        ] {
            let error = Variant::from_yaml(yaml, "v").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn from_maps_every_row() {
        assert_eq!(
            From::Many(vec![-1, 6]).map(|i| i + 1),
            From::Many(vec![0, 7])
        );
    }
}
