//! Where images and labels lie: lists, twins of `images`, links, and what is named there.

use ablate_detection::dataset::{Split, Subject};

use crate::{Folder, corners, names, problems};

const BOX: &str = "0 0.5 0.5 0.5 0.5\n";

/// `images/a.png`, labelled, and a description.
fn folder(yaml: &str) -> Folder {
    let folder = Folder::new();
    folder.image("images/a.png", 8, 8);
    folder.write("labels/a.txt", BOX);
    folder.write("data.yaml", yaml);
    folder
}

#[test]
fn labels_may_lie_beside_their_images() {
    let folder = folder("train: [images, flat, Images]\nnames: [cat]\n");
    folder.image("images/b.png", 8, 8);
    folder.write("images/b.txt", BOX);
    // In both places: the twin's counts, as other tools look there only.
    folder.write("images/a.txt", "0 0.5 0.5 1 1\n");
    folder.image("flat/c.png", 8, 8);
    folder.write("flat/c.txt", BOX);
    folder.image("Images/d.png", 8, 8);
    folder.write("Labels/d.txt", BOX);
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(
        names(&set),
        ["images/a.png", "images/b.png", "flat/c.png", "Images/d.png"]
    );
    for sample in 0..4 {
        assert_eq!(corners(&set, sample), [[2.0, 2.0, 6.0, 6.0]]);
    }
    assert_eq!(set.problems.unlabelled, 0);
}

#[test]
fn labels_may_end_in_capitals() {
    let folder = folder("train: images\nnames: [cat]\n");
    folder.image("images/b.png", 8, 8);
    folder.write("labels/b.TXT", BOX);
    folder.write("labels/c.TXT", BOX);
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(corners(&set, 1), [[2.0, 2.0, 6.0, 6.0]]);
    assert_eq!(set.problems.unlabelled, 0);
    assert_eq!(
        set.problems.label_files(),
        1,
        "of no image: {:?}",
        set.problems
    );
}

#[test]
fn images_without_a_label_file_are_counted() {
    let folder = folder("train: images\nnames: [cat]\n");
    folder.image("images/b.png", 8, 8);
    folder.image("images/c.png", 8, 8);
    folder.write("labels/c.txt", "");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!((set.samples.len(), set.problems.unlabelled), (3, 1));
    assert!(set.problems.is_empty(), "an empty file says background");
}

#[test]
fn without_any_label_the_error_says_where_they_were_looked_for() {
    let folder = folder("train: images\nnames: [cat]\n");
    std::fs::remove_file(folder.path("labels/a.txt")).unwrap();
    folder.image("images/b.png", 8, 8);
    folder.write("labels/b.txt", "");
    folder.image("images/c.png", 8, 8);
    let error = folder.error("data.yaml", Split::Train);
    assert!(
        error.ends_with(
            "split `train`: expected at least one box, found none: 2 of 3 images have no label \
             file; a.txt was looked for in labels, images"
        ),
        "{error}"
    );
}

#[test]
fn labels_that_are_no_text_cost_their_image() {
    let folder = folder("train: images\nnames: [cat]\n");
    folder.image("images/b.png", 8, 8);
    std::fs::write(folder.path("labels/b.txt"), [b'0', b' ', 0xFF]).unwrap();
    folder.image("images/c.png", 8, 8);
    std::fs::create_dir(folder.path("labels/c.txt")).unwrap();
    #[cfg(unix)]
    {
        folder.image("images/d.png", 8, 8);
        std::os::unix::fs::symlink("/no/such/file", folder.path("labels/d.txt")).unwrap();
        folder.image("images/e.png", 8, 8);
        std::os::unix::net::UnixListener::bind(folder.path("labels/e.txt")).unwrap();
    }
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(names(&set), ["images/a.png"], "not as background");
    let reasons = problems(&set).into_iter().map(|problem| problem.2);
    let reasons: Vec<_> = reasons.collect();
    assert!(reasons[0].starts_with("unreadable labels: line 1: expected UTF-8"));
    assert_eq!(
        reasons[1],
        "unreadable labels: expected a file, found a folder"
    );
    if cfg!(unix) {
        assert_eq!(reasons[2], "unreadable labels: a broken link");
        assert_eq!(reasons[3], "unreadable labels: expected a file");
    }
    assert_eq!(set.problems.images(), if cfg!(unix) { 4 } else { 2 });
}

