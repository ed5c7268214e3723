use ablate_detection::dataset::Split;
use ablate_detection::mask::Segmentation;

use crate::{Folder, corners, names, problems};

fn two_images() -> Folder {
    let folder = Folder::new();
    folder.image("set/images/train/a.png", 40, 20);
    folder.image("set/images/train/deep/b.jpg", 20, 40);
    folder.write(
        "set/labels/train/a.txt",
        "1 0.5 0.5 0.5 0.5\n0 0.25 0.25 0.5 0.5\n",
    );
    folder.write("set/labels/train/deep/b.txt", "0 0.0 0.0 1.0 0.0 0.5 0.5\n");
    folder.write(
        "mine.yaml",
        "path: set\ntrain: images/train\nval: list.txt\nnames: {0: cat, 1: dog}\n",
    );
    folder
}

#[test]
fn reads_folders_with_folders_in_them() {
    let set = two_images().open("mine.yaml", Split::Train).unwrap();
    assert_eq!(set.name, "mine");
    assert_eq!(set.classes, ["cat", "dog"]);
    assert_eq!(
        names(&set),
        ["images/train/a.png", "images/train/deep/b.jpg"]
    );
    assert_eq!((set.samples[0].width, set.samples[0].height), (40, 20));
    assert_eq!(
        corners(&set, 0),
        [[10.0, 5.0, 30.0, 15.0], [0.0, 0.0, 20.0, 10.0]]
    );
    assert_eq!(set.samples[0].annotations[0].class, 1);
    assert_eq!(
        corners(&set, 1),
        [[0.0, 0.0, 20.0, 20.0]],
        "a polygon has its bounding box"
    );
    assert_eq!(
        set.samples[1].annotations[0].mask,
        Some(Segmentation::Polygons(vec![vec![
            [0.0, 0.0],
            [20.0, 0.0],
            [10.0, 20.0]
        ]]))
    );
    assert!(
        set.check_masks()
            .unwrap_err()
            .to_string()
            .contains("images/train/a.png has an object with a box but no mask")
    );
    assert!(set.problems.is_empty(), "{:?}", set.problems);
}

#[test]
fn equal_boxes_are_found_among_very_many() {
    const BOXES: usize = 100_000;
    let row = |i: usize| {
        let (x, y) = ((i % 400) as f64 / 400.0, (i / 400) as f64 / 400.0);
        format!("{} {x} {y} 0.25 0.25\n", i % 2)
    };
    let mut rows: String = (0..BOXES).map(row).collect();
    rows += &row(7);
    // The same place, another class; the same box, now with a mask.
    rows += "1 0 0 0.25 0.25\n";
    rows += "0 0 0 0.125 0 0.125 0.125 0 0.125\n";
    rows += &row(BOXES - 1);
    let folder = two_images();
    folder.write("set/labels/train/a.txt", &rows);
    let set = folder.open("mine.yaml", Split::Train).unwrap();
    assert_eq!(set.samples[0].annotations.len(), BOXES + 2);
    let twice = |line| {
        let reason = "the same box of the same class twice".to_owned();
        ("a.txt".to_owned(), Some(line), reason)
    };
    assert_eq!(problems(&set), [twice(BOXES + 1), twice(BOXES + 4)]);
}

#[test]
fn reads_lists_of_images_and_names_missing_ones() {
    let folder = two_images();
    folder.write(
        "set/list.txt",
        "./images/train/deep/b.jpg\n\nimages/train/none.jpg\n",
    );
    let set = folder.open("mine.yaml", Split::Val).unwrap();
    assert_eq!(names(&set), ["images/train/deep/b.jpg"]);
    // The first is that the image is in train, too.
    assert_eq!(
        problems(&set)[1..],
        [(
            "list.txt".into(),
            Some(3),
            "missing image: images/train/none.jpg".into()
        )]
    );
}

#[test]
fn reads_several_folders_in_the_order_given() {
    let folder = two_images();
    folder.write(
        "many.yaml",
        "train: [set/images/train/deep, set/images/train]\nnc: 2\n",
    );
    let set = folder.open("many.yaml", Split::Train).unwrap();
    assert_eq!(set.classes, ["class_0", "class_1"]);
    assert_eq!(names(&set)[0], "set/images/train/deep/b.jpg");
}

#[test]
fn forgives_paths_that_start_one_folder_too_high() {
    let folder = two_images();
    folder.write(
        "set/data.yaml",
        "train: ../images/train\nnames: [cat, dog]\n",
    );
    let set = folder.open("set/data.yaml", Split::Train).unwrap();
    assert_eq!((set.name.as_str(), set.samples.len()), ("set", 2));
    assert_eq!(
        folder.open("set", Split::Train).unwrap().samples.len(),
        2,
        "a folder with data.yaml"
    );
}

