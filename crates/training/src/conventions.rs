//! What differs between the families when they evaluate: YOLOv5, whose heads have anchors, and Ultralytics, whose have none.

use ablate_detection::{dataset::Interpolation, nms::NmsConfig};
use ablate_model::coding::{BoxCoding, DetectConfig};

/// How the head's family resizes images for evaluation: YOLOv5 by area, Ultralytics linearly.
pub fn interpolation(detect: &DetectConfig) -> Interpolation {
    match detect.coding {
        BoxCoding::Anchors(_) => Interpolation::Area,
        BoxCoding::Distances { .. } | BoxCoding::Queries => Interpolation::Linear,
    }
}

/// How the head's family suppresses boxes for evaluation: YOLOv5 above an IoU of 0.6, Ultralytics above 0.7.
pub fn suppression(detect: &DetectConfig) -> NmsConfig {
    let iou = match detect.coding {
        BoxCoding::Anchors(_) => 0.6,
        BoxCoding::Distances { .. } | BoxCoding::Queries => 0.7,
    };
    NmsConfig {
        iou,
        ..NmsConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use ablate_detection::nms::non_max_suppression;

    use super::*;

    /// Two boxes, 10 wide and 2 apart: their IoU is 8/12.
    #[test]
    fn each_family_suppresses_by_its_own_threshold() {
        let head = |coding| DetectConfig {
            nc: 1,
            channels: vec![8],
            strides: vec![8],
            coding,
            masks: None,
        };
        let (anchors, distances) = (
            head(BoxCoding::Anchors(vec![vec![[8.0, 8.0]]])),
            head(BoxCoding::Distances { reg_max: 16 }),
        );
        let row = |cx, objectness| [cx, 5.0, 10.0, 10.0, objectness, 1.0];
        let rows = [row(5.0, 0.5), row(7.0, 0.75)].concat();
        let kept = |head| non_max_suppression(&rows, 1, &suppression(head)).len();
        assert_eq!((kept(&anchors), kept(&distances)), (1, 2));
        assert_eq!(interpolation(&anchors), Interpolation::Area);
        assert_eq!(interpolation(&distances), Interpolation::Linear);
    }
}
