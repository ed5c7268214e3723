//! COCO's results, and ground truth, as `ablate metrics` reads them.
#![no_main]

use ablate_detection::metrics::coco::{DetectionBox, GroundTruth, evaluate, evaluate_masks};
use ablate_detection_fuzz::write;

const TRUTH: &[u8] = br#"{"images": [{"id": 1, "width": 8, "height": 6}], "categories": [{"id": 3, "name": "cat"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 4, 4], "area": 16, "iscrowd": 0}]}"#;
const FOUND: &[u8] = br#"[{"image_id": 1, "category_id": 3, "bbox": [1, 1, 4, 4], "score": 0.5}]"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for (truth, found) in [(TRUTH, bytes), (bytes, FOUND)] {
        let (truth, found) = (write("truth.json", truth), write("found.json", found));
        if let Ok(truth) = GroundTruth::read(&truth)
            && let Ok(found) = DetectionBox::read_all(&found, &truth)
        {
            let _ = evaluate(&truth, &found);
            let _ = evaluate_masks(&truth, &found);
        }
    }
});
