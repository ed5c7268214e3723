//! Files of a YOLO folder that belong to nothing: labels without an image, images that are not read.

use ablate_detection::dataset::{Dataset, Split, Subject};

use crate::{Folder, names, problems};

const BOX: &str = "0 0.5 0.5 0.5 0.5\n";

/// Paths of the label files without an image.
fn orphans(folder: &Folder, set: &Dataset) -> Vec<String> {
    let root = folder.path("");
    let of = set.problems.list.iter();
    of.filter(|problem| problem.subject == Subject::Labels)
        .map(|problem| problem.file.strip_prefix(&root).unwrap())
        .map(|path| path.to_string_lossy().into_owned())
        .collect()
}

#[test]
fn label_files_without_an_image_are_left_out_and_named() {
    let folder = Folder::new();
    folder.image("images/train/a.png", 8, 8);
    folder.image("images/train/deep/b.png", 8, 8);
    folder.write("images/train/c.heic", "x");
    for name in ["train/a", "train/c", "train/deep/b", "val/of-val"] {
        folder.write(&format!("labels/{name}.txt"), BOX);
    }
    folder.write("data.yaml", "train: images/train\nnames: [cat]\n");
    let open = || folder.open("data.yaml", Split::Train).unwrap();
    assert!(orphans(&folder, &open()).is_empty());

    folder.write("labels/train/gone.txt", BOX);
    folder.write("labels/train/background.txt", "\n");
    folder.write("labels/train/deep/a.txt", "cat,0.5,0.5,0.1,0.1");
    folder.write("labels/train/elsewhere/d.txt", BOX);
    // Beside the images.
    folder.write("images/train/beside.txt", BOX);
    // Not labels.
    folder.write("labels/train/classes.txt", "cat\ndog\n");
    folder.write("images/train/notes.txt", "");
    let set = open();
    assert_eq!(
        orphans(&folder, &set),
        [
            "images/train/beside.txt",
            "labels/train/background.txt",
            "labels/train/deep/a.txt",
            "labels/train/elsewhere/d.txt",
            "labels/train/gone.txt",
        ]
    );
    assert_eq!((set.problems.label_files(), set.problems.images()), (5, 1));
    let kinds = set.problems.kinds(1);
    assert_eq!(
        (kinds[0].reason.as_str(), kinds[0].count),
        ("no image has this name", 5)
    );
}

#[test]
fn a_list_leaves_labels_out_on_purpose() {
    let folder = Folder::new();
    for name in ["a", "b"] {
        folder.image(&format!("images/{name}.png"), 8, 8);
        folder.write(&format!("labels/{name}.txt"), BOX);
    }
    folder.write("list.txt", "images/a.png\n");
    folder.write("data.yaml", "train: list.txt\nnames: [cat]\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(names(&set), ["images/a.png"]);
    assert!(set.problems.is_empty(), "{:?}", set.problems);
}

#[test]
fn images_of_a_flat_folder_have_their_labels_beside_them() {
    let folder = Folder::new();
    folder.image("all/a.png", 8, 8);
    folder.write("all/a.txt", BOX);
    folder.write("all/b.txt", BOX);
    folder.write("all/train.txt", "all/a.png\n");
    folder.write("all/readme.txt", "From 1 2 3 cameras\n");
    folder.write("all/data.yaml", "train: .\nnames: [cat]\n");
    let set = folder.open("all", Split::Train).unwrap();
    assert_eq!(orphans(&folder, &set), ["all/b.txt"]);
}

#[test]
fn images_are_read_under_all_names_of_their_type_or_named() {
    let folder = Folder::new();
    let jpeg = std::fs::read(folder.image("a.jpg", 8, 8)).unwrap();
    for name in ["a.JPE", "b.jfif", "c.mpo"] {
        std::fs::write(folder.path(&format!("images/{name}")), &jpeg).unwrap();
    }
    folder.write("labels/a.txt", BOX);
    for name in ["d.ppm", "e.TGA", "f.gif", "g.ico", "notes.md"] {
        folder.write(&format!("images/{name}"), "x");
    }
    folder.write("data.yaml", "train: images\nnames: [cat]\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(
        names(&set),
        ["images/a.JPE", "images/b.jfif", "images/c.mpo"]
    );
    let found = problems(&set).into_iter().map(|(file, _, _)| file);
    assert_eq!(Vec::from_iter(found), ["d.ppm", "e.TGA", "f.gif", "g.ico"]);
}

#[test]
fn images_that_share_a_label_file_are_told() {
    let folder = Folder::new();
    folder.image("images/a.jpg", 8, 8);
    folder.image("images/a.png", 8, 8);
    folder.image("images/b.png", 8, 8);
    folder.write("labels/a.txt", BOX);
    folder.write("data.yaml", "train: images\nnames: [cat]\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(set.annotation_count(), 2);
    let problem = &set.problems.list[0];
    assert_eq!(problem.subject, Subject::Note);
    assert!(
        problem.file.ends_with("labels/a.txt")
            && problem.reason.starts_with("the labels of both ")
            && problem.reason.ends_with("images/a.png; both are used"),
        "{problem}"
    );
}
