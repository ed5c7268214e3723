//! Boxes, with anchors or without.

use burn::{module::Module, tensor::Tensor};

use super::{
    anchor_based::AnchorDetect,
    anchor_free::{AnchorFreeDetect, REG_MAX},
};
use crate::{
    blocks::{block::Block, row::RowReader},
    coding::{BoxCoding, DetectConfig},
    fuse::Fuse,
    inference::Traced,
    initializer::Initializer,
    shape::Shape,
    spec::{Anchors, Arg},
    tally::Tally,
};

/// See [`DetectConfig`].
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Detect {
    /// YOLOv5's.
    Anchors(AnchorDetect),
    /// Ultralytics'.
    AnchorFree(AnchorFreeDetect),
}

impl Fuse for Detect {
    fn fuse(&mut self) {
        match self {
            Self::Anchors(head) => head.fuse(),
            Self::AnchorFree(head) => head.fuse(),
        }
    }
}

/// Anchors in pixels, level by level in the order of the strides; where the table only counts
/// them, squares about their level's cells, to be fitted to the data.
fn by_level(anchors: &Anchors, strides: &[usize]) -> Result<Vec<Vec<[f64; 2]>>, String> {
    let levels = match anchors {
        Anchors::Count(count) => {
            let squares = |stride: &usize| {
                let side = |i: usize| (stride * (i + 2)) as f64;
                (0..*count).map(|i| [side(i); 2]).collect()
            };
            return Ok(strides.iter().map(squares).collect());
        }
        Anchors::Listed(levels) if levels.len() == strides.len() => levels,
        Anchors::Listed(levels) => {
            return Err(format!(
                "expected 'anchors' for {} levels, found {}",
                strides.len(),
                levels.len()
            ));
        }
    };
    let pairs = |level: &Vec<f64>| level.as_chunks::<2>().0.to_vec();
    let mut levels: Vec<Vec<[f64; 2]>> = levels.iter().map(pairs).collect();
    // YOLOv5 turns them around where the largest stand at the finest level.
    let area = |level: &[[f64; 2]]| level.iter().map(|[w, h]| w * h).sum::<f64>();
    let finest_first = strides.first() <= strides.last();
    if let [first, .., last] = levels.as_slice()
        && (area(first) < area(last)) != finest_first
        && area(first) != area(last)
    {
        levels.reverse();
    }
    Ok(levels)
}

/// Keys of the table that say nothing about a head with anchors.
fn refuse_without_anchors(row: &RowReader) -> Result<(), String> {
    let table = row.table();
    let keys = [
        ("reg_max", table.reg_max.is_some()),
        ("end2end", table.end2end),
    ];
    match keys.into_iter().find(|(_, given)| *given) {
        Some((key, _)) => Err(format!(
            "expected a head without anchors, [nc], for the table's key '{key}'"
        )),
        None => Ok(()),
    }
}

impl DetectConfig {
    /// Reads the first arguments of a row, which may have more: the number of those that it took.
    pub(super) fn read_row(row: &RowReader) -> Result<(Self, usize), String> {
        let nc = match row.arg(0) {
            Some(Arg::Text(word)) if word == "nc" => row.nc(),
            Some(Arg::Int(nc)) if *nc == row.nc() as i64 => row.nc(),
            _ => {
                return Err(
                    "expected [nc] or [nc, anchors], found another first argument than nc".into(),
                );
            }
        };
        let table = row.table();
        let (coding, taken) = match row.arg(1) {
            Some(Arg::Text(word)) if word == "anchors" => {
                let anchors = table
                    .anchors
                    .ok_or("expected the table to have the key 'anchors', which this row reads")?;
                refuse_without_anchors(row)?;
                (BoxCoding::Anchors(by_level(anchors, &row.strides()?)?), 2)
            }
            _ => {
                let reg_max = table.reg_max.unwrap_or(REG_MAX);
                (BoxCoding::Distances { reg_max }, 1)
            }
        };
        let anchor_free = matches!(coding, BoxCoding::Distances { .. });
        let channels = row.inputs().iter().map(|input| input.c).collect();
        Ok((
            Self {
                nc,
                channels,
                strides: row.strides()?,
                separable: anchor_free && table.separable,
                end2end: anchor_free && table.end2end,
                coding,
                masks: None,
            },
            taken,
        ))
    }

    /// The arguments in the order of a printed table, without brackets.
    pub(super) fn printed(&self) -> String {
        let coding = match &self.coding {
            BoxCoding::Anchors(_) => format!("{} anchors", self.boxes_per_cell()),
            BoxCoding::Distances { reg_max: REG_MAX } => "anchor-free".into(),
            BoxCoding::Distances { reg_max } => format!("anchor-free, reg_max={reg_max}"),
            BoxCoding::Queries => "queries".into(),
        };
        let end2end = if self.end2end { ", end2end" } else { "" };
        format!("{}, {coding}{end2end}, {:?}", self.nc, self.channels)
    }
}

/// A coding that no row of Detect is read with.
pub(super) const OF_QUERIES: &str = "expected anchors or distances, found queries";

impl Block for DetectConfig {
    type Layer = Detect;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        let (config, taken) = Self::read_row(row)?;
        row.at_most(
            taken,
            if taken == 2 {
                "nc, anchors"
            } else {
                "nc] or [nc, anchors"
            },
        )?;
        Ok(config)
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(match &self.coding {
            BoxCoding::Anchors(_) => self.trace_anchors(inputs, tally),
            BoxCoding::Distances { .. } => self.trace_anchor_free(inputs, tally),
            BoxCoding::Queries => return Err(OF_QUERIES.into()),
        })
    }

    fn init(&self, init: &Initializer) -> Detect {
        match &self.coding {
            BoxCoding::Anchors(_) => Detect::Anchors(AnchorDetect::new(self, init)),
            BoxCoding::Distances { .. } => Detect::AnchorFree(AnchorFreeDetect::new(self, init)),
            BoxCoding::Queries => unreachable!("{OF_QUERIES}"),
        }
    }

    fn forward(layer: &Detect, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        match layer {
            Detect::Anchors(head) => head.forward(inputs),
            Detect::AnchorFree(head) => head.forward(inputs),
        }
    }

    fn lower(layer: &Detect, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        match layer {
            Detect::Anchors(head) => Some(head.forward(inputs)),
            Detect::AnchorFree(head) => Some(head.lower(&inputs)),
        }
    }

    fn arguments(&self) -> String {
        format!("[{}]", self.printed())
    }

    fn detect(&self) -> Option<&DetectConfig> {
        Some(self)
    }
}
