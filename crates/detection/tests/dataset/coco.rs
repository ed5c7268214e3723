use ablate_detection::dataset::{Id, Split, Subject};
use ablate_detection::mask::Segmentation;

use crate::images::turn;
use crate::{Folder, corners, problems};

const YAML: &str = "format: coco\npath: set\ntrain: {images: pictures, annotations: train.json}\n";

fn folder(annotations: &str) -> Folder {
    let folder = Folder::new();
    folder.image("set/pictures/a.png", 40, 20);
    folder.image("set/pictures/b.png", 30, 30);
    folder.write("coco.yaml", YAML);
    folder.write(
        "set/train.json",
        &format!(
            r#"{{"info": {{}},
            "images": [{{"id": 7, "file_name": "a.png", "width": 40, "height": 20}},
                       {{"id": 3, "file_name": "b.png", "width": 30, "height": 30}},
                       {{"id": 9, "file_name": "none.png", "width": 30, "height": 30}}],
            "categories": [{{"id": 90, "name": "dog"}}, {{"id": 2, "name": "cat", "supercategory": "pet"}}],
            "annotations": [{annotations}]}}"#
        ),
    );
    folder
}

#[test]
fn keeps_ids_areas_and_crowds_and_numbers_classes_by_category_id() {
    let set = folder(
        r#"{"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5.5], "area": 33.25, "iscrowd": 0, "segmentation": [[1, 2, 11, 2, 11, 7.5]]},
           {"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 30, 30], "area": 400, "iscrowd": 1, "segmentation": {"counts": [450, 450], "size": [30, 30]}},
           {"id": 3, "image_id": 3, "category_id": 2, "bbox": [20, 20, 15, 5]}"#,
    )
    .open("coco.yaml", Split::Train)
    .unwrap();
    assert_eq!(
        (set.classes.as_slice(), set.category_ids.as_slice()),
        (
            ["cat", "dog"].map(String::from).as_slice(),
            [2_u64, 90].map(Id::from).as_slice()
        )
    );
    assert_eq!(
        set.samples
            .iter()
            .map(|sample| sample.id)
            .collect::<Vec<_>>(),
        [7, 3]
    );
    assert_eq!(corners(&set, 0), [[1.0, 2.0, 11.0, 7.5]]);
    let (first, crowd, third) = (
        &set.samples[0].annotations[0],
        &set.samples[1].annotations[0],
        &set.samples[1].annotations[1],
    );
    assert_eq!(
        (first.class, first.area, first.crowd),
        (1, Some(33.25), false)
    );
    assert_eq!(
        (crowd.class, crowd.area, crowd.crowd),
        (0, Some(400.0), true)
    );
    assert_eq!(
        first.mask,
        Some(Segmentation::Polygons(vec![vec![
            [1.0, 2.0],
            [11.0, 2.0],
            [11.0, 7.5]
        ]]))
    );
    assert_eq!(
        crowd
            .mask
            .as_ref()
            .map(|mask| mask.to_rle(30, 30).unwrap().area()),
        Some(450)
    );
    assert_eq!(third.mask, None);
    assert!(
        set.check_masks()
            .unwrap_err()
            .to_string()
            .contains("has an object with a box but no mask")
    );
    assert_eq!((set.annotation_count(), set.ignored_count()), (3, 1));
    assert_eq!((third.bbox.x2, third.area), (30.0, None), "clipped");
    assert_eq!(set.problems.clipped, 1);
    assert_eq!(
        problems(&set),
        [("none.png".into(), None, "missing image".into())]
    );
}

#[test]
fn leaves_out_bad_rows() {
    let set = folder(
        r#"{"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5]},
           {"id": 2, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 0]},
           {"id": 3, "image_id": 7, "category_id": 5, "bbox": [1, 2, 10, 5]},
           {"id": 4, "image_id": 8, "category_id": 2, "bbox": [1, 2, 10, 5]},
           {"id": 5, "image_id": 7, "category_id": 2, "bbox": [50, 2, 10, 5]},
           {"id": 6, "image_id": 7, "category_id": 2, "bbox": [1, 2, "x", 5]},
           {"id": 7, "image_id": 7, "category_id": 2},
           {"id": 8, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5]},
           {"image_id": 7, "category_id": 2, "bbox": [1, 2, -3, 5]},
           {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 5, 0.9]},
           {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 5], "iscrowd": "some"},
           {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 5], "area": "large"},
           {"image_id": [7], "category_id": 2, "bbox": [1, 2, 3, 5]},
           {"image_id": 7, "category_id": 2, "bbox": [1e300, 2, 1e300, 5]}"#,
    )
    .open("coco.yaml", Split::Train)
    .unwrap();
    assert_eq!(set.annotation_count(), 1);
    assert_eq!((set.problems.images(), set.problems.annotations()), (1, 13));
    let text = set.problems.summary(20);
    for part in [
        "annotations[1]: box without area",
        "annotations[2].category_id: no category has the id 5",
        "annotations[3].image_id: no image has the id 8",
        "annotations[4]: box (50, 2, 60, 7) lies outside the 40×20 image",
        "annotations[5].bbox: expected four numbers, found [1,2,\"x\",5]",
        "annotations[6].bbox: expected four numbers, found null",
        "annotations[7]: the same box",
        "annotations[8]: box without area",
        "annotations[9].bbox: expected four numbers, found [1,2,3,5,0.9]",
        "annotations[10].iscrowd: expected 0 or 1, found \"some\"",
        "annotations[11].area: expected a number, found \"large\"",
        "annotations[12].image_id: expected a number or a string, found [7]",
        "annotations[13]: box (1e300, 2, 2e300, 7) lies outside the 40×20 image",
    ] {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
}

