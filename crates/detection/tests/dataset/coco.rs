use ablate_detection::dataset::Split;
use ablate_detection::mask::Segmentation;

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
        r#"{"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 10, 5.5], "area": 33.25, "iscrowd": 0, "segmentation": [[1, 2, 3, 4, 5, 6]]},
           {"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 30, 30], "area": 400, "iscrowd": 1, "segmentation": {"counts": [450, 450], "size": [30, 30]}},
           {"id": 3, "image_id": 3, "category_id": 2, "bbox": [20, 20, 15, 5]}"#,
    )
    .open("coco.yaml", Split::Train)
    .unwrap();
    assert_eq!(
        (set.classes.as_slice(), set.category_ids.as_slice()),
        (
            ["cat", "dog"].map(String::from).as_slice(),
            [2, 90].as_slice()
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
            [3.0, 4.0],
            [5.0, 6.0]
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
           {"image_id": 7, "category_id": 2, "bbox": [1, 2, -3, 5]}"#,
    )
    .open("coco.yaml", Split::Train)
    .unwrap();
    assert_eq!(set.annotation_count(), 1);
    assert_eq!((set.problems.images(), set.problems.annotations()), (1, 8));
    let text = set.problems.summary(20);
    for part in [
        "annotation 2: box without area",
        "annotation 3: unknown category 5",
        "annotation 4: unknown image 8",
        "annotation 5: box (50, 2, 60, 7) lies outside the 40×20 image",
        "annotation 6: `bbox`: expected four numbers, found ",
        "annotation 7: `bbox`: expected four numbers, found null",
        "annotation 8: the same box",
        "annotation null: box without area",
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
        error.contains("train.json") && error.contains("line 1"),
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
