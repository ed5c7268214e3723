//! What the COCO readers say of a file that they can't use.

use std::fs;
use std::path::Path;

use ablate_detection::mask::Rle;
use ablate_detection::metrics::coco::{
    DetectionBox, GroundTruth, GroundTruthBox, evaluate, evaluate_masks,
};

const TRUTH: &str = r#"{"images":[{"id":1}],"categories":[{"id":3,"name":"cat"}],
    "annotations":[{"id":1,"image_id":1,"category_id":3,"bbox":[0,0,4,4],"area":16,"iscrowd":0}]}"#;

const DETECTIONS: &str = r#"[{"image_id":1,"category_id":3,"bbox":[0,0,4,4],"score":0.5},
    {"image_id":1,"category_id":3,"bbox":[0,0,4,4],"score":0.25}]"#;

fn truth() -> GroundTruth {
    GroundTruth::from_json(TRUTH.as_bytes()).unwrap()
}

/// `from` stands once in the annotation file; `to` in its place makes an error at `place` that says
/// `problem`.
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
    let json = format!(
        "{}{to}{}",
        &DETECTIONS[..at],
        &DETECTIONS[at + from.len()..]
    );
    let error = DetectionBox::all_from_json(json.as_bytes(), &truth()).unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.problem.contains(problem), "{error}");
}

#[test]
fn ground_truth() {
    let error = GroundTruth::from_json(b" \n").unwrap_err();
    assert!(error.problem.starts_with("the file is empty ("), "{error}");
    assert_truth_error(
        r#""images":"#,
        r#""pictures":"#,
        "",
        "missing field `images`",
    );
    assert_truth_error(
        r#""bbox":[0,0,4,4],"#,
        "",
        "annotations[0]",
        "missing field `bbox`",
    );
    assert_truth_error(
        "[0,0,4,4]",
        "[0,0,4]",
        "annotations[0].bbox",
        "expected four numbers",
    );
    assert_truth_error(
        "[0,0,4,4]",
        "[0,0,4,4,0]",
        "annotations[0].bbox",
        "expected four numbers",
    );
    assert_truth_error(
        "[0,0,4,4]",
        r#"[0,0,4,"four"]"#,
        "annotations[0].bbox[3]",
        "expected a number",
    );
    assert_truth_error(
        "[0,0,4,4]",
        "[0,0,NaN,4]",
        "annotations[0].bbox[2]",
        "NaN and Infinity are neither JSON",
    );
    assert_truth_error(
        r#""iscrowd":0"#,
        r#""iscrowd":"maybe""#,
        "annotations[0].iscrowd",
        "expected 0 or 1",
    );
    assert_truth_error(
        r#""category_id":3"#,
        r#""category_id":null"#,
        "annotations[0].category_id",
        "expected an id: a number or a string",
    );
    assert_truth_error(
        r#""area":16"#,
        r#""area":"large""#,
        "annotations[0].area",
        "expected a number",
    );
    assert_truth_error(
        r#""iscrowd":0}"#,
        r#""iscrowd":0"#,
        "annotations[0]",
        "expected `,` or `}`",
    );
}