#[test]
fn names_choose_and_order_the_classes() {
    let folder = folder(
        r#"{"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5]},
           {"id": 2, "image_id": 7, "category_id": 2, "bbox": [1, 2, 10, 5]}"#,
    );
    folder.write("coco.yaml", &format!("{YAML}names: [dog]\n"));
    let set = folder.open("coco.yaml", Split::Train).unwrap();
    assert_eq!(
        (set.classes.as_slice(), set.annotation_count()),
        (["dog".to_owned()].as_slice(), 1)
    );
    folder.write("coco.yaml", &format!("{YAML}names: [dog, horse]\n"));
    let error = folder
        .open("coco.yaml", Split::Train)
        .unwrap_err()
        .to_string();
    assert!(error.contains("'horse'"), "{error}");
}

#[test]
fn an_image_of_another_size_than_stated_is_left_out() {
    let folder = folder(
        r#"{"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5]},
           {"id": 2, "image_id": 3, "category_id": 2, "bbox": [1, 2, 10, 5]}"#,
    );
    folder.image("set/pictures/b.png", 60, 60);
    let set = folder.open("coco.yaml", Split::Train).unwrap();
    assert_eq!(set.samples.len(), 1);
    assert!(
        set.problems
            .summary(9)
            .contains("the image is 60×60 but its annotation says 30×30")
    );
}