#[test]
fn lists_are_read_as_other_systems_write_them() {
    let folder = folder("train: lists/list.txt\nnames: [cat]\n");
    for name in ["b", "c", "d", "e f ö"] {
        folder.image(&format!("images/{name}.png"), 8, 8);
    }
    folder.image("lists/beside.png", 8, 8);
    // Its own `images/b.png` is missing, and not the one of that name in the root.
    folder.image("extra/images/a.png", 8, 8);
    folder.write(
        "lists/list.txt",
        "\u{FEFF}.\\images\\a.png\r\n\r\n  \"images/b.png\" \r\n\
         data/images/c.png\r\nH:\\sets\\mine\\images\\d.png\r\n\
         /home/me/mine/images/e f ö.png\r\nbeside.png\r\n\
         old/a.png\r\nlabels\\none.png\r\nextra/images/b.png\r\nimages",
    );
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(
        names(&set),
        [
            "images/a.png",
            "images/b.png",
            "images/c.png",
            "images/d.png",
            "images/e f ö.png",
            "lists/beside.png"
        ]
    );
    assert_eq!(
        problems(&set),
        [
            (
                "list.txt".into(),
                Some(8),
                "missing image: old/a.png".into()
            ),
            (
                "list.txt".into(),
                Some(9),
                "missing image: labels\\none.png".into()
            ),
            (
                "list.txt".into(),
                Some(10),
                "missing image: extra/images/b.png".into()
            ),
            (
                "list.txt".into(),
                Some(11),
                "expected an image, found a folder: images; a list names images, the description may name folders".into()
            ),
            (
                "list.txt".into(),
                Some(4),
                format!(
                    "3 of the paths lead nowhere as written and are found by their end; the first: data/images/c.png → {}",
                    folder.path("images/c.png").display()
                )
            ),
        ]
    );
    assert_eq!(
        (set.problems.images(), set.problems.list[4].subject),
        (4, Subject::Note)
    );
}

#[test]
fn a_path_of_another_machine_that_may_be_two_files_is_named() {
    let folder = folder("train: lists/list.txt\nnames: [cat]\n");
    folder.image("lists/images/a.png", 8, 8);
    folder.write("lists/labels/a.txt", BOX);
    folder.write("lists/list.txt", "images/a.png\n/x/images/a.png\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(
        names(&set),
        ["lists/images/a.png"],
        "the list's own folder first"
    );
    let (_, line, reason) = &problems(&set)[0];
    assert_eq!(*line, Some(2));
    assert!(
        reason.contains("missing image: /x/images/a.png; both"),
        "{reason}"
    );
}

#[test]
fn an_image_that_is_named_twice_is_used_once() {
    let folder = folder("train: [list.txt, images, images/a.png]\nnames: [cat]\n");
    folder.write("list.txt", "images/a.png\n./images/../images/a.png\n");
    folder.image("images/b.png", 8, 8);
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(names(&set), ["images/a.png", "images/b.png"]);
    let found = problems(&set);
    assert_eq!(
        (found.len(), set.problems.images()),
        (3, 0),
        "nothing is left out"
    );
    assert_eq!((found[0].0.as_str(), found[0].1), ("list.txt", Some(2)));
    assert!(
        found[0]
            .2
            .ends_with("is listed twice (first in line 1); it is used once")
    );
    for (file, _, reason) in &found[1..] {
        assert_eq!(file, "a.png");
        assert!(reason.starts_with("found twice"), "{reason}");
    }
}

#[test]
fn an_image_none_of_whose_rows_can_be_used_is_left_out() {
    let folder = folder("train: images\nnames: [cat]\n");
    folder.image("images/b.png", 8, 8);
    folder.write("labels/b.txt", "cat 0.5 0.5 0.5 0.5\n\n7 0.5 0.5 0.5 0.5\n");
    folder.image("images/c.png", 8, 8);
    folder.write("labels/c.txt", &format!("9 0.5 0.5 0.5 0.5\n{BOX}"));
    folder.image("images/d.png", 8, 8);
    folder.write("labels/d.txt", "\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(
        names(&set),
        ["images/a.png", "images/c.png", "images/d.png"]
    );
    assert_eq!(set.background_count(), 1, "d.png alone");
    let left_out = &set.problems;
    assert_eq!(
        (
            left_out.images(),
            left_out.lost_with_images,
            left_out.annotations()
        ),
        (1, 2, 1)
    );
    let (file, _, reason) = &problems(&set)[0];
    assert_eq!(file, "b.txt");
    assert!(
        reason.starts_with("none of its 2 rows can be used, the first, line 1: ")
            && reason.contains("'cat'"),
        "{reason}"
    );
}

