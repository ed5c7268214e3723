//! An annotation: its box, its mask, and what was made of odd values.

use ablate_files::in_plain_words;
use serde::Deserialize;
use serde_json::Value;

use super::super::finish::DraftBox;
use super::classes::Classes;
use crate::id::{Id, IdIndex};
use crate::json::{Flag, lenient_number};
use crate::mask::Segmentation;

/// Loosely typed: a bad row is left out, and does not make the file unreadable.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    pub image_id: Value,
    category_id: Value,
    bbox: Value,
    area: Value,
    iscrowd: Value,
    segmentation: Value,
}

/// A mask, if there is one, or why it can't be read.
type Mask = Result<Option<Segmentation>, String>;

/// What a row holds. Reasons and notes begin with the key: `.area: …`.
pub(super) struct Parsed {
    /// Without its mask and label.
    pub draft_box: DraftBox,
    pub mask: Mask,
    /// Values that were taken for others.
    pub notes: Vec<String>,
}

impl Row {
    /// The row's content, or why it can't be used.
    pub fn parse(&self, classes: &Classes) -> Result<Parsed, String> {
        let place = find(&classes.ids, &self.category_id, "category_id", "category")?;
        let class = classes.of_category[place]
            .ok_or_else(|| format!(".category_id: `names` leaves {} out", self.category_id))?;
        let numbers: Option<Vec<f64>> = self
            .bbox
            .as_array()
            .and_then(|list| list.iter().map(number).collect());
        let Some(&[x, y, w, h]) = numbers.as_deref() else {
            return Err(wrong("bbox", "four numbers", &self.bbox));
        };
        let mut notes = Vec::new();
        let draft_box = DraftBox {
            line: None,
            label: String::new(),
            class,
            corners: [x, y, x + w, y + h],
            normalised: false,
            like_shares: like_shares([x, y, w, h]),
            crowd: self.crowd(&mut notes)?,
            area: self.area(&mut notes)?,
            mask: None,
        };
        Ok(Parsed {
            draft_box,
            mask: mask(&self.segmentation),
            notes,
        })
    }

    /// As pycocotools, which takes any number but 0 for a crowd.
    fn crowd(&self, notes: &mut Vec<String>) -> Result<bool, String> {
        let value = &self.iscrowd;
        let Flag(crowd) =
            Flag::deserialize(value).map_err(|_| wrong("iscrowd", "0 or 1", value))?;
        if value
            .as_f64()
            .is_some_and(|flag| flag != 0.0 && flag != 1.0)
        {
            notes.push(wrong("iscrowd", "0 or 1", value) + "; taken for 1, a crowd");
        }
        Ok(crowd)
    }

    fn area(&self, notes: &mut Vec<String>) -> Result<Option<f64>, String> {
        let value = &self.area;
        let area = lenient_number(value).map_err(|_| wrong("area", "a number", value))?;
        if area.is_some_and(|area| area < 0.0) {
            notes.push(wrong("area", "0 or more", value) + "; the box's area is used");
            return Ok(None);
        }
        Ok(area)
    }
}

fn wrong(key: &str, expected: &str, value: &Value) -> String {
    format!(".{key}: expected {expected}, found {}", short(value))
}

/// Also in quotes, but not null.
fn number(value: &Value) -> Option<f64> {
    lenient_number(value).ok().flatten()
}

/// How far a share may lie beyond 1, as rounding makes them.
const TOLERANCE: f64 = 0.01;

/// What a box is called if its numbers look like shares of the image's size.
fn like_shares([x, y, w, h]: [f64; 4]) -> Option<String> {
    let inside = [x, y, w, h].iter().all(|share| (0.0..=1.0).contains(share));
    let alike = inside && (x + w).max(y + h) <= 1.0 + TOLERANCE;
    alike.then(|| format!("bbox [{x}, {y}, {w}, {h}]"))
}

/// The place of the id that a key of an annotation names, or what is wrong with it.
pub(super) fn find(ids: &IdIndex, value: &Value, key: &str, what: &str) -> Result<usize, String> {
    let id = Id::from_json(value)
        .ok_or_else(|| format!(".{key}: expected a number or a string, found {value}"))?;
    ids.place(&id)
        .ok_or_else(|| format!(".{key}: no {what} has the id {id}"))
}

/// A row's mask; None if the key is absent, or empty, as exports of boxes write it.
fn mask(segmentation: &Value) -> Mask {
    match segmentation {
        Value::Null => Ok(None),
        Value::Array(polygons) if polygons.is_empty() => Ok(None),
        value => Segmentation::deserialize(value)
            .map(Some)
            .map_err(|reason| format!(".segmentation: {}", in_plain_words(&reason.to_string()))),
    }
}

/// A value as text that fits in a message.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