#[test]
fn detections() {
    assert_detection_error(r#","score":0.25"#, "", "[1]", "missing field `score`");
    assert_detection_error(
        "0.25",
        "NaN",
        "[1].score",
        "NaN and Infinity are neither JSON",
    );
    assert_detection_error(
        "0.25",
        "-Infinity",
        "[1].score",
        "NaN and Infinity are neither JSON",
    );
    assert_detection_error("0.25", "null", "[1].score", "expected a number, found null");
    assert_detection_error(
        "0.25",
        r#""high""#,
        "[1].score",
        "expected a number, found 'high'",
    );
    assert_detection_error(
        "[0,0,4,4]",
        "[[0,0,4,4]]",
        "[1].bbox[0]",
        "expected a number, found a list",
    );
    assert_detection_error(
        "[0,0,4,4]",
        "[0,0,4]",
        "[1].bbox",
        "height], found 3 of them",
    );
    assert_detection_error(
        r#""image_id":1"#,
        r#""image_id":2"#,
        "[1].image_id",
        "no image with the id 2",
    );
    assert_detection_error(
        r#""image_id":1"#,
        r#""image_id":"b.jpg""#,
        "[1].image_id",
        "no image with the id 'b.jpg'",
    );
    assert_detection_error("]", "] more", "", "trailing characters");
    let error = DetectionBox::all_from_json(b"{}", &truth()).unwrap_err();
    assert!(
        error.problem.contains("a results file is a list of"),
        "{error}"
    );
}

#[test]
fn detections_are_no_ground_truth() {
    let error = GroundTruth::from_json(DETECTIONS.as_bytes()).unwrap_err();
    assert!(
        error
            .problem
            .ends_with("annotations: […]}; this file is a list, as detections are saved"),
        "{error}"
    );
}

#[test]
fn files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.json");
    fs::write(&file, DETECTIONS).unwrap();
    assert_eq!(DetectionBox::read_all(&file, &truth()).unwrap().len(), 2);
    fs::write(&file, DETECTIONS.replace("0.25", "Infinity")).unwrap();
    let message = DetectionBox::read_all(&file, &truth())
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with(&format!("{}: [1].score: ", file.display())),
        "{message}"
    );
    let message = GroundTruth::read(Path::new("absent.json"))
        .unwrap_err()
        .to_string();
    assert!(message.starts_with("absent.json: "), "{message}");
}

#[test]
fn boxes_that_come_from_no_file() {
    let mut detections = DetectionBox::all_from_json(DETECTIONS.as_bytes(), &truth()).unwrap();
    detections[1].score = f64::NAN;
    assert_eq!(
        evaluate(&truth(), &detections).unwrap_err().to_string(),
        "[1].score: NaN is not a finite number"
    );

    let bad = GroundTruthBox {
        image_id: 1,
        category_id: 3,
        bbox: [0.0, f64::NAN, 1.0, 1.0],
        area: 1.0,
        crowd: false,
        mask: None,
    };
    let error = GroundTruth::new(vec![1], truth().categories().to_vec(), vec![bad]).unwrap_err();
    assert_eq!(error.place, "annotations[0].bbox");
}

const MASK_TRUTH: &str = r#"{"images":[{"id":1,"height":4,"width":5}],"categories":[{"id":3}],
    "annotations":[{"id":1,"image_id":1,"category_id":3,"bbox":[0,0,4,4],"segmentation":[[0,0,0,4,4,4,4,0]]}]}"#;

const MASK_DETECTIONS: &str = r#"[{"image_id":1,"category_id":3,"segmentation":{"size":[4,5],"counts":[0,16,4]},"score":0.5}]"#;

/// `from` stands once in the annotation file; with `to` in its place boxes are evaluated, masks are
/// an error.
#[track_caller]
fn assert_bad_truth_mask(from: &str, to: &str, place: &str, problem: &str) {
    assert_eq!(MASK_TRUTH.matches(from).count(), 1, "{from}");
    let truth = GroundTruth::from_json(MASK_TRUTH.replace(from, to).as_bytes()).unwrap();
    let detections = DetectionBox::all_from_json(MASK_DETECTIONS.as_bytes(), &truth).unwrap();
    assert!((evaluate(&truth, &detections).unwrap().ap.unwrap() - 1.0).abs() < 1e-12);
    let error = evaluate_masks(&truth, &detections).unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.problem.contains(problem), "{error}");
}

