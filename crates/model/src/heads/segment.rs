//! Boxes and masks.

use burn::{module::Module, nn::conv::Conv2d, tensor::Tensor};

use super::{
    anchor_based::AnchorDetect,
    anchor_free::{Branch, Expectation, forward},
    detect::OF_QUERIES,
    proto::{Proto, ProtoConfig},
};
use crate::{
    blocks::{block::Block, conv::convolve, row::RowReader},
    coding::{BoxCoding, DetectConfig, MaskConfig},
    fuse::{Fuse, fuse},
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// Detection with masks: each box has coefficients for mask prototypes, which are the head's last
/// output. YOLOv5's if the row names anchors, `[nc, anchors, coefficients, hidden]`, YOLOv8's
/// if it does not, `[nc, coefficients, hidden]`; `hidden` are channels of the prototypes'
/// convolutions, which scale with width.
/// Source: Bolya et al., YOLACT, arXiv:1904.02689.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentConfig {
    /// Its boxes, and the sizes of its masks.
    pub detect: DetectConfig,
    masks: MaskConfig,
}

/// See [`SegmentConfig`].
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Segment {
    /// YOLOv5's.
    Anchors(AnchorSegment),
    /// YOLOv8's.
    AnchorFree(AnchorFreeSegment),
}

impl Fuse for Segment {
    fn fuse(&mut self) {
        match self {
            Self::Anchors(head) => head.fuse(),
            Self::AnchorFree(head) => head.fuse(),
        }
    }
}

/// The anchor-based head, whose convolutions give mask coefficients, too.
#[derive(Module, Debug)]
pub struct AnchorSegment {
    m: Vec<Conv2d>,
    proto: Proto,
}

fuse!(AnchorSegment: proto);

/// The anchor-free head with a third branch, to mask coefficients.
#[derive(Module, Debug)]
pub struct AnchorFreeSegment {
    cv2: Vec<Branch>,
    cv3: Vec<Branch>,
    cv4: Vec<Branch>,
    dfl: Expectation,
    proto: Proto,
}

fuse!(AnchorFreeSegment: cv2, cv3, cv4, proto);

impl SegmentConfig {
    fn proto(&self) -> ProtoConfig {
        let learnt = matches!(self.detect.coding, BoxCoding::Distances { .. });
        ProtoConfig::new(self.detect.channels[0], self.masks, learnt)
    }
}

impl Block for SegmentConfig {
    type Layer = Segment;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        let (mut detect, taken) = DetectConfig::read_row(row)?;
        row.at_most(
            taken + 2,
            "nc, anchors, coefficients, hidden] or [nc, coefficients, hidden",
        )?;
        let masks = MaskConfig {
            coefficients: row.positive(taken, Some(32), "coefficients")?,
            hidden: row.scaled_or(taken + 1, 256, "hidden")?,
        };
        detect.masks = Some(masks);
        Ok(Self { detect, masks })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let mut outputs = self.detect.trace(inputs, tally)?;
        outputs.push(self.proto().trace(inputs[0], tally));
        Ok(outputs)
    }

    fn init(&self, init: &Initializer) -> Segment {
        match self.detect.coding {
            BoxCoding::Anchors(_) => {
                let AnchorDetect { m } = AnchorDetect::new(&self.detect, init);
                Segment::Anchors(AnchorSegment {
                    m,
                    proto: self.proto().init(init),
                })
            }
            BoxCoding::Distances { .. } => {
                let [cv2, cv3, cv4] = self.detect.init_branches(init);
                let dfl = Expectation::new(init);
                Segment::AnchorFree(AnchorFreeSegment {
                    cv2,
                    cv3,
                    cv4,
                    dfl,
                    proto: self.proto().init(init),
                })
            }
            BoxCoding::Queries => unreachable!("{OF_QUERIES}"),
        }
    }

    fn forward(layer: &Segment, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let finest = inputs[0].clone();
        let (mut outputs, proto) = match layer {
            Segment::Anchors(AnchorSegment { m, proto }) => (
                m.iter()
                    .zip(inputs)
                    .map(|(conv, x)| convolve(conv, x))
                    .collect(),
                proto,
            ),
            Segment::AnchorFree(AnchorFreeSegment {
                cv2,
                cv3,
                cv4,
                proto,
                ..
            }) => (forward(&[cv2, cv3, cv4], inputs), proto),
        };
        outputs.push(proto.forward(finest));
        outputs
    }

    fn arguments(&self) -> String {
        let MaskConfig {
            coefficients,
            hidden,
        } = self.masks;
        format!(
            "[{}, {coefficients} masks, {hidden}]",
            self.detect.printed()
        )
    }

    fn detect(&self) -> Option<&DetectConfig> {
        Some(&self.detect)
    }
}
