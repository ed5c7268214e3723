//! The steps of a patch as files have them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error};

use super::{
    bounds::{list, whole},
    row::{Arg, From, MAX_ARGS, MAX_REPEATS, Row, registered, rows},
    scalar::scalars,
    step::{ANY, Form, Insert, Neck, Replace, Selector, Set, Side, Step},
    table::Section,
};

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = WrittenStep::deserialize(deserializer)?;
        written.step().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WrittenForm::deserialize(deserializer).map(WrittenForm::form)
    }
}

/// The keys of a step; which of them belong together is for [`Step`] to say.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map with one of the keys replace, insert, remove, set, backbone and neck"
)]
struct WrittenStep {
    replace: Option<BTreeMap<String, Form>>,
    #[serde(rename = "in")]
    place: Option<Place>,
    #[serde(default, deserialize_with = "kernel")]
    kernel: Option<i64>,
    #[serde(default, deserialize_with = "stride")]
    stride: Option<usize>,
    index: Option<Indices>,
    #[serde(default, deserialize_with = "some_scalars")]
    append: Option<Vec<Arg>>,
    insert: Option<WrittenEdit>,
    remove: Option<WrittenEdit>,
    set: Option<WrittenEdit>,
    #[serde(default, deserialize_with = "some_rows")]
    backbone: Option<Vec<Row>>,
    neck: Option<Neck>,
}

/// The keys within `insert`, `remove` and `set`.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map with the keys module, after or before, in, kernel, stride, index, row, arguments and repeats"
)]
struct WrittenEdit {
    module: Option<Words>,
    after: Option<Words>,
    before: Option<Words>,
    #[serde(rename = "in")]
    place: Option<Place>,
    #[serde(default, deserialize_with = "kernel")]
    kernel: Option<i64>,
    #[serde(default, deserialize_with = "stride")]
    stride: Option<usize>,
    index: Option<Indices>,
    row: Option<Row>,
    arguments: Option<BTreeMap<usize, Arg>>,
    #[serde(default, deserialize_with = "set_repeats")]
    repeats: Option<usize>,
}

/// A module's name, or several.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a module's name, or a list of them, or any"
)]
enum Words {
    One(String),
    Many(Vec<String>),
}

/// A row's place, or several.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a row's place in the table, from 0, or a list of them"
)]
enum Indices {
    One(usize),
    Many(Vec<usize>),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a module's name, or [module, arguments]"
)]
enum WrittenForm {
    Name(String),
    Whole(String, Vec<Arg>),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Backbone,
    Head,
    All,
}

impl WrittenForm {
    fn form(self) -> Form {
        let (name, arguments) = match self {
            Self::Name(name) => (name, None),
            Self::Whole(name, arguments) => (name, Some(arguments)),
        };
        let (module, words) = registered(&name);
        Form {
            module,
            arguments,
            words,
        }
    }
}

impl Words {
    /// Names in the registry; none if any will do.
    fn modules(self) -> Vec<String> {
        let words = match self {
            Self::One(word) => vec![word],
            Self::Many(words) => words,
        };
        if words.iter().any(|word| word == ANY) {
            return Vec::new();
        }
        words.iter().map(|word| registered(word).0).collect()
    }
}

impl Place {
    fn section(self) -> Option<Section> {
        match self {
            Self::Backbone => Some(Section::Backbone),
            Self::Head => Some(Section::Head),
            Self::All => None,
        }
    }
}

impl WrittenStep {
    fn step(self) -> Result<Step, String> {
        let step = self;
        let chosen = [
            ("replace", step.replace.is_some()),
            ("insert", step.insert.is_some()),
            ("remove", step.remove.is_some()),
            ("set", step.set.is_some()),
            ("backbone", step.backbone.is_some()),
            ("neck", step.neck.is_some()),
        ];
        let mut chosen = chosen.iter().filter(|(_, is)| *is).map(|(key, _)| *key);
        let (Some(key), None) = (chosen.next(), chosen.next()) else {
            let keys = "replace, insert, remove, set, backbone, neck";
            return Err(format!("expected exactly one of the keys {keys}"));
        };
        let beside = [
            ("in", step.place.is_some()),
            ("kernel", step.kernel.is_some()),
            ("stride", step.stride.is_some()),
            ("index", step.index.is_some()),
            ("append", step.append.is_some()),
        ];
        if let Some((beside, _)) = beside.iter().find(|(_, is)| *is && key != "replace") {
            return Err(match key {
                "backbone" | "neck" => format!("the key '{beside}' does not belong to '{key}'"),
                _ => format!("expected the key '{beside}' within '{key}: {{…}}', found it beside"),
            });
        }
        let of = |modules| Selector::of(modules, step.place, step.kernel, step.stride, step.index);
        if let Some(modules) = step.replace {
            if modules.is_empty() {
                return Err("expected 'replace' as a map like {Conv: GSConv}, found none".into());
            }
            if step.place.is_none() {
                return Err("expected the key 'in' beside 'replace'".into());
            }
            let modules: BTreeMap<String, Form> = modules
                .into_iter()
                .map(|(module, form)| (registered(&module).0, form))
                .collect();
            let words = Words::Many(modules.keys().cloned().collect());
            return Ok(Step::Replace(Replace {
                rows: of(words.modules()),
                modules,
                append: step.append.unwrap_or_default(),
            }));
        }
        match (step.insert, step.remove, step.set, step.backbone, step.neck) {
            (Some(edit), ..) => edit.insert(),
            (_, Some(edit), ..) => edit.remove(),
            (_, _, Some(edit), ..) => edit.set(),
            (.., Some(rows), _) => Ok(Step::Backbone(rows)),
            (.., Some(neck)) => Ok(Step::Neck(neck)),
            _ => Err(format!("expected a value for '{key}'")),
        }
    }
}