/// A camera was turned, and the annotation tool did not know.
#[test]
fn an_image_annotated_as_it_is_stored_is_named() {
    let folder = folder(r#"{"id": 1, "image_id": 3, "category_id": 2, "bbox": [1, 2, 10, 5]}"#);
    let stored = folder.image("turned.jpg", 40, 20);
    let mut jpeg = std::fs::read(stored).unwrap();
    turn(&mut jpeg);
    std::fs::write(folder.path("set/pictures/a.png"), jpeg).unwrap();
    let set = folder.open("coco.yaml", Split::Train).unwrap();
    assert_eq!(
        problems(&set)[0].2,
        "the image is 20×40 but its annotation says 40×20: EXIF turns it by 90°; annotate the upright image, or remove the orientation"
    );
}

/// As Windows writes it.
#[test]
fn file_names_may_have_backslashes() {
    let folder = folder("");
    folder.image("set/pictures/deep/c.png", 40, 20);
    let json = r#"{"images": [{"id": 1, "file_name": "deep\\c.png", "width": 40, "height": 20}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 5]}]}"#;
    folder.write("set/train.json", json);
    let set = folder.open("coco.yaml", Split::Train).unwrap();
    assert_eq!((set.samples.len(), problems(&set).len()), (1, 0));
}

/// Ids of text and with a point, flags and sizes of every kind, in a file of a Windows editor.
#[test]
fn ids_and_flags_are_read_by_their_meaning() {
    let folder = folder("");
    let json = r#"{"images": [{"id": "b.jpg", "file_name": "b.png", "width": "30", "height": 30.0},
                   {"id": "7", "file_name": "a.png", "width": 40, "height": null}],
        "categories": [{"id": "10", "name": "dog"}, {"id": "9", "name": "cat"}],
        "annotations": [
            {"image_id": 7, "category_id": 10, "bbox": [1, 2, 10, 5], "iscrowd": null, "area": null},
            {"image_id": "7.0", "category_id": "9", "bbox": [2, 2, 10, 5], "iscrowd": 0.0, "area": "12.5"},
            {"image_id": "b.jpg", "category_id": 9.0, "bbox": [3, 2, 10, 5], "iscrowd": "0"},
            {"image_id": "b.jpg", "category_id": 9.0, "bbox": [4, 2, 10, 5], "iscrowd": true},
            {"image_id": "c.jpg", "category_id": "8", "bbox": [4, 2, 10, 5]}]}"#;
    let utf16: Vec<u8> = format!("\u{FEFF}{json}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(folder.path("set/train.json"), utf16).unwrap();
    let set = folder.open("coco.yaml", Split::Train).unwrap();
    assert_eq!(set.classes, ["cat", "dog"]);
    assert_eq!(set.category_ids, ["9", "10"].map(Id::from));
    let ids: Vec<_> = (set.samples.iter())
        .map(|sample| (sample.id, sample.own_id.clone()))
        .collect();
    assert_eq!(ids, [(1, "b.jpg".into()), (0, "7".into())]);
    let of = |sample: usize| {
        let annotations = &set.samples[sample].annotations;
        Vec::from_iter(annotations.iter().map(|a| (a.class, a.crowd, a.area)))
    };
    assert_eq!(of(0), [(0, false, None), (0, true, None)]);
    assert_eq!(of(1), [(1, false, None), (0, false, Some(12.5))]);
    assert_eq!(
        problems(&set)[0].2,
        "annotations[4].image_id: no image has the id 'c.jpg'"
    );
}

