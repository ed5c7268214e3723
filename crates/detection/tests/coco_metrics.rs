//! The COCO figures against those of pycocotools 2.0.11.

use std::path::PathBuf;

use ablate_detection::metrics::coco::{
    Category, CocoMetrics, DetectionBox, GroundTruth, GroundTruthBox, Id, evaluate, evaluate_masks,
};
use serde_json::Value;

fn fixture(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/coco_map")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn read(case: &Value) -> (GroundTruth, Vec<DetectionBox>) {
    let truth = GroundTruth::from_json(case["gt"].to_string().as_bytes()).unwrap();
    let detections =
        DetectionBox::all_from_json(case["dt"].to_string().as_bytes(), &truth).unwrap();
    (truth, detections)
}

fn metrics_of(case: &Value) -> CocoMetrics {
    let (truth, detections) = read(case);
    evaluate(&truth, &detections).unwrap()
}

fn mask_metrics_of(case: &Value) -> CocoMetrics {
    let (truth, detections) = read(case);
    evaluate_masks(&truth, &detections).unwrap()
}

#[track_caller]
fn assert_figure(what: &str, ours: Option<f64>, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    let ours = ours.unwrap_or(-1.0);
    assert!(
        (ours - expected).abs() < 1e-12,
        "{what}: {ours}, pycocotools {expected}"
    );
}

#[track_caller]
fn assert_case(name: &str, case: &Value) {
    assert_metrics(name, case, &metrics_of(case));
}

#[track_caller]
fn assert_metrics(name: &str, case: &Value, metrics: &CocoMetrics) {
    let stats = case["stats"].as_array().unwrap();
    assert_eq!(stats.len(), 12);
    for ((figure, ours), expected) in metrics.figures().into_iter().zip(stats) {
        assert_figure(&format!("{name}, {figure}"), ours, expected);
    }
    let per_category = case["per_category_ap_ap50"].as_object().unwrap();
    assert_eq!(metrics.per_category.len(), per_category.len());
    for category in &metrics.per_category {
        // Python prints 7.0 where we have 7, but the names are made of what it prints.
        let id = category.id.to_string();
        let printed = category.name.strip_prefix('c').unwrap_or_default();
        let expected = per_category
            .get(&id)
            .unwrap_or_else(|| &per_category[printed]);
        let of = &category.name;
        assert_figure(&format!("{name}, AP of {of}"), category.ap, &expected[0]);
        assert_figure(
            &format!("{name}, AP50 of {of}"),
            category.ap50,
            &expected[1],
        );
    }
}

#[test]
fn plain() {
    assert_case("plain", &fixture("plain.json"));
}

#[test]
fn score_ties_and_crowds() {
    assert_case("ties_crowd", &fixture("ties_crowd.json"));
}

#[test]
fn a_category_without_a_box() {
    let case = fixture("absent_category.json");
    assert_case("absent_category", &case);
    let metrics = metrics_of(&case);
    let absent = metrics.per_category.last().unwrap();
    assert_eq!(
        (&absent.id, absent.ap, absent.ap50, absent.instances),
        (&Id::from(11_u64), None, None, 0)
    );
}

#[test]
fn more_than_100_detections_in_an_image() {
    assert_case("over_100_dets", &fixture("over_100_dets.json"));
}

/// Crowds, ties of scores and overlaps, empty images, absent categories and sizes, annotation id 0,
/// boxes without area.
#[test]
fn random_cases() {
    let cases = fixture("random.json");
    for (index, case) in cases.as_array().unwrap().iter().enumerate() {
        assert_case(&format!("random {index}"), case);
    }
}

/// Ids that are floats, signed or text, that come twice or are 0; annotations and detections of what
/// the file does not list; flags of every kind; integer scores; no detections.
#[test]
fn files_as_tools_write_them() {
    let cases = fixture("ids.json");
    for (index, case) in cases.as_array().unwrap().iter().enumerate() {
        assert_case(&format!("ids {index}"), case);
    }
}

/// What pycocotools computes, whichever of the two files has its ids as text or with a point.
#[test]
fn ids_are_matched_by_their_meaning() {
    let case = fixture("plain.json");
    let expected = metrics_of(&case);
    let rewritten = |rows: &Value, id: fn(&Value) -> Value| {
        let mut rows = rows.clone();
        for row in rows.as_array_mut().unwrap() {
            for key in ["image_id", "category_id"] {
                row[key] = id(&row[key]);
            }
        }
        rows
    };
    for id in [(|id| id.to_string().into()) as fn(&Value) -> Value, |id| {
        id.as_f64().unwrap().into()
    }] {
        let mut case = case.clone();
        case["dt"] = rewritten(&case["dt"], id);
        assert_eq!(metrics_of(&case), expected);
        case["gt"]["annotations"] = rewritten(&case["gt"]["annotations"], id);
        assert_eq!(metrics_of(&case), expected);
    }
}