impl WrittenEdit {
    fn insert(self) -> Result<Step, String> {
        self.only("insert", &["after", "before", "row"])?;
        let (side, words) = match (self.after, self.before) {
            (Some(words), None) => (Side::After, words),
            (None, Some(words)) => (Side::Before, words),
            _ => return Err("expected one of the keys 'after' and 'before' in 'insert'".into()),
        };
        let row = self.row.ok_or("expected the key 'row' in 'insert'")?;
        if side == Side::Before && row.from != From::One(-1) {
            return Err(format!(
                "expected -1 as 'from' of a row before others, found {}",
                row.from
            ));
        }
        Ok(Step::Insert(Insert {
            rows: Selector::of(
                words.modules(),
                self.place,
                self.kernel,
                self.stride,
                self.index,
            ),
            side,
            row,
        }))
    }

    fn remove(self) -> Result<Step, String> {
        self.only("remove", &["module"])?;
        let words = self.module.ok_or("expected the key 'module' in 'remove'")?;
        Ok(Step::Remove(Selector::of(
            words.modules(),
            self.place,
            self.kernel,
            self.stride,
            self.index,
        )))
    }

    fn set(self) -> Result<Step, String> {
        self.only("set", &["module", "arguments", "repeats"])?;
        let words = self.module.ok_or("expected the key 'module' in 'set'")?;
        let arguments = self.arguments.unwrap_or_default();
        if arguments.is_empty() && self.repeats.is_none() {
            return Err("expected the key 'arguments' or 'repeats' in 'set'".into());
        }
        if let Some(place) = arguments.keys().find(|place| **place >= MAX_ARGS) {
            let last = MAX_ARGS - 1;
            return Err(format!(
                "expected the place of an argument from 0 to {last}, found {place}"
            ));
        }
        Ok(Step::Set(Set {
            rows: Selector::of(
                words.modules(),
                self.place,
                self.kernel,
                self.stride,
                self.index,
            ),
            arguments,
            repeats: self.repeats,
        }))
    }

    /// Refuses keys of another step.
    fn only(&self, step: &str, keys: &[&str]) -> Result<(), String> {
        let given = [
            ("module", self.module.is_some()),
            ("after", self.after.is_some()),
            ("before", self.before.is_some()),
            ("row", self.row.is_some()),
            ("arguments", self.arguments.is_some()),
            ("repeats", self.repeats.is_some()),
        ];
        match given.iter().find(|(key, is)| *is && !keys.contains(key)) {
            Some((key, _)) => Err(format!(
                "the key '{key}' does not belong to '{step}'; expected {}",
                keys.join(", ")
            )),
            None => Ok(()),
        }
    }
}

impl Selector {
    fn of(
        modules: Vec<String>,
        place: Option<Place>,
        kernel: Option<i64>,
        stride: Option<usize>,
        index: Option<Indices>,
    ) -> Self {
        Self {
            modules,
            section: place.and_then(Place::section),
            kernel,
            stride,
            index: match index {
                None => Vec::new(),
                Some(Indices::One(index)) => vec![index],
                Some(Indices::Many(indices)) => indices,
            },
        }
    }
}

/// A patch of more steps is refused: no variant comes near, a broken or hostile file may.
const MAX_STEPS: usize = 100;

pub(super) fn steps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Step>, D::Error> {
    list(deserializer, 1..=MAX_STEPS, "steps")
}

fn some_scalars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Arg>>, D::Error> {
    scalars(deserializer).map(Some)
}

fn some_rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Row>>, D::Error> {
    rows(deserializer).map(Some)
}

fn kernel<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let side = whole(deserializer, 1..=i64::MAX as u64, "a kernel's side")?;
    Ok(i64::try_from(side).ok())
}

fn stride<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    whole(deserializer, 1..=64, "a stride").map(Some)
}

fn set_repeats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    whole(deserializer, 1..=MAX_REPEATS, "repeats").map(Some)
}
