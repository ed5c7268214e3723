//! The folders of a VOC data set, by any names.

use ablate_detection::dataset::{DataSpec, Split};

use crate::voc::xml;
use crate::{Folder, names, problems};

/// Images and XML files of these names, with an object of a class each.
fn add(folder: &Folder, images: &str, annotations: &str, names: &[&str], class: &str) {
    for name in names {
        folder.image(&format!("{images}/{name}.png"), 16, 16);
        folder.write(
            &format!("{annotations}/{name}.xml"),
            &xml((16, 16), &[(class, ["2", "2", "9", "9"])]),
        );
    }
}

#[test]
fn folders_are_found_by_their_usual_names_or_side_by_side() {
    for (images, annotations) in [
        ("JPEGImages", "Annotations"),
        ("images", "annotations"),
        ("Images", "ANNOTATIONS"),
        ("images", "images"),
        ("images", "."),
        (".", "Annotations"),
        (".", "."),
        ("images/sub", "annotations/sub"),
    ] {
        let folder = Folder::new();
        add(&folder, images, annotations, &["a", "b", "c", "d"], "cell");
        let mut all = Vec::new();
        for split in Split::ALL {
            let set = folder.open("", split).unwrap();
            let found = problems(&set);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].2.contains("shared out among"), "{found:?}");
            all.extend(names(&set).into_iter().map(str::to_owned));
        }
        all.sort();
        let sub = if images.ends_with("sub") { "sub/" } else { "" };
        assert_eq!(
            all,
            ["a", "b", "c", "d"].map(|name| format!("{sub}{name}")),
            "{images} {annotations}"
        );
    }
}

#[test]
fn folders_may_be_named() {
    let folder = Folder::new();
    add(
        &folder,
        "set/pics",
        "set/xml files",
        &["a", "b", "c"],
        "cell",
    );
    let open = |keys: &str| {
        folder.write(
            "voc.yaml",
            &format!("format: voc\npath: set\nfractions: {{train: 1}}\n{keys}"),
        );
        folder.open("voc.yaml", Split::Train)
    };
    let set = open("images: pics\nannotations: xml files\n").unwrap();
    assert_eq!(names(&set), ["a", "b", "c"]);
    let error = |keys: &str| open(keys).unwrap_err().to_string();
    let e = error("images: pic\nannotations: xml files\n");
    assert!(
        e.contains("voc.yaml:4: key `images`: expected a folder, found none: ")
            && e.ends_with("set/pic"),
        "{e}"
    );
    let e = error("images: pics\n");
    assert!(
        e.contains("key `annotations`: missing, and no folder with .xml files"),
        "{e}"
    );
    let e = error("annotations: xml files\n");
    assert!(
        e.contains("key `images`: missing, and no folder with images"),
        "{e}"
    );
    let e = error("");
    assert!(
        e.contains("expected a Pascal VOC data set (JPEGImages/ and Annotations/, images/")
            && e.contains("or set `images` and `annotations`")
            && e.ends_with("found pics/, xml files/"),
        "{e}"
    );
}

#[test]
fn a_folder_for_each_split() {
    let folder = Folder::new();
    add(&folder, "train", "train", &["a", "b"], "cell");
    add(
        &folder,
        "valid/images",
        "valid/annotations",
        &["a", "c"],
        "disc",
    );
    folder.write("test/readme.txt", "nothing yet");
    let set = folder.open("", Split::Train).unwrap();
    assert_eq!(names(&set), ["train/a", "train/b"]);
    assert_eq!(set.classes, ["cell", "disc"], "of all splits");
    let set = folder.open("", Split::Val).unwrap();
    assert_eq!(names(&set), ["valid/a", "valid/c"]);
    let error = folder.open("", Split::Test).unwrap_err();
    assert!(error.is_missing_split(Split::Test), "{error}");

    folder.image("test/z.png", 8, 8);
    let error = folder.open("", Split::Test).unwrap_err();
    assert!(!error.is_missing_split(Split::Test));
    assert!(
        error.to_string().contains("has images but no .xml files"),
        "{error}"
    );

    add(&folder, "val", "val", &["d"], "cell");
    let error = folder.open("", Split::Val).unwrap_err().to_string();
    assert!(
        error.contains("both valid/ and val/ may be meant"),
        "{error}"
    );
    folder.write("voc.yaml", "format: voc\nval: [val, valid]\ntest: val\n");
    let set = folder.open("voc.yaml", Split::Val).unwrap();
    assert_eq!(names(&set), ["val/d", "valid/a", "valid/c"]);
    assert_eq!(
        names(&folder.open("voc.yaml", Split::Test).unwrap()),
        ["val/d"]
    );
    folder.write("voc.yaml", "format: voc\nval: ''\ntest: val\n");
    let error = folder.open("voc.yaml", Split::Val).unwrap_err();
    assert!(error.is_missing_split(Split::Val), "{error}");
    assert_eq!(
        folder.open("voc.yaml", Split::Train).unwrap().classes,
        ["cell"]
    );
    folder.write("voc.yaml", "format: voc\nval: vali\n");
    let error = folder.open("voc.yaml", Split::Val).unwrap_err();
    assert!(!error.is_missing_split(Split::Val), "{error}");
    folder.write("voc.yaml", "format: voc\nfractions: {train: 1}\n");
    let error = folder.error("voc.yaml", Split::Train);
    assert!(
        error.starts_with("voc.yaml:2: key `fractions`: this data set has a folder for each split"),
        "{error}"
    );
}

