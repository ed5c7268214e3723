//! What differs between the families when they evaluate: YOLOv5, whose heads have anchors, and
//! Ultralytics, whose have none.

use ablate_detection::{dataset::Interpolation, nms::NmsConfig};
use ablate_model::coding::{BoxCoding, DetectConfig};

/// How the head's family resizes images for evaluation: YOLOv5 by area, Ultralytics linearly.
pub fn interpolation(detect: &DetectConfig) -> Interpolation {
    match detect.coding {
        BoxCoding::Anchors(_) => Interpolation::Area,
        BoxCoding::Distances { .. } | BoxCoding::Queries => Interpolation::Linear,
    }
}

/// How the head's family suppresses boxes for evaluation: YOLOv5 above an IoU of 0.6, Ultralytics
/// above 0.7.
///
/// Nothing is suppressed of a head that answers for each object once: the 300 surest boxes are
/// taken, as Ultralytics does with `nms=False`. The default of its 8.4.190 for such heads is the
/// one-to-many branches and suppression.
pub fn suppression(detect: &DetectConfig) -> NmsConfig {
    let iou = match detect.coding {
        _ if detect.end2end => None,
        BoxCoding::Anchors(_) => Some(0.6),
        BoxCoding::Distances { .. } | BoxCoding::Queries => Some(0.7),
    };
    NmsConfig {
        iou,
        ..NmsConfig::default()
    }
}

/// How the head's family finds the boxes of one image for its user: YOLOv5's `detect.py` and
/// Ultralytics' `predict` report the best class of a box where it is at least 0.25 sure, and suppress
/// above an IoU of 0.45 and 0.7.
pub fn prediction(detect: &DetectConfig) -> NmsConfig {
    let anchors = matches!(detect.coding, BoxCoding::Anchors(_));
    let evaluation = suppression(detect);
    NmsConfig {
        confidence: 0.25,
        iou: if anchors { Some(0.45) } else { evaluation.iou },
        multi_label: false,
        max_detections: if anchors { 1000 } else { 300 },
        ..evaluation
    }
}

#[cfg(test)]
mod tests {
    use ablate_detection::nms::non_max_suppression;

    use super::*;

    /// Two boxes, 10 wide and 2 apart: their IoU is 8/12.
    #[test]
    fn each_family_suppresses_by_its_own_threshold() {
        let head = |coding, end2end| DetectConfig {
            nc: 1,
            channels: vec![8],
            strides: vec![8],
            coding,
            masks: None,
            separable: false,
            end2end,
        };
        let (anchors, distances, once) = (
            head(BoxCoding::Anchors(vec![vec![[8.0, 8.0]]]), false),
            head(BoxCoding::Distances { reg_max: 16 }, false),
            head(BoxCoding::Distances { reg_max: 1 }, true),
        );
        let row = |cx, objectness| [cx, 5.0, 10.0, 10.0, objectness, 1.0];
        let rows = [row(5.0, 0.5), row(7.0, 0.75)].concat();
        let kept = |head| non_max_suppression(&rows, 1, &suppression(head)).len();
        assert_eq!((kept(&anchors), kept(&distances)), (1, 2));
        let same = [row(5.0, 0.5), row(5.0, 0.75)].concat();
        let kept_of_same = |head| non_max_suppression(&same, 1, &suppression(head)).len();
        assert_eq!((kept_of_same(&distances), kept_of_same(&once)), (1, 2));
        assert_eq!(interpolation(&anchors), Interpolation::Area);
        assert_eq!(interpolation(&distances), Interpolation::Linear);
    }
}