#[test]
fn masks_of_the_ground_truth() {
    let (polygons, place) = ("[[0,0,0,4,4,4,4,0]]", "annotations[0].segmentation");
    assert_bad_truth_mask(
        r#","segmentation":[[0,0,0,4,4,4,4,0]]"#,
        "",
        place,
        "missing or empty",
    );
    assert_bad_truth_mask(polygons, "[]", place, "missing or empty");
    assert_bad_truth_mask(polygons, "null", place, "missing or empty");
    assert_bad_truth_mask(polygons, r#""all of it""#, place, "a list of polygons or");
    assert_bad_truth_mask(
        polygons,
        "[[0,0,0,4,4,4],[0,0,4,4]]",
        "annotations[0].segmentation[1]",
        "4 numbers, expected 6 or more",
    );
    assert_bad_truth_mask(
        polygons,
        r#"[[0,0,0,4,4,"4"]]"#,
        "annotations[0].segmentation[0][5]",
        "expected a number, found '4'",
    );
    assert_bad_truth_mask(
        polygons,
        r#"{"size":[4,5],"counts":[20.5]}"#,
        "annotations[0].segmentation.counts[0]",
        "expected a whole number, 0 or more",
    );
    assert_bad_truth_mask(
        polygons,
        r#"{"size":[4,5],"counts":[19]}"#,
        place,
        "counts: the counts add up to 19",
    );
    assert_bad_truth_mask(
        polygons,
        r#"{"size":[5,4],"counts":[20]}"#,
        place,
        "size is [5, 4], but its image has height 4 and width 5",
    );
    assert_bad_truth_mask(
        r#","height":4"#,
        "",
        place,
        "no height and width of their image",
    );
    assert_bad_truth_mask(
        r#""height":4"#,
        r#""height":"four""#,
        place,
        "no height and width of their image",
    );
}

#[track_caller]
fn assert_bad_detection_mask(from: &str, to: &str, place: &str, problem: &str) {
    assert_eq!(MASK_DETECTIONS.matches(from).count(), 1, "{from}");
    let truth = GroundTruth::from_json(MASK_TRUTH.as_bytes()).unwrap();
    let json = MASK_DETECTIONS.replace(from, to);
    let detections = DetectionBox::all_from_json(json.as_bytes(), &truth);
    let error = detections
        .and_then(|detections| evaluate_masks(&truth, &detections))
        .unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.problem.contains(problem), "{error}");
}

#[test]
fn masks_of_the_detections() {
    let (key, place) = (
        r#""segmentation":{"size":[4,5],"counts":[0,16,4]}"#,
        "[0].segmentation",
    );
    assert_bad_detection_mask(key, r#""bbox":[0,0,4,4]"#, place, "missing or empty");
    assert_bad_detection_mask(
        key,
        r#""segmentation":[]"#,
        "[0]",
        "missing field `bbox`, or `segmentation` in its place",
    );
    assert_bad_detection_mask(
        "[4,5]",
        "[5,4]",
        place,
        "size is [5, 4], but its image has height 4 and width 5",
    );
    assert_bad_detection_mask(
        "[0,16,4]",
        r#""0`14""#,
        place,
        "counts: the counts add up to",
    );
    assert_bad_detection_mask(
        "[0,16,4]",
        r#""0 04""#,
        place,
        "counts: the byte 0x20 at character 1",
    );
    assert_bad_detection_mask(
        r#""image_id":1"#,
        r#""image_id":2"#,
        "[0].image_id",
        "no image with the id 2",
    );
}

#[test]
fn masks_that_come_from_no_file() {
    let truth = GroundTruth::from_json(MASK_TRUTH.as_bytes()).unwrap();
    let mut detections = DetectionBox::all_from_json(MASK_DETECTIONS.as_bytes(), &truth).unwrap();
    assert!((evaluate_masks(&truth, &detections).unwrap().ap.unwrap() - 1.0).abs() < 1e-12);
    detections[0].mask = Some(Rle::from_pixels(&[true; 20], 5, 4));
    assert_eq!(
        evaluate_masks(&truth, &detections).unwrap_err().to_string(),
        "[0].segmentation: a mask of height and width [5, 4], another one of image 1 has [4, 5]"
    );
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
    assert_eq!(
        (truth.boxes()[0].area, truth.boxes()[0].crowd),
        (20.0, false)
    );
    assert!(truth.boxes()[1].crowd);
}

#[test]
fn numbers_of_a_box_may_stand_in_quotes() {
    let quoted = TRUTH.replace("[0,0,4,4]", r#"["0","0","4.0","4"]"#);
    let quoted = GroundTruth::from_json(quoted.as_bytes()).unwrap();
    assert_eq!(quoted.boxes(), truth().boxes());
    assert_truth_error(
        "[0,0,4,4]",
        "[0,0,null,4]",
        "annotations[0].bbox[2]",
        "expected a number, found null",
    );
}