#[test]
fn image_sets_are_wanted_where_they_are_named() {
    let folder = Folder::new();
    add(&folder, "JPEGImages", "Annotations", &["a", "b"], "cell");
    folder.write("voc.yaml", "format: voc\ntrain: trainval\nval: []\n");
    let error = folder.error("voc.yaml", Split::Train);
    assert!(
        error.starts_with("voc.yaml:2: key `train`: expected image sets (trainval) in "),
        "{error}"
    );
    let error = folder.open("voc.yaml", Split::Val).unwrap_err();
    assert!(error.is_missing_split(Split::Val), "{error}");
    folder.write("ImageSets/trainval.txt", "b.png\na\n");
    assert_eq!(
        names(&folder.open("voc.yaml", Split::Train).unwrap()),
        ["b", "a"]
    );
    folder.write("ImageSets/Main/trainval.txt", "\n");
    let error = folder.error("voc.yaml", Split::Train);
    assert!(
        error.contains("expected names of images in ImageSets/Main/trainval.txt, found none"),
        "{error}"
    );
    folder.write(
        "voc.yaml",
        "format: voc\ntrain: trainval.txt\nfractions: {train: 1}\n",
    );
    let error = folder.error("voc.yaml", Split::Train);
    assert!(
        error.starts_with("voc.yaml:3: key `fractions`: this data set has image sets"),
        "{error}"
    );
}

#[test]
fn of_two_files_of_a_name_the_other_is_named() {
    let folder = Folder::new();
    add(&folder, ".", ".", &["a"], "cell");
    folder.image("a.jpg", 16, 16);
    folder.write("a.XML", "<annotation/>");
    folder.write(
        "voc.yaml",
        "format: voc\nfractions: {train: 1}\nnames: [cell]\n",
    );
    folder.write("a.XML", &xml((16, 16), &[("cell", ["1", "1", "5", "5"])]));
    let set = folder.open("voc.yaml", Split::Train).unwrap();
    assert_eq!((set.samples.len(), set.annotation_count()), (1, 1));
    assert_eq!(
        problems(&set),
        [
            (
                "a.png".into(),
                None,
                "a.jpg has the same name and is used".into()
            ),
            (
                "a.xml".into(),
                None,
                "a.XML has the same name and is used".into()
            ),
        ]
    );
}

#[test]
fn a_folder_that_is_no_data_set_says_what_would_be() {
    let folder = Folder::new();
    folder.write("images/a.png", "x");
    folder.write("annotations/instances.json", "{}");
    let error = DataSpec::load(folder.path("")).unwrap_err().to_string();
    assert!(
        error.contains(
            "expected data.yaml or a Pascal VOC data set (JPEGImages/ and Annotations/, "
        ) && error.ends_with("in this folder, found annotations/, images/"),
        "{error}"
    );
}

