//! Names that other people's tables have for modules of the registry.

use super::table::{Arg, From, Row};

/// A name, the module that it stands for, and words that it adds to the row's arguments.
const ALIASES: [(&str, &str, &[&str]); 5] = [
    ("MobileNetV2_Block", "InvertedResidual", &[]),
    ("C3_GhostModule", "C3DynamicGhost", &[]),
    ("C2f_GhostModule", "C2fDynamicGhost", &[]),
    ("RepVGGBlock", "RepVGG", &[]),
    // The well-known YOLOv5 adaptation fuses its levels one after the other.
    ("ASFF_Detect", "ASFFDetect", &["sequential"]),
];

/// The maps of a backbone that stands in one row.
const MAPS: i64 = 4;

/// The row in the registry's names; it keeps the name that it was written with for messages.
pub(super) fn unaliased(row: Row) -> Row {
    let Some((name, module, words)) = ALIASES.iter().find(|(name, ..)| *name == row.module) else {
        return row;
    };
    let words = words.iter().map(|word| Arg::Text((*word).into()));
    Row {
        module: (*module).into(),
        args: row.args.into_iter().chain(words).collect(),
        written: Some((*name).into()),
        ..row
    }
}

/// The rows with a backbone that stands in one row, `FasterNet []`, as the five rows that its table
/// counts: the backbone and a row for each of its maps, so that -1 after it is the coarsest.
pub(super) fn unfolded(rows: Vec<Row>) -> Vec<Row> {
    let unfold = |row: Row| {
        if row.module != "FasterNet" || !row.args.is_empty() {
            return vec![row];
        }
        let map = |map: i64| Row {
            from: From::One(-1 - map),
            module: "Index".into(),
            args: vec![Arg::Int(map)],
            ..row.clone()
        };
        let backbone = Row {
            args: vec![Arg::Text("t2".into())],
            ..row.clone()
        };
        std::iter::once(backbone)
            .chain((0..MAPS).map(map))
            .collect()
    };
    rows.into_iter().flat_map(unfold).collect()
}