#[test]
fn a_broken_mask_costs_the_mask_and_not_the_box() {
    let segmentations = [
        "[]",
        "null",
        "[1, 1, 9, 1, 9, 6]",
        "[[1, 1, 9, 1, 9, 6], []]",
        "[[]]",
        "[[1, 1, 9, 6]]",
        "[[[1, 1], [9, 1], [9, 6]]]",
        "[1, 1, 9, 6]",
        r#"{"size": [30, 30], "counts": [900]}"#,
        r#"{"size": [20, 40], "counts": "?"}"#,
        r#""none""#,
    ];
    let rows = segmentations.iter().enumerate().map(|(index, segmentation)| {
        format!(r#"{{"image_id": 7, "category_id": 90, "bbox": [1, {index}, 10, 5], "segmentation": {segmentation}}}"#)
    });
    let set = folder(&Vec::from_iter(rows).join(","))
        .open("coco.yaml", Split::Train)
        .unwrap();
    assert_eq!(set.annotation_count(), segmentations.len());
    let masks = (set.samples[0].annotations.iter()).filter_map(|a| a.mask.as_ref());
    let triangle = Segmentation::Polygons(vec![vec![[1.0, 1.0], [9.0, 1.0], [9.0, 6.0]]]);
    assert_eq!(Vec::from_iter(masks), [&triangle, &triangle]);
    assert_eq!((set.problems.annotations(), set.problems.masks()), (0, 7));
    let text = set.problems.summary(20);
    for part in [
        "annotations[4].segmentation: no polygon",
        "annotations[5].segmentation: 4 numbers, expected 6 or more",
        "annotations[6].segmentation: expected a number, found a list",
        "annotations[7].segmentation: 4 numbers",
        "annotations[8]: expected a mask of 40×20 pixels, as the image, found 30×30",
        "annotations[9].segmentation: counts: ",
        "annotations[10].segmentation: ",
    ] {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
    assert!(set.check_masks().is_err());
}

/// Augmentation takes boxes from masks.
#[test]
fn a_mask_that_contradicts_its_box_is_left_out() {
    let rle = |x1: usize, x2: usize| {
        let (before, inside) = (x1 * 20, (x2 - x1) * 20);
        let after = 800 - before - inside;
        format!(r#"{{"size": [20, 40], "counts": [{before}, {inside}, {after}]}}"#)
    };
    let cases = [
        // Looser than the outline, and cut off by the border.
        ("[2, 2, 20, 10]", "[[4, 3, 21, 3, 21, 11]]".to_owned(), None),
        ("[30, 5, 20, 10]", "[[30, 5, 50, 5, 50, 15]]".into(), None),
        ("[10, 0, 10, 20]", rle(10, 20), None),
        // A pixel wide, in whole pixels.
        ("[10.4, 0, 0.4, 20]", rle(10, 11), None),
        (
            "[4, 2, 20, 10]",
            "[[0.1, 0.1, 0.6, 0.1, 0.6, 0.6]]".into(),
            Some(
                "it is within (0.1, 0.1, 0.6, 0.6), the box is (4, 2, 24, 12); it looks like shares of the image, not pixels",
            ),
        ),
        (
            "[1, 2, 10, 10]",
            "[[20, 2, 30, 2, 30, 12]]".into(),
            Some("it is within (20, 2, 30, 12), the box is (1, 2, 11, 12)"),
        ),
        (
            "[1, 1, 10, 10]",
            "[[50, 30, 60, 30, 60, 40]]".into(),
            Some("it is within (40, 20, 40, 20)"),
        ),
        (
            "[10, 0, 10, 20]",
            rle(30, 40),
            Some("it is within (30, 0, 40, 20)"),
        ),
        ("[10, 0, 10, 20]", rle(0, 0), Some("the mask has no pixel")),
    ];
    for (bbox, segmentation, expected) in cases {
        let row = format!(
            r#"{{"image_id": 7, "category_id": 90, "bbox": {bbox}, "segmentation": {segmentation}}}"#
        );
        let set = folder(&row).open("coco.yaml", Split::Train).unwrap();
        let object = &set.samples[0].annotations[0];
        assert_eq!(object.mask.is_some(), expected.is_none(), "{segmentation}");
        assert_eq!((set.annotation_count(), set.problems.annotations()), (1, 0));
        let told = set
            .problems
            .list
            .iter()
            .find(|p| p.subject == Subject::Mask);
        let told = told.map(|problem| problem.reason.as_str());
        match (told, expected) {
            (None, None) => {}
            (Some(told), Some(expected)) => {
                assert!(
                    told.starts_with("annotations[0]: ") && told.contains(expected),
                    "{told}"
                );
            }
            found => panic!("{segmentation}: {found:?}"),
        }
    }
}

#[test]
fn boxes_in_shares_are_named() {
    let rows = r#"{"image_id": 7, "category_id": 90, "bbox": [0.1, 0.2, 0.5, 0.4]},
                  {"image_id": 3, "category_id": 2, "bbox": [0, 0, 1, 1]}"#;
    let error = folder(rows).error("coco.yaml", Split::Train);
    assert!(
        error.contains("expected at least one box, found none; 1 image and 2 annotations left out")
            && error.contains("annotations[0]: bbox [0.1, 0.2, 0.5, 0.4] looks like shares of the 40×20 image; this format has pixels"),
        "{error}"
    );
    // Small, but not in the first pixel.
    let pixels = r#", {"image_id": 3, "category_id": 2, "bbox": [0.5, 0.5, 0.9, 0.9]}"#;
    let set = folder(&(rows.to_owned() + pixels))
        .open("coco.yaml", Split::Train)
        .unwrap();
    assert_eq!((set.annotation_count(), set.problems.annotations()), (1, 2));
}

#[test]
fn odd_areas_and_flags_are_told_with_what_is_used() {
    let set = folder(
        r#"{"image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5], "area": -3, "iscrowd": 1},
           {"image_id": 7, "category_id": 90, "bbox": [2, 2, "10", " 5.5"], "area": 3, "iscrowd": 2},
           {"image_id": 7, "category_id": 90, "bbox": [3, 2, 10, 5], "iscrowd": false}"#,
    )
    .open("coco.yaml", Split::Train)
    .unwrap();
    let all: Vec<_> = (set.samples[0].annotations.iter())
        .map(|a| (a.crowd, a.area))
        .collect();
    assert_eq!(all, [(true, None), (true, Some(3.0)), (false, None)]);
    assert_eq!(set.samples[0].annotations[1].bbox.y2, 7.5, "in quotes");
    let notes: Vec<_> = (set.problems.list.iter())
        .filter(|problem| problem.subject == Subject::Note)
        .map(|problem| problem.reason.as_str())
        .collect();
    assert_eq!(
        notes,
        [
            "annotations[0].area: expected 0 or more, found -3; the box's area is used",
            "annotations[1].iscrowd: expected 0 or 1, found 2; taken for 1, a crowd",
        ]
    );
    assert_eq!((set.problems.annotations(), set.problems.masks()), (0, 0));
}

#[test]
fn errors_name_file_and_key() {
    let folder = folder("");
    let error = folder
        .open("coco.yaml", Split::Val)
        .unwrap_err()
        .to_string();
    assert!(error.contains("coco.yaml: key `val`"), "{error}");
    let error = folder
        .open("coco.yaml", Split::Train)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("expected at least one box, found none"),
        "{error}"
    );
    folder.write("set/train.json", "{\"images\": 3}");
    let error = folder
        .open("coco.yaml", Split::Train)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("train.json: images: expected a list, found 3"),
        "{error}"
    );
    for (from, to, place) in [
        (
            r#""file_name": "b.png", "#,
            "",
            "train.json: images[1]: missing field `file_name`",
        ),
        (
            r#""id": 3, "#,
            r#""id": null, "#,
            "train.json: images[1].id: ",
        ),
        (
            r#""width": 30"#,
            r#""width": "wide""#,
            "train.json: images[1].width: ",
        ),
        (
            r#""name": "dog""#,
            r#""name": [4]"#,
            "train.json: categories[0].name: ",
        ),
        (
            r#""id": 2,"#,
            r#""id": 90.0,"#,
            "train.json: categories[1].id: 90 is the id of categories[0] already",
        ),
        ("30}],", "NaN}],", "train.json: images[2].height: "),
    ] {
        let folder = self::folder("");
        let path = folder.path("set/train.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        folder.write("set/train.json", &text.replacen(from, to, 1));
        let error = folder
            .open("coco.yaml", Split::Train)
            .unwrap_err()
            .to_string();
        assert!(error.contains(place), "{error}");
    }
    folder.write(
        "set/train.json",
        " [{\"image_id\": 7, \"bbox\": [1, 2, 10, 5]}]",
    );
    let error = folder.error("coco.yaml", Split::Train);
    assert!(
        error.starts_with("set/train.json: expected {images: ")
            && error.contains(", found a list, as detections are saved; give the annotation file"),
        "{error}"
    );
    folder.write("coco.yaml", &format!("{YAML}trian: 3\n"));
    let error = folder
        .open("coco.yaml", Split::Train)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("coco.yaml") && error.contains("trian"),
        "{error}"
    );
}

#[test]
fn two_images_of_one_id_are_an_error_since_their_boxes_are_anyone_s() {
    let folder = folder(r#"{"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5]}"#);
    let json = std::fs::read_to_string(folder.path("set/train.json")).unwrap();
    folder.write("set/train.json", &json.replace("\"id\": 3", "\"id\": 7"));
    assert_eq!(
        folder.error("coco.yaml", Split::Train),
        "set/train.json: images[1].id: 7 is the id of images[0] already, of another file (b.png); give each image an id of its own"
    );
    // One image that is listed twice is used once.
    let twice = r#"{"id": 7, "file_name": "a.png"}"#;
    let first = "\"images\": [";
    folder.write(
        "set/train.json",
        &json.replace(first, &format!("{first}{twice}, ")),
    );
    let set = folder.open("coco.yaml", Split::Train).unwrap();
    let note = problems(&set)
        .into_iter()
        .find(|(_, _, reason)| reason.contains("images[1].id"));
    assert!(
        note.unwrap()
            .2
            .ends_with("already; it is used once (a.png)")
    );
    assert_eq!(set.problems.images(), 1, "none.png alone");
    assert_eq!(set.annotation_count(), 1);
}

#[test]
fn names_can_t_tell_categories_of_one_name_apart() {
    let folder = folder(r#"{"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5]}"#);
    let json = std::fs::read_to_string(folder.path("set/train.json")).unwrap();
    folder.write("set/train.json", &json.replace("\"dog\"", "\"cat\""));
    folder.write("coco.yaml", &format!("{YAML}names: [cat]\n"));
    let error = folder.error("coco.yaml", Split::Train);
    assert!(
        error.contains(
            "categories[1].name: 'cat', which `names` lists, is the name of categories[0] too"
        ),
        "{error}"
    );
}

#[test]
fn categories_of_one_name_stay_apart() {
    let folder = folder(r#"{"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5]}"#);
    let json = std::fs::read_to_string(folder.path("set/train.json")).unwrap();
    folder.write("set/train.json", &json.replace("\"dog\"", "\"cat\""));
    let set = folder.open("coco.yaml", Split::Train).unwrap();
    assert_eq!(set.classes, ["cat (id 2)", "cat (id 90)"]);
    assert_eq!(set.samples[0].annotations[0].class, 1);
}

#[test]
fn an_annotation_file_is_no_description() {
    let folder = Folder::new();
    let text = r#"{"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}"#;
    folder.write("_annotations.coco.json", text);
    let error = folder.error("_annotations.coco.json", Split::Train);
    assert!(
        error.starts_with("_annotations.coco.json: expected a description in YAML, found COCO's JSON itself; write a YAML file with `format: coco`"),
        "{error}"
    );
    // YAML may be written with braces.
    folder.write(
        "data.json",
        r#"{"train": "images", "names": ["categories"]}"#,
    );
    let error = folder.error("data.json", Split::Train);
    assert!(error.contains("key `train`"), "{error}");
}

#[test]
fn annotations_must_be_there() {
    let folder = Folder::new();
    folder.image("images/a.png", 8, 8);
    let text = r#"{"images": [{"id": 1, "file_name": "a.png"}], "annotation": [], "categories": [{"id": 1, "name": 5}]}"#;
    folder.write("a.json", text);
    folder.write(
        "data.yaml",
        "format: coco\ntrain: {images: images, annotations: a.json}\n",
    );
    let error = folder.error("data.yaml", Split::Train);
    assert!(
        error.starts_with("a.json: missing field `annotations`"),
        "{error}"
    );
    // A number may be a name.
    let row = r#""annotations": [{"image_id": 1, "category_id": 1, "bbox": ["1", "1", "4", "4"]}]"#;
    folder.write("a.json", &text.replace(r#""annotation": []"#, row));
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(
        (set.classes.as_slice(), set.annotation_count()),
        (&["5".to_owned()][..], 1)
    );
}
