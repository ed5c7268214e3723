//! What the COCO readers say of a file that they can't use.

use std::fs;
use std::path::Path;

use ablate_detection::metrics::coco::{DetectionBox, GroundTruth, GroundTruthBox, evaluate};

const TRUTH: &str = r#"{"images":[{"id":1}],"categories":[{"id":3,"name":"cat"}],
    "annotations":[{"id":1,"image_id":1,"category_id":3,"bbox":[0,0,4,4],"area":16,"iscrowd":0}]}"#;

const DETECTIONS: &str = r#"[{"image_id":1,"category_id":3,"bbox":[0,0,4,4],"score":0.5},
    {"image_id":1,"category_id":3,"bbox":[0,0,4,4],"score":0.25}]"#;

fn truth() -> GroundTruth {
    GroundTruth::from_json(TRUTH.as_bytes()).unwrap()
}

/// `from` stands once in the annotation file; `to` in its place makes an error at `place` that says `problem`.
#[track_caller]
fn assert_truth_error(from: &str, to: &str, place: &str, problem: &str) {
    assert_eq!(TRUTH.matches(from).count(), 1, "{from}");
    let error = GroundTruth::from_json(TRUTH.replace(from, to).as_bytes()).unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.problem.contains(problem), "{error}");
}

/// The same for the last `from` of the results file.
#[track_caller]
fn assert_detection_error(from: &str, to: &str, place: &str, problem: &str) {
    let at = DETECTIONS.rfind(from).unwrap();
    let json = format!("{}{to}{}", &DETECTIONS[..at], &DETECTIONS[at + from.len()..]);
    let error = DetectionBox::all_from_json(json.as_bytes(), &truth()).unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.problem.contains(problem), "{error}");
}

#[test]
fn ground_truth() {
    assert_truth_error(r#""images":"#, r#""pictures":"#, "", "missing field `images`");
    assert_truth_error(r#""bbox":[0,0,4,4],"#, "", "annotations[0]", "missing field `bbox`");
    assert_truth_error("[0,0,4,4]", "[0,0,4]", "annotations[0].bbox", "expected four numbers");
    assert_truth_error("[0,0,4,4]", "[0,0,4,4,0]", "annotations[0].bbox", "expected four numbers");
    assert_truth_error("[0,0,4,4]", r#"[0,0,4,"4"]"#, "annotations[0].bbox[3]", "expected f64");
    assert_truth_error("[0,0,4,4]", "[0,0,NaN,4]", "annotations[0].bbox[2]", "NaN and Infinity are neither JSON");
    assert_truth_error(r#""iscrowd":0"#, r#""iscrowd":2"#, "annotations[0].iscrowd", "expected 0 or 1");
    assert_truth_error(r#""category_id":3"#, r#""category_id":4"#, "annotations[0].category_id", "no category has the id 4");
    assert_truth_error(r#""image_id":1"#, r#""image_id":9"#, "annotations[0].image_id", "no image has the id 9");
    assert_truth_error(r#""iscrowd":0}"#, r#""iscrowd":0"#, "annotations[0]", "expected `,` or `}`");
}

#[test]
fn repeated_annotation_id() {
    let json = TRUTH.replace(r#""annotations":["#, r#""annotations":[{"id":1,"image_id":1,"category_id":3,"bbox":[1,1,2,2]},"#);
    let error = GroundTruth::from_json(json.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "annotations[1].id: 1 is the id of annotations[0] already");
}

#[test]
fn detections() {
    assert_detection_error(r#","score":0.25"#, "", "[1]", "missing field `score`");
    assert_detection_error("0.25", "NaN", "[1].score", "NaN and Infinity are neither JSON");
    assert_detection_error("0.25", "-Infinity", "[1].score", "NaN and Infinity are neither JSON");
    assert_detection_error("0.25", "null", "[1].score", "invalid type: null");
    assert_detection_error("0.25", r#""high""#, "[1].score", "invalid type: string");
    assert_detection_error("[0,0,4,4]", "[[0,0,4,4]]", "[1].bbox[0]", "invalid type: sequence");
    assert_detection_error("[0,0,4,4]", "[0,0,4]", "[1].bbox", "expected four numbers");
    assert_detection_error(r#""image_id":1"#, r#""image_id":2"#, "[1].image_id", "no image with the id 2");
    assert_detection_error(r#""category_id":3"#, r#""category_id":0"#, "[1].category_id", "no category with the id 0");
    assert_detection_error("]", "] more", "", "trailing characters");
    let error = DetectionBox::all_from_json(b"{}", &truth()).unwrap_err();
    assert!(error.problem.contains("a results file is a list of"), "{error}");
}

#[test]
fn files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.json");
    fs::write(&file, DETECTIONS).unwrap();
    assert_eq!(DetectionBox::read_all(&file, &truth()).unwrap().len(), 2);
    fs::write(&file, DETECTIONS.replace("0.25", "Infinity")).unwrap();
    let message = DetectionBox::read_all(&file, &truth()).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: [1].score: ", file.display())), "{message}");
    let message = GroundTruth::read(Path::new("absent.json")).unwrap_err().to_string();
    assert!(message.starts_with("absent.json: "), "{message}");
}

#[test]
fn boxes_that_come_from_no_file() {
    let mut detections = DetectionBox::all_from_json(DETECTIONS.as_bytes(), &truth()).unwrap();
    detections[1].score = f64::NAN;
    assert_eq!(evaluate(&truth(), &detections).unwrap_err().to_string(), "[1].score: NaN is not a finite number");

    let bad = GroundTruthBox { image_id: 1, category_id: 3, bbox: [0.0, f64::NAN, 1.0, 1.0], area: 1.0, crowd: false };
    let error = GroundTruth::new(vec![1], truth().categories().to_vec(), vec![bad]).unwrap_err();
    assert_eq!(error.place, "annotations[0].bbox");
}

#[test]
fn what_may_be_left_out() {
    let truth = GroundTruth::from_json(
        br#"{"info":{"year":2026},"images":[{"id":1,"file_name":"a.png"}],"categories":[{"id":3}],
             "annotations":[{"id":1,"image_id":1,"category_id":3,"bbox":[0,0,4,5],"segmentation":[]},
                            {"id":2,"image_id":1,"category_id":3,"bbox":[0,0,4,5],"iscrowd":true}]}"#,
    )
    .unwrap();
    assert_eq!(truth.categories()[0].name, "3");
    assert_eq!((truth.boxes()[0].area, truth.boxes()[0].crowd), (20.0, false));
    assert!(truth.boxes()[1].crowd);
}
