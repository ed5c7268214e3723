//! YOLOv10's head.

use burn::tensor::Tensor;

use super::{anchor_free::REG_MAX, detect::Detect};
use crate::{
    blocks::{block::Block, row::RowReader},
    coding::{BoxCoding, DetectConfig},
    inference::Traced,
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// YOLOv10's head, whatever else is in the table: an anchor-free Detect that is end-to-end and
/// classifies by depthwise convolutions. Row: `[nc]`.
/// Source: Wang et al., YOLOv10, arXiv:2405.14458, section 3.
#[derive(Clone, Debug, PartialEq)]
pub struct V10DetectConfig(DetectConfig);

impl Block for V10DetectConfig {
    type Layer = Detect;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "nc")?;
        let (detect, _) = DetectConfig::read_row(row)?;
        match detect.coding {
            BoxCoding::Distances { reg_max: REG_MAX } => Ok(Self(DetectConfig {
                separable: true,
                end2end: true,
                ..detect
            })),
            _ => Err(format!(
                "expected 'reg_max' to be {REG_MAX}, as YOLOv10 has it"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        self.0.trace(inputs, tally)
    }

    fn init(&self, init: &Initializer) -> Detect {
        self.0.init(init)
    }

    fn forward(layer: &Detect, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        DetectConfig::forward(layer, inputs)
    }

    fn lower(layer: &Detect, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        DetectConfig::lower(layer, inputs)
    }

    fn arguments(&self) -> String {
        self.0.arguments()
    }

    fn detect(&self) -> Option<&DetectConfig> {
        Some(&self.0)
    }
}