#[test]
fn folders_called_as_splits_are_the_splits() {
    let folder = Folder::new();
    for (split, all) in [("train", &["a", "b", "c"][..]), ("Valid", &["d"])] {
        let images = format!("images/{split}");
        add(
            &folder,
            &images,
            &format!("annotations/{split}"),
            all,
            "cell",
        );
    }
    add(&folder, "images", "annotations", &["stray"], "cell");
    let train = folder.open("", Split::Train).unwrap();
    assert_eq!(names(&train), ["train/a", "train/b", "train/c"]);
    assert_eq!(
        problems(&train),
        [(
            "stray.png".into(),
            None,
            "in no folder of a split: train, val and test have one each".into()
        )]
    );
    assert_eq!(names(&folder.open("", Split::Val).unwrap()), ["Valid/d"]);
    let error = folder.open("", Split::Test).unwrap_err();
    assert!(error.is_missing_split(Split::Test), "{error}");
    // By other names.
    add(&folder, "images/more", "annotations/more", &["e"], "cell");
    folder.write("voc.yaml", "format: voc\ntrain: [train, more]\nval: none\n");
    let train = folder.open("voc.yaml", Split::Train).unwrap();
    assert_eq!(names(&train), ["more/e", "train/a", "train/b", "train/c"]);
    let error = folder.error("voc.yaml", Split::Val);
    assert!(
        error.ends_with("found no such folder; nor is none a folder among the images"),
        "{error}"
    );
    folder.write("voc.yaml", "format: voc\nfractions: {train: 1}\n");
    let error = folder.error("voc.yaml", Split::Train);
    assert!(
        error.contains("this data set has a folder for each split"),
        "{error}"
    );
}

#[test]
fn image_sets_may_be_one_or_of_another_task() {
    let folder = Folder::new();
    let all = ["a", "b", "c", "d"];
    add(&folder, "JPEGImages", "Annotations", &all, "cell");
    // As CVAT writes it.
    folder.write("ImageSets/Main/default.txt", "a\nb\nc\n");
    let mut found = Vec::new();
    for split in Split::ALL {
        let set = folder.open("", split).unwrap();
        assert_eq!(
            problems(&set)[0].2,
            "the only image set: its images are shared out among the splits"
        );
        found.extend(names(&set).into_iter().map(str::to_owned));
    }
    found.sort();
    assert_eq!(found, ["a", "b", "c"]);
    folder.write("ImageSets/Main/other.txt", "d\n");
    let error = folder.error("", Split::Train);
    assert!(
        error.ends_with("found default, other; name yours, as in `train: default`"),
        "{error}"
    );
    // Main is there, but empty.
    for set in ["default", "other"] {
        std::fs::remove_file(folder.path(&format!("ImageSets/Main/{set}.txt"))).unwrap();
    }
    folder.write("ImageSets/Segmentation/train.txt", "a\nb\n");
    folder.write("ImageSets/Segmentation/val.txt", "d\n");
    let set = folder.open("", Split::Val).unwrap();
    assert_eq!(names(&set), ["d"]);
    assert_eq!(
        problems(&set)[0].2,
        "its image sets are used, since Main has none"
    );
}

#[test]
fn images_that_are_not_read_are_named() {
    let folder = Folder::new();
    add(&folder, "JPEGImages", "Annotations", &["a", "b"], "cell");
    let gif = |name: &str| folder.write(&format!("JPEGImages/{name}.gif"), "GIF89a");
    gif("c");
    gif("d");
    folder.write(
        "Annotations/c.xml",
        &xml((16, 16), &[("cell", ["2", "2", "9", "9"])]),
    );
    folder.image("JPEGImages/.ipynb_checkpoints/a-checkpoint.png", 16, 16);
    folder.write("voc.yaml", "format: voc\nfractions: {train: 1}\n");
    let set = folder.open("voc.yaml", Split::Train).unwrap();
    let reason = "images of type gif are not supported; convert it to JPEG or PNG";
    assert_eq!(
        problems(&set),
        [
            (
                "a-checkpoint.png".into(),
                None,
                "a hidden image is not read".into()
            ),
            ("c.gif".into(), None, reason.into()),
            ("d.gif".into(), None, reason.into()),
        ]
    );
    assert_eq!(set.problems.lost_with_images, 1);
}

#[test]
fn cvats_own_format_is_told_apart() {
    let folder = Folder::new();
    folder.image("images/a.png", 16, 16);
    folder.write(
        "annotations.xml",
        "<annotations><image name=\"a.png\"/></annotations>",
    );
    let error = folder.error("", Split::Train);
    assert_eq!(
        error,
        "annotations.xml: expected Pascal VOC, an XML file for each image, found CVAT's <annotations> of all images; export them as Pascal VOC, COCO or YOLO"
    );
}