/// Names where numbers are usual; the detections come from a Windows editor.
#[test]
fn ids_may_be_names() {
    let truth = r#"{"images":[{"id":"b.jpg"},{"id":"a.jpg"}],"categories":[{"id":"cat","name":"cat"}],
        "annotations":[{"image_id":"a.jpg","category_id":"cat","bbox":[10,10,20,20],"area":"400","iscrowd":null}]}"#;
    let truth = GroundTruth::from_json(format!("\u{FEFF}{truth}").as_bytes()).unwrap();
    let found = r#"[{"image_id":"a.jpg","category_id":"cat","bbox":[10,10,20,20],"score":1},
        {"image_id":"a.jpg","category_id":"dog","bbox":[10,10,20,20],"score":2}]"#;
    let utf16: Vec<u8> = found.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found = DetectionBox::all_from_json(&utf16, &truth).unwrap();
    let metrics = evaluate(&truth, &found).unwrap();
    assert!((metrics.ap.unwrap() - 1.0).abs() < 1e-12);
    assert_eq!((metrics.ar_small, metrics.images), (Some(1.0), 2));
    assert_eq!(metrics.per_category[0].id, "cat".into());
}

/// The largest number is an id as any other, and no category that the ground truth does not know.
#[test]
fn an_id_may_be_the_largest_number() {
    let largest = u64::MAX;
    let truth = format!(
        r#"{{"images":[{{"id":1}}],"categories":[{{"id":{largest},"name":"cat\u001b"}}],
        "annotations":[{{"id":1,"image_id":1,"category_id":{largest},"bbox":[10,10,20,20]}}]}}"#
    );
    let truth = GroundTruth::from_json(truth.as_bytes()).unwrap();
    let found = format!(
        r#"[{{"image_id":1,"category_id":{largest},"bbox":[10,10,20,20],"score":0.9}},
        {{"image_id":1,"category_id":5,"bbox":[50,50,20,20],"score":0.95}}]"#
    );
    let found = DetectionBox::all_from_json(found.as_bytes(), &truth).unwrap();
    let metrics = evaluate(&truth, &found).unwrap();
    assert!((metrics.ap.unwrap() - 1.0).abs() < 1e-12, "{metrics:?}");
    let cat = &metrics.per_category[0];
    assert_eq!(
        (&cat.id, cat.name.as_str()),
        (&largest.into(), "cat\\u{1b}")
    );
}

/// Polygons of many parts and beyond the image, run lengths in both forms, crowds, ties, masks
/// without a pixel, more than 100 detections.
#[test]
fn random_masks() {
    let cases = fixture("mask_random.json");
    for (index, case) in cases.as_array().unwrap().iter().enumerate() {
        assert_metrics(
            &format!("random masks {index}"),
            &case["segm"],
            &mask_metrics_of(case),
        );
        assert_metrics(
            &format!("boxes of random masks {index}"),
            &case["bbox"],
            &metrics_of(case),
        );
    }
}

#[test]
fn figures_serialise_under_their_names() {
    let metrics = metrics_of(&fixture("absent_category.json"));
    let json = serde_json::to_value(&metrics).unwrap();
    for (name, figure) in metrics.figures() {
        assert_eq!(json[name].as_f64(), figure, "{name}");
    }
    assert_eq!(json["per_category"][3]["AP"], Value::Null);
    assert_eq!(
        json["per_category"][1]["AP"],
        metrics.per_category[1].ap.unwrap()
    );
    assert_eq!(
        serde_json::from_value::<CocoMetrics>(json).unwrap(),
        metrics
    );
}

/// One object, found; no detection at all; and the order of the list, which only ties may look at.
#[test]
fn what_can_be_seen_without_counting() {
    let truth = GroundTruth::from_json(
        br#"{"images":[{"id":1},{"id":2}],"categories":[{"id":1,"name":"a"}],
             "annotations":[{"id":1,"image_id":2,"category_id":1,"bbox":[10,10,20,20]}]}"#,
    )
    .unwrap();
    let found = br#"[{"image_id":2,"category_id":1,"bbox":[10,10,20,20],"score":0.3}]"#;
    let found = DetectionBox::all_from_json(found, &truth).unwrap();
    let metrics = evaluate(&truth, &found).unwrap();
    assert!((metrics.ap.unwrap() - 1.0).abs() < 1e-12);
    assert_eq!((metrics.ar_1, metrics.ap_large), (Some(1.0), None));

    let metrics = evaluate(&truth, &[]).unwrap();
    assert_eq!(
        (metrics.ap, metrics.ar_100, metrics.ap_medium),
        (Some(0.0), Some(0.0), None)
    );

    let mut case = fixture("plain.json");
    let straight = metrics_of(&case);
    case["dt"].as_array_mut().unwrap().reverse();
    assert_eq!(metrics_of(&case), straight);
}

/// As many as a data set may have; each is looked at once.
#[test]
fn a_hundred_thousand_categories() {
    let category = |id: u64| Category {
        id,
        name: format!("n{id}"),
    };
    let truth = GroundTruth::new(
        vec![1],
        (0..100_000).map(category).collect(),
        vec![GroundTruthBox {
            image_id: 1,
            category_id: 99_999,
            bbox: [0.0, 0.0, 4.0, 4.0],
            area: 16.0,
            crowd: false,
            mask: None,
        }],
    )
    .unwrap();
    let metrics = evaluate(&truth, &[]).unwrap();
    let last = metrics.per_category.last().unwrap();
    assert_eq!((metrics.instances, last.instances), (1, 1));
    assert_eq!(
        (metrics.ap, metrics.per_category.len()),
        (Some(0.0), 100_000)
    );
}