#[test]
fn leaves_out_bad_rows_and_keeps_the_rest() {
    let folder = two_images();
    folder.write(
        "set/labels/train/a.txt",
        "0 0.5 0.5 0.2 0.2\n\
         0 0.5 0.5 0 0.2\n\
         7 0.5 0.5 0.2 0.2\n\
         0 0.5 x 0.2 0.2\n\
         0 0.5 0.5 0.2\n\
         0 300 5 20 20\n\
         0 nan 0.5 0.2 0.2\n\
         0 0.5 0.5 0.2 0.2\n\
         -1 0.5 0.5 0.2 0.2\n\
         1 0.05 0.5 0.2 0.2\n",
    );
    let set = folder.open("mine.yaml", Split::Train).unwrap();
    assert_eq!(corners(&set, 0).len(), 2);
    assert_eq!(corners(&set, 0)[1], [0.0, 8.0, 6.0, 12.0], "clipped");
    assert_eq!(set.problems.clipped, 1);
    assert_eq!((set.problems.images(), set.problems.annotations()), (0, 8));
    let mut found = problems(&set);
    found.sort_by_key(|problem| problem.1);
    let expected = [
        (2, "without area"),
        (3, "unknown class 7"),
        (4, "'x' is not a number"),
        (5, "found 4 numbers"),
        (6, "300"),
        (7, "'nan' is not a number"),
        (8, "twice"),
        (9, "unknown class -1"),
    ];
    assert_eq!(found.len(), expected.len());
    for ((file, line, reason), (expected_line, part)) in found.iter().zip(expected) {
        assert_eq!((file.as_str(), *line), ("a.txt", Some(expected_line)));
        assert!(reason.contains(part), "{reason} lacks {part}");
    }
}

#[test]
fn an_image_without_labels_is_background() {
    let folder = two_images();
    folder.image("set/images/train/empty.png", 8, 8);
    let set = folder.open("mine.yaml", Split::Train).unwrap();
    assert_eq!(set.samples.len(), 3);
    assert!(
        set.samples
            .iter()
            .any(|sample| sample.annotations.is_empty())
    );
    assert!(set.problems.is_empty());
}

#[test]
fn a_set_with_nothing_left_is_an_error() {
    let folder = Folder::new();
    folder.image("images/a.png", 8, 8);
    folder.write("labels/a.txt", "9 0.5 0.5 0.5 0.5\n");
    folder.write("data.yaml", "train: images\nnames: [cat]\n");
    let error = folder
        .open("data.yaml", Split::Train)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("expected at least one image, found none")
            && error.contains("unknown class 9"),
        "{error}"
    );
    folder.write("images/a.png", "no image");
    folder.write("labels/a.txt", "0 0.5 0.5 0.5 0.5\n");
    let error = folder
        .open("data.yaml", Split::Train)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("expected at least one image, found none")
            && error.contains("a.png: corrupt image"),
        "{error}"
    );
}

#[test]
fn errors_name_the_key() {
    let folder = two_images();
    let error = |yaml: &str, split: Split| {
        folder.write("bad.yaml", yaml);
        folder.open("bad.yaml", split).unwrap_err().to_string()
    };
    let e = error("train: set/images/train\nval:\nnames: [a, b]\n", Split::Val);
    assert!(e.contains("bad.yaml:2: key `val`"), "{e}");
    let e = error("train: set/images/none\nnames: [a, b]\n", Split::Train);
    assert!(e.contains("key `train`") && e.contains("none"), "{e}");
    let e = error("train: set/images/train\n", Split::Train);
    assert!(e.contains("key `names`"), "{e}");
    let e = error(
        "train: set/images/train\nnc: 3\nnames: [a, b]\n",
        Split::Train,
    );
    assert!(e.contains("key `nc`"), "{e}");
    let e = error(
        "train: set/images/train\nnames: {0: a, 2: b}\n",
        Split::Train,
    );
    assert!(e.contains("class 1 is missing"), "{e}");
    let e = error("format: pickle\n", Split::Train);
    assert!(e.contains("unknown format 'pickle'"), "{e}");
    let e = error("train: [unclosed\n", Split::Train);
    assert!(e.contains("bad.yaml"), "{e}");
    let e = folder
        .open("none.yaml", Split::Train)
        .unwrap_err()
        .to_string();
    assert!(e.contains("none.yaml"), "{e}");
}

#[test]
fn the_fingerprint_follows_the_data_and_not_the_place() {
    let (one, two) = (two_images(), two_images());
    let print = |folder: &Folder| {
        folder
            .open("mine.yaml", Split::Train)
            .unwrap()
            .fingerprint()
    };
    let before = print(&one);
    assert_eq!(before, print(&two));
    two.write(
        "set/labels/train/a.txt",
        "1 0.5 0.5 0.5 0.51\n0 0.25 0.25 0.5 0.5\n",
    );
    assert_ne!(before, print(&two), "a box moved");
    let path = one.image("set/images/train/a.png", 40, 20);
    assert_eq!(before, print(&one));
    image::RgbImage::new(40, 20).save(path).unwrap();
    assert_ne!(before, print(&one), "another picture");
}
