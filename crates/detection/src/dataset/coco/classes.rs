//! Categories: which class each one is.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::DataError;
use super::super::visible::visible;
use crate::id::{Id, IdIndex};

#[derive(Deserialize)]
pub(super) struct Category {
    pub id: Id,
    #[serde(deserialize_with = "visible_name")]
    pub name: String,
}

fn visible_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = match Value::deserialize(deserializer)? {
        Value::String(name) => name,
        number @ Value::Number(_) => number.to_string(),
        other => {
            let message = format!("expected a name, found {other}");
            return Err(serde::de::Error::custom(message));
        }
    };
    Ok(visible(name))
}

/// The classes of a data set, and which category is which.
pub(super) struct Classes {
    pub names: Vec<String>,
    pub ids: IdIndex,
    /// By the place of the category in the file; None if `names` leaves it out.
    pub of_category: Vec<Option<usize>>,
}

impl Classes {
    pub fn new(
        categories: &[Category],
        names: Option<Vec<String>>,
        json: &Path,
    ) -> Result<Self, DataError> {
        let ids = IdIndex::new(categories.iter().map(|own| own.id.clone()).collect());
        for (place, category) in categories.iter().enumerate() {
            if let Some(first) = ids.place(&category.id).filter(|&first| first != place) {
                let id = &category.id;
                return Err(DataError::file(
                    json,
                    format!(
                        "categories[{place}].id: {id} is the id of categories[{first}] already"
                    ),
                ));
            }
        }
        if categories.is_empty() {
            return Err(DataError::file(
                json,
                "`categories`: expected at least one, found none",
            ));
        }
        let Some(names) = names else {
            let mut order: Vec<usize> = (0..categories.len()).collect();
            // "10" comes after "9".
            let key = |place: &usize| {
                let id = &categories[*place].id;
                (id.meaning(), id)
            };
            order.sort_by(|a, b| key(a).cmp(&key(b)));
            let mut of_category = vec![None; categories.len()];
            for (class, &place) in order.iter().enumerate() {
                of_category[place] = Some(class);
            }
            let mut counts: HashMap<&str, usize> = HashMap::with_capacity(categories.len());
            for Category { name, .. } in categories {
                *counts.entry(name).or_default() += 1;
            }
            // Of two categories of one name the id tells which is which.
            let name = |place: usize| {
                let Category { id, name } = &categories[place];
                match counts[name.as_str()] {
                    1 => name.clone(),
                    _ => format!("{name} (id {id})"),
                }
            };
            return Ok(Self {
                names: order.into_iter().map(name).collect(),
                ids,
                of_category,
            });
        };
        // A category that `names` leaves out is an unknown class; a name that no category has is a
        // mistake.
        let known: HashSet<&str> = categories.iter().map(|own| own.name.as_str()).collect();
        if let Some(name) = names.iter().find(|name| !known.contains(name.as_str())) {
            return Err(DataError::file(
                json,
                format!("no category has the name '{name}' that `names` lists"),
            ));
        }
        let wanted = names.iter().enumerate();
        let wanted: HashMap<&str, usize> = wanted.map(|(n, name)| (name.as_str(), n)).collect();
        let mut first_of = HashMap::with_capacity(categories.len());
        for (place, category) in categories.iter().enumerate() {
            let first = first_of.insert(category.name.as_str(), place);
            if let Some(first) = first.filter(|_| wanted.contains_key(category.name.as_str())) {
                return Err(DataError::file(
                    json,
                    format!(
                        "categories[{place}].name: '{}', which `names` lists, is the name of categories[{first}] too; rename one, or remove `names`",
                        category.name
                    ),
                ));
            }
        }
        let position = |own: &Category| wanted.get(own.name.as_str()).copied();
        Ok(Self {
            of_category: categories.iter().map(position).collect(),
            names,
            ids,
        })
    }
}
