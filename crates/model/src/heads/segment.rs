//! Boxes and masks.

use burn::{module::Module, nn::conv::Conv2d, tensor::Tensor};

use super::{
    anchor_based::AnchorDetect,
    anchor_free::AnchorFreeDetect,
    detect::OF_QUERIES,
    proto::{Proto, ProtoConfig},
};
use crate::{
    blocks::{block::Block, conv::convolve, row::RowReader},
    coding::{BoxCoding, DetectConfig, MaskConfig},
    fuse::{Fuse, fuse},
    inference::{FeatureMap, Traced},
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// Detection with masks: each box has coefficients for mask prototypes, which are an output of the
/// head. YOLOv5's if the row names anchors, `[nc, anchors, coefficients, hidden]`, Ultralytics' if
/// it does not, `[nc, coefficients, hidden]`; `hidden` are channels of the prototypes'
/// convolutions, which scale with width.
/// Source: Bolya et al., YOLACT, arXiv:1904.02689.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentConfig {
    /// Its boxes, and the sizes of its masks.
    pub detect: DetectConfig,
    masks: MaskConfig,
}

/// YOLO26's detection with masks: prototypes of all levels' maps, and a map of classes that is
/// learnt beside them. Row: `[nc, coefficients, hidden]`, as of an anchor-free [`SegmentConfig`].
#[derive(Clone, Debug, PartialEq)]
pub struct Segment26Config(SegmentConfig);

/// See [`SegmentConfig`].
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Segment {
    /// YOLOv5's.
    Anchors(AnchorSegment),
    /// Ultralytics'.
    AnchorFree(AnchorFreeDetect),
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

impl SegmentConfig {
    fn read_row(row: &RowReader, all_levels: bool) -> Result<Self, String> {
        let (mut detect, taken) = DetectConfig::read_row(row)?;
        row.at_most(
            taken + 2,
            "nc, anchors, coefficients, hidden] or [nc, coefficients, hidden",
        )?;
        let masks = MaskConfig {
            coefficients: row.positive(taken, Some(32), "coefficients")?,
            hidden: row.scaled_or(taken + 1, 256, "hidden")?,
            all_levels,
        };
        detect.masks = Some(masks);
        Ok(Self { detect, masks })
    }

    /// Prototypes of a head with anchors.
    fn proto(&self) -> ProtoConfig {
        ProtoConfig::nearest(&self.detect.channels, self.masks)
    }
}

impl Block for SegmentConfig {
    type Layer = Segment;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        Self::read_row(row, false)
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let mut outputs = self.detect.trace(inputs, tally)?;
        if let BoxCoding::Anchors(_) = self.detect.coding {
            outputs.push(self.proto().trace(inputs, tally));
        }
        Ok(outputs)
    }

    fn init(&self, init: &Initializer) -> Segment {
        match self.detect.coding {
            BoxCoding::Anchors(_) => {
                let AnchorDetect { m } = AnchorDetect::new(&self.detect, init);
                let proto = self.proto().init(init);
                Segment::Anchors(AnchorSegment { m, proto })
            }
            BoxCoding::Distances { .. } => {
                Segment::AnchorFree(AnchorFreeDetect::new(&self.detect, init))
            }
            BoxCoding::Queries => unreachable!("{OF_QUERIES}"),
        }
    }

    fn forward(layer: &Segment, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        match layer {
            Segment::Anchors(head) => head.forward(inputs),
            Segment::AnchorFree(head) => head.forward(inputs),
        }
    }

    fn lower(layer: &Segment, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        Some(match layer {
            Segment::Anchors(head) => head.forward(inputs),
            Segment::AnchorFree(head) => head.lower(&inputs),
        })
    }

    fn arguments(&self) -> String {
        let MaskConfig {
            coefficients,
            hidden,
            ..
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

impl AnchorSegment {
    /// Raw outputs of each level, then prototypes.
    fn forward<M: FeatureMap>(&self, levels: Vec<M>) -> Vec<M> {
        let (protos, _) = self.proto.forward(&levels, false);
        let maps = self.m.iter().zip(levels).map(|(conv, x)| convolve(conv, x));
        maps.chain([protos]).collect()
    }
}

impl Block for Segment26Config {
    type Layer = Segment;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        let config = SegmentConfig::read_row(row, true)?;
        match config.detect.coding {
            BoxCoding::Anchors(_) => {
                Err("expected [nc, coefficients, hidden], found anchors".into())
            }
            BoxCoding::Distances { .. } => Ok(Self(config)),
            BoxCoding::Queries => Err(OF_QUERIES.into()),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let finest = inputs[0];
        for (level, x) in inputs.iter().enumerate() {
            let factor = 1 << level;
            if (x.h * factor, x.w * factor) != (finest.h, finest.w) {
                return Err(format!(
                    "expected levels that halve in size, found one of {}×{} and one of {}×{}",
                    finest.h, finest.w, x.h, x.w
                ));
            }
        }
        self.0.trace(inputs, tally)
    }

    fn init(&self, init: &Initializer) -> Segment {
        self.0.init(init)
    }

    fn forward(layer: &Segment, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        SegmentConfig::forward(layer, inputs)
    }

    fn lower(layer: &Segment, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        SegmentConfig::lower(layer, inputs)
    }

    fn arguments(&self) -> String {
        self.0.arguments()
    }

    fn detect(&self) -> Option<&DetectConfig> {
        self.0.detect()
    }
}