#[test]
fn a_validation_split_may_be_the_training_split() {
    let folder = folder("train: images\nval: ./images/\ntest: .\nnames: [cat]\n");
    for split in Split::ALL {
        let set = folder.open("data.yaml", split).unwrap();
        assert_eq!(names(&set), ["images/a.png"]);
    }
}

#[test]
fn paths_of_windows_are_paths() {
    let folder = folder("path: ..\\set\ntrain: ..\\images\\deep\nnames: [cat]\n");
    folder.image("set/images/deep/a.png", 8, 8);
    folder.write("set/labels/deep/a.txt", BOX);
    folder.write(
        "other/data.yaml",
        "path: ..\\set\ntrain: ..\\images\\deep\nnames: [cat]\n",
    );
    let set = folder.open("other/data.yaml", Split::Train).unwrap();
    assert_eq!(names(&set), ["images/deep/a.png"]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;
    let folder = folder("train: images\nnames: [cat]\n");
    folder.image("store/x.png", 8, 8);
    folder.write("labels/more/x.txt", BOX);
    symlink("..", folder.path("images/up")).unwrap();
    symlink(".", folder.path("images/self")).unwrap();
    symlink("../store", folder.path("images/more")).unwrap();
    symlink("nowhere.png", folder.path("images/gone.png")).unwrap();
    symlink("turn.png", folder.path("images/turn.png")).unwrap();
    let set = folder.open("data.yaml", Split::Train).unwrap();
    // `up` leads to the data set's own folder, from which `images` is not entered again.
    assert_eq!(
        names(&set),
        ["images/a.png", "images/more/x.png", "images/up/store/x.png"]
    );
    let found = problems(&set);
    assert_eq!(found[0], ("gone.png".into(), None, "missing image".into()));
    assert_eq!(found[1].0, "turn.png");
    assert_eq!(found.len(), 2);
}

#[test]
fn images_of_other_types_are_named() {
    let folder = folder("train: images\nnames: [cat]\n");
    folder.write("images/b.HEIC", "x");
    folder.write("labels/b.txt", &format!("{BOX}9 0.5 0.5 0.5 0.5\n\n{BOX}"));
    folder.write("images/notes.md", "x");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(
        problems(&set),
        [(
            "b.HEIC".into(),
            None,
            "images of type heic are not supported; convert it to JPEG or PNG".into()
        )]
    );
    assert_eq!(set.problems.lost_with_images, 2);
    // A folder twice is one; labels that a read image has are not lost.
    let folder = self::folder("train: [images, images]\nnames: [cat]\n");
    folder.write("images/a.heic", "x");
    folder.write("labels/a.txt", BOX);
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(
        (set.problems.images(), set.problems.lost_with_images),
        (1, 0)
    );
}

#[test]
fn keypoints_are_passed_over() {
    let folder = folder("train: images\nkpt_shape: [1, 2]\nnames: [cat]\n");
    folder.write("labels/a.txt", "0 0.5 0.5 0.5 0.5 0.1 0.9\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(corners(&set, 0), [[2.0, 2.0, 6.0, 6.0]]);
    assert!(set.samples[0].annotations[0].mask.is_none());
}

#[test]
fn merged_keys_of_yaml_count() {
    let folder = folder("base: &base {val: images}\n<<: *base\ntrain: images\nnames: [cat]\n");
    let set = folder.open("data.yaml", Split::Val).unwrap();
    assert_eq!(names(&set), ["images/a.png"]);
}

/// Copies that Jupyter and macOS leave, and an ending in mixed case.
#[test]
fn hidden_files_are_no_images_and_no_labels() {
    let folder = folder("train: images\nnames: [cat]\n");
    folder.image("images/.ipynb_checkpoints/a-checkpoint.png", 8, 8);
    folder.write("images/._a.png", "x");
    folder.write("labels/.ipynb_checkpoints/a-checkpoint.txt", BOX);
    folder.image("images/b.png", 8, 8);
    folder.write("labels/b.Txt", BOX);
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(names(&set), ["images/a.png", "images/b.png"]);
    assert_eq!(
        problems(&set),
        [
            (
                "._a.png".into(),
                None,
                "2 hidden images, of which this is the first, are not read".into()
            ),
            (
                "b.Txt".into(),
                None,
                "expected the ending .txt; its boxes are not used".into()
            ),
        ]
    );
    assert_eq!(set.problems.list[1].subject, Subject::Labels);
    assert_eq!(set.problems.unlabelled, 1);
}
