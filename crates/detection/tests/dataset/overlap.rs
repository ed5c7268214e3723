//! Images of the training split that are evaluated on, too, and files that are several images.

use ablate_detection::dataset::{Split, Subject};

use crate::voc::xml;
use crate::{Folder, problems};

/// The first note of a split, without the folder's own path.
fn note(folder: &Folder, yaml: &str, split: Split) -> Option<String> {
    let set = folder.open(yaml, split).unwrap();
    let first = set.problems.list.first();
    let own = format!("{}/", folder.path("").display()).replace("//", "/");
    first
        .filter(|problem| problem.subject == Subject::Note)
        .map(|problem| problem.to_string().replace(&own, ""))
}

fn yolo(lines: &str) -> Folder {
    let folder = Folder::new();
    for name in ["train/a", "train/b", "val/c"] {
        folder.image(&format!("images/{name}.png"), 8, 8);
        folder.write(&format!("labels/{name}.txt"), "0 0.5 0.5 0.5 0.5\n");
    }
    folder.write("data.yaml", &format!("names: [cat]\n{lines}"));
    folder
}

#[test]
fn images_that_are_learnt_and_evaluated_on_are_told() {
    let folder = yolo("train: images/train\nval: images/val\n");
    assert_eq!(note(&folder, "data.yaml", Split::Val), None);

    let folder = yolo("train: images/train\nval: ./images/../images/train/\ntest: list.txt\n");
    folder.write("list.txt", "images/val/c.png\nimages/train/b.png\n");
    assert_eq!(note(&folder, "data.yaml", Split::Train), None);
    assert_eq!(
        note(&folder, "data.yaml", Split::Val).unwrap(),
        "data.yaml:3: 2 of 2 images of val are in train, too: figures are of what was learnt; the first is images/train/a.png"
    );
    assert!(
        note(&folder, "data.yaml", Split::Test)
            .unwrap()
            .starts_with("data.yaml:4: 1 of 2 images of test are in train, too: ")
    );
    // Of a broken training split it is told where that is opened.
    let folder = yolo("train: none\nval: images/val\n");
    assert_eq!(note(&folder, "data.yaml", Split::Val), None);
}

#[cfg(unix)]
#[test]
fn links_of_coco_s_folders_lead_to_one_image() {
    let folder = Folder::new();
    folder.image("all/a.png", 8, 8);
    for split in ["one", "two"] {
        let link = folder.path(&format!("{split}/a.png"));
        std::os::unix::fs::symlink("../all/a.png", link).unwrap();
        folder.write(
            &format!("{split}.json"),
            r#"{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "cat"}],
                "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4]}]}"#,
        );
    }
    folder.write(
        "data.yaml",
        "format: coco\ntrain: {images: one, annotations: one.json}\nval: {images: two, annotations: two.json}\n",
    );
    let note = note(&folder, "data.yaml", Split::Val).unwrap();
    assert!(
        note.contains("1 of 1 images of val are in train, too"),
        "{note}"
    );
}

#[cfg(unix)]
#[test]
fn links_lead_to_one_image() {
    let folder = yolo("train: images/train\nval: [images/val, linked]\n");
    std::os::unix::fs::symlink("../train/b.png", folder.path("images/val/d.png")).unwrap();
    std::os::unix::fs::symlink("images/train", folder.path("linked")).unwrap();
    assert!(
        note(&folder, "data.yaml", Split::Val)
            .unwrap()
            .contains(": 3 of 4 images of val are in train, too")
    );
}

#[test]
fn a_coco_file_that_both_splits_list_is_told() {
    let folder = Folder::new();
    folder.image("all/train/a.png", 8, 8);
    folder.image("all/b.png", 8, 8);
    let json = |files: &str| {
        format!(
            r#"{{"images": [{files}], "categories": [{{"id": 1, "name": "cat"}}],
                "annotations": [{{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}}]}}"#
        )
    };
    folder.write("train.json", &json(r#"{"id": 1, "file_name": "a.png"}"#));
    let val = r#"{"id": 1, "file_name": "train/a.png"}, {"id": 2, "file_name": "b.png"}"#;
    folder.write("val.json", &json(val));
    folder.write(
        "coco.yaml",
        "format: coco\ntrain: {images: all/train, annotations: train.json}\nval: {images: all, annotations: val.json}\n",
    );
    assert!(
        note(&folder, "coco.yaml", Split::Val)
            .unwrap()
            .starts_with("coco.yaml:3: 1 of 2 images of val are in train, too: ")
    );
    assert_eq!(note(&folder, "coco.yaml", Split::Train), None);

    // As Windows writes it.
    folder.write("val.json", &json(&val.replace("train/a", r"train\\a")));
    assert!(note(&folder, "coco.yaml", Split::Val).is_some());
}

#[test]
fn a_file_of_two_coco_images_is_told() {
    let folder = Folder::new();
    folder.image("all/a.png", 8, 8);
    folder.write(
        "train.json",
        r#"{"images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "a.png"}],
            "categories": [{"id": 1, "name": "cat"}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]},
                            {"image_id": 2, "category_id": 1, "bbox": [2, 1, 5, 5]}]}"#,
    );
    folder.write(
        "coco.yaml",
        "format: coco\ntrain: {images: all, annotations: train.json}\n",
    );
    let set = folder.open("coco.yaml", Split::Train).unwrap();
    assert_eq!((set.samples.len(), set.annotation_count()), (2, 2));
    let (_, _, reason) = &problems(&set)[0];
    assert!(
        reason.starts_with("images[1].file_name: a.png is the file of images[0] already"),
        "{reason}"
    );
    assert_eq!(set.problems.list[0].subject, Subject::Note);
}

#[test]
fn a_name_in_two_image_sets_is_told() {
    let folder = Folder::new();
    for name in ["a", "b"] {
        folder.image(&format!("JPEGImages/{name}.png"), 16, 16);
        folder.write(
            &format!("Annotations/{name}.xml"),
            &xml((16, 16), &[("cell", ["2", "2", "9", "9"])]),
        );
    }
    folder.write("ImageSets/Main/train.txt", "a\n");
    folder.write("ImageSets/Main/val.txt", "a\nb\n");
    assert!(
        note(&folder, "", Split::Val)
            .unwrap()
            .contains(": 1 of 2 images of val are in train, too: ")
    );
}
