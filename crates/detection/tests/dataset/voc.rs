use ablate_detection::dataset::{Split, Subject};

use crate::{Folder, corners, names, problems};

/// An annotation file in BCCD's form; each object is a name and the text of its four coordinates.
pub fn xml(size: (u32, u32), objects: &[(&str, [&str; 4])]) -> String {
    let mut text = format!(
        "<annotation>\n<folder>JPEGImages</folder>\n<size><width>{}</width><height>{}</height><depth>3</depth></size>\n",
        size.0, size.1
    );
    for (name, [x1, y1, x2, y2]) in objects {
        text += &format!(
            "<object><name>{name}</name><difficult>0</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>\
             <xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>\n"
        );
    }
    text + "</annotation>\n"
}

/// Three images and image sets, as BCCD has them.
fn blood() -> Folder {
    let folder = Folder::new();
    for name in ["a", "b", "c"] {
        folder.image(&format!("voc/JPEGImages/{name}.jpg"), 64, 48);
    }
    folder.write(
        "voc/Annotations/a.xml",
        &xml(
            (64, 48),
            &[
                ("WBC", ["1", "1", "64", "48"]),
                ("RBC", ["11", "21", "30", "40"]),
            ],
        ),
    );
    folder.write(
        "voc/Annotations/b.xml",
        &xml(
            (64, 48),
            &[
                ("RBC", ["18", "32", "18", "32"]),
                ("RBC", ["1", "2", "3", "4"]),
            ],
        ),
    );
    folder.write(
        "voc/Annotations/c.xml",
        &xml((64, 48), &[("Platelets", ["5", "5", "9", "9"])]),
    );
    folder.write("voc/ImageSets/Main/train.txt", "b\na\n");
    folder.write("voc/ImageSets/Main/val.txt", "c -1\n");
    folder.write("blood.yaml", "format: voc\npath: voc\n");
    folder
}

/// A size with a point is one; what is no size is said, since it is not checked then.
#[test]
fn sizes_are_read_as_tools_write_them() {
    let folder = blood();
    let page = xml((64, 48), &[("RBC", ["1", "1", "9", "9"])]);
    let write = |from: &str, to: &str| {
        assert!(page.contains(from));
        folder.write("voc/Annotations/a.xml", &page.replace(from, to));
    };
    let of_a = || {
        let set = folder.open("blood.yaml", Split::Train).unwrap();
        let of_a = problems(&set)
            .into_iter()
            .filter(|problem| problem.0.starts_with("a."));
        of_a.map(|problem| problem.2).collect::<Vec<_>>()
    };
    write("<width>64", "<width> 64.0 ");
    assert_eq!(of_a(), [""; 0]);
    write("<width>64", "<width>640.0");
    assert!(of_a()[0].contains("640×48"), "{:?}", of_a());
    write("<width>64", "<width>64px");
    assert_eq!(
        of_a(),
        [
            "size: width: expected a number of pixels, found '64px'; whether the image is of another size is not known"
        ]
    );
}

/// As Windows writes them.
#[test]
fn image_sets_may_have_backslashes() {
    let folder = blood();
    folder.image("voc/JPEGImages/more/d.jpg", 64, 48);
    folder.write(
        "voc/Annotations/more/d.xml",
        &xml((64, 48), &[("RBC", ["1", "1", "9", "9"])]),
    );
    folder.write("voc/ImageSets/Main/train.txt", "a\nmore\\d\n");
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    assert_eq!(names(&set), ["a", "more/d"]);
}

#[test]
fn boxes_count_from_one_with_the_last_pixel_in() {
    let set = blood().open("blood.yaml", Split::Train).unwrap();
    assert_eq!(
        set.classes,
        ["Platelets", "RBC", "WBC"],
        "of all splits, sorted"
    );
    assert_eq!(names(&set), ["b", "a"], "in the image set's order");
    assert_eq!(
        corners(&set, 1),
        [[0.0, 0.0, 64.0, 48.0], [10.0, 20.0, 30.0, 40.0]]
    );
    assert_eq!(corners(&set, 0), [[0.0, 1.0, 3.0, 4.0]]);
    assert_eq!(
        problems(&set),
        [(
            "b.xml".into(),
            Some(4),
            "RBC: box without area (18, 32, 18, 32)".into()
        )]
    );
}

#[test]
fn image_sets_may_have_flags_and_other_names() {
    let folder = blood();
    assert_eq!(
        names(&folder.open("blood.yaml", Split::Val).unwrap()),
        ["c"]
    );
    let error = folder.open("blood.yaml", Split::Test).unwrap_err();
    assert!(error.is_missing_split(Split::Test));
    let error = error.to_string();
    assert!(
        error.contains("key `test`") && error.contains("test.txt"),
        "{error}"
    );
    folder.write("blood.yaml", "format: voc\npath: voc\ntest: test\n");
    let error = folder.open("blood.yaml", Split::Test).unwrap_err();
    assert!(!error.is_missing_split(Split::Test), "it is named: {error}");
    folder.write(
        "blood.yaml",
        "format: voc\npath: voc\ntest: [train, val]\nnames: [WBC, RBC]\n",
    );
    let set = folder.open("blood.yaml", Split::Test).unwrap();
    assert_eq!(names(&set), ["b", "a", "c"]);
    assert_eq!(set.samples[1].annotations[0].class, 0);
    assert!(
        set.problems
            .summary(9)
            .contains("c.xml:4: unknown class 'Platelets'"),
        "{:?}",
        set.problems
    );
}

/// As the challenges give their data: train and val together, and test.
#[test]
fn without_train_and_val_the_image_set_of_both_is_trained_on() {
    let folder = blood();
    let set = |name: &str| folder.path(&format!("voc/ImageSets/Main/{name}.txt"));
    std::fs::rename(set("train"), set("trainval")).unwrap();
    let error = folder.open("blood.yaml", Split::Train).unwrap_err();
    assert!(
        error.is_missing_split(Split::Train),
        "val is in it: {error}"
    );
    assert!(
        error.to_string().ends_with(
            "train.txt does not exist; write `train: trainval` to train on that one, in which the images of val are"
        ),
        "{error}"
    );
    std::fs::rename(set("val"), set("test")).unwrap();
    let train = folder.open("blood.yaml", Split::Train).unwrap();
    assert_eq!(names(&train), ["b", "a"]);
    let note = &train.problems.list[0];
    assert_eq!(note.subject, Subject::Note);
    assert!(
        note.file.ends_with("trainval.txt")
            && note.reason == "taken for the training split: there are no image sets train and val",
        "{note}"
    );
    let error = folder.open("blood.yaml", Split::Val).unwrap_err();
    assert!(error.is_missing_split(Split::Val), "{error}");
    assert_eq!(
        names(&folder.open("blood.yaml", Split::Test).unwrap()),
        ["c"]
    );
}

#[test]
fn without_image_sets_every_image_is_in_one_split() {
    let folder = Folder::new();
    for n in 0..20 {
        folder.image(&format!("JPEGImages/{n:02}.png"), 16, 16);
        folder.write(
            &format!("Annotations/{n:02}.xml"),
            &xml((16, 16), &[("cell", ["2", "2", "9", "9"])]),
        );
    }
    let mut all = Vec::new();
    // The shuffle is part of every result.
    let of = |split| folder.open("", split).unwrap();
    assert_eq!(names(&of(Split::Val)), ["02", "19"]);
    assert_eq!(names(&of(Split::Test)), ["10", "15"]);
    let counts = Split::ALL.map(|split| {
        let set = folder.open("", split).unwrap();
        all.extend(names(&set).into_iter().map(str::to_owned));
        assert_eq!(names(&set), names(&folder.open("", split).unwrap()));
        set.samples.len()
    });
    all.sort();
    assert_eq!(counts, [16, 2, 2]);
    assert_eq!(all, (0..20).map(|n| format!("{n:02}")).collect::<Vec<_>>());

    folder.write("voc.yaml", "format: voc\nfractions: {train: 1}\n");
    assert_eq!(
        folder.open("voc.yaml", Split::Train).unwrap().samples.len(),
        20
    );
    let error = folder.open("voc.yaml", Split::Val).unwrap_err();
    assert!(error.is_missing_split(Split::Val));
    assert!(
        error
            .to_string()
            .contains("voc.yaml:2: key `fractions.val`"),
        "{error}"
    );
    folder.write(
        "voc.yaml",
        "format: voc\nfractions: {train: 0.9, val: 0.2}\n",
    );
    assert!(
        folder
            .open("voc.yaml", Split::Val)
            .unwrap_err()
            .to_string()
            .contains("at most 1")
    );
}

#[test]
fn leaves_out_what_is_bad() {
    let folder = blood();
    folder.write(
        "voc/Annotations/a.xml",
        &xml(
            (64, 48),
            &[
                ("WBC", ["1", "1", "x", "48"]),
                ("RBC", ["90", "21", "99", "40"]),
                ("RBC", ["1", "1", "80", "40"]),
            ],
        ),
    );
    folder.write("voc/Annotations/broken.xml", "<annotation><object>");
    folder.image("voc/JPEGImages/broken.jpg", 8, 8);
    folder.image("voc/JPEGImages/alone.jpg", 8, 8);
    folder.image("voc/JPEGImages/other.jpg", 8, 8);
    folder.write("voc/Annotations/other.xml", &xml((80, 8), &[]));
    folder.image("voc/JPEGImages/page.jpg", 8, 8);
    folder.write("voc/Annotations/page.xml", "<html/>");
    folder.write(
        "voc/ImageSets/Main/train.txt",
        "a\nbroken\nalone\nnone\nother\na\npage\n",
    );
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    assert_eq!(names(&set), ["a"]);
    assert_eq!(corners(&set, 0), [[0.0, 0.0, 64.0, 40.0]]);
    assert_eq!(
        (
            set.problems.images(),
            set.problems.annotations(),
            set.problems.clipped
        ),
        (5, 2, 1)
    );
    let text = set.problems.summary(9);
    for part in [
        "a.xml:4: xmax: 'x' is not a number",
        "a.xml:5: RBC: box (89, 20, 99, 40) lies outside the 64×48 image",
        "broken.xml: corrupt annotation file",
        "alone.xml: missing annotation file",
        "page.xml: expected an <annotation>, found a <html>",
        "none: missing image",
        "other.jpg: the image is 8×8 but its annotation says 80×8",
        "train.txt:6: 'a' is listed twice",
    ] {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
}

/// Images would be shared out otherwise, though the data set says what its splits are.
#[test]
fn image_sets_by_other_endings_are_an_error() {
    for ending in ["TXT", "lst"] {
        let folder = blood();
        let sets = folder.path("voc/ImageSets/Main");
        std::fs::remove_dir_all(&sets).unwrap();
        for split in ["train", "val"] {
            folder.write(&format!("voc/ImageSets/Main/{split}.{ending}"), "a\n");
        }
        let error = folder.error("blood.yaml", Split::Train);
        assert!(
            error.ends_with(&format!(
                "key `train`: expected image sets that end in .txt in voc/ImageSets/Main, found train.{ending}"
            )),
            "{error}"
        );
    }
}

#[test]
fn xml_is_in_the_encoding_that_it_declares() {
    let folder = blood();
    let declared = |name: &str, class: &[u8]| {
        let text = xml((64, 48), &[("?", ["1", "1", "5", "5"])]);
        let (before, after) = text.split_once('?').unwrap();
        let declaration = format!("<?xml version=\"1.0\" encoding=\"{name}\"?>\n");
        let parts = [declaration.as_bytes(), before.as_bytes(), class];
        [parts.concat(), after.into()].concat()
    };
    let path = folder.path("voc/Annotations/a.xml");
    std::fs::write(&path, declared("GB2312", b"\xC3\xA8")).unwrap();
    std::fs::write(
        folder.path("voc/Annotations/b.xml"),
        declared("utf-8", b"\xC3\xA8"),
    )
    .unwrap();
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    assert_eq!(set.classes, ["Platelets", "è", "猫"]);
    std::fs::write(&path, declared("KOI-9", b"x")).unwrap();
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    assert_eq!(
        problems(&set)[0].2,
        "unreadable annotation file: line 1: unknown encoding \"KOI-9\"; save the file as UTF-8"
    );
}

#[test]
fn boxes_in_shares_are_named() {
    let folder = blood();
    let objects = [
        ("RBC", ["0.1", "0.2", "0.6", "1"]),
        ("RBC", ["1", "1", "2", "2"]),
    ];
    folder.write("voc/Annotations/b.xml", &xml((64, 48), &objects));
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    assert_eq!(corners(&set, 0), [[0.0, 0.0, 2.0, 2.0]]);
    let expected =
        "RBC: box (0.1, 0.2, 0.6, 1) looks like shares of the 64×48 image; this format has pixels";
    assert_eq!(problems(&set), [("b.xml".into(), Some(4), expected.into())]);
}

#[test]
fn difficult_objects_are_ignored_unless_they_are_asked_for() {
    let folder = blood();
    let hard =
        xml((64, 48), &[("RBC", ["1", "1", "5", "5"])]).replace("<difficult>0", "<difficult>1");
    folder.write("voc/Annotations/b.xml", &hard);
    let ignored = || {
        let samples = folder.open("blood.yaml", Split::Train).unwrap().samples;
        let all = samples.iter().flat_map(|sample| &sample.annotations);
        all.map(|annotation| annotation.crowd).collect::<Vec<_>>()
    };
    assert_eq!(ignored().iter().filter(|crowd| **crowd).count(), 1);
    assert_eq!(ignored().len(), 3);
    folder.write("blood.yaml", "format: voc\npath: voc\ndifficult: true\n");
    assert_eq!(ignored(), [false; 3]);
}

/// As some tools write it: objects below another element, and names in other letters.
#[test]
fn objects_are_found_however_deep_they_lie() {
    let folder = blood();
    let object = |name: &str, more: &str| {
        format!(
            "<object><name>{name}</name>{more}<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        )
    };
    let part = "<part><name>head</name><object><name>RBC</name></object></part>";
    let nested = format!(
        "<annotation><objects>{}{}</objects></annotation>",
        object("RBC", part),
        object("WBC", "")
    );
    folder.write("voc/Annotations/a.xml", &nested);
    let shouted = object("RBC", "<Difficult>True</Difficult>").replace("bndbox", "BndBox");
    let shouted = shouted.replace("object", "Object");
    folder.write(
        "voc/Annotations/b.xml",
        &format!("<Annotation>{shouted}</Annotation>"),
    );
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    assert!(set.problems.is_empty(), "{:?}", set.problems);
    assert_eq!(names(&set), ["b", "a"]);
    let crowds = |sample: usize| {
        let annotations = set.samples[sample].annotations.iter();
        annotations.map(|object| object.crowd).collect::<Vec<_>>()
    };
    assert_eq!((crowds(0), crowds(1)), (vec![true], vec![false, false]));
}

#[test]
fn an_object_with_two_boxes_or_names_is_told_of() {
    let folder = blood();
    let bndbox = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>";
    folder.write(
        "voc/Annotations/a.xml",
        &format!(
            "<annotation>\n<object><name>RBC</name>{bndbox}\n{bndbox}</object>\n\
             <object><name>RBC</name><name>WBC</name>{bndbox}</object>\n\
             <object><name>WBC</name><difficult>perhaps</difficult>{bndbox}</object>\n</annotation>"
        ),
    );
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    let found = problems(&set);
    let said = |text: &str| found.iter().any(|(_, _, reason)| reason == text);
    assert_eq!(set.samples[1].annotations.len(), 2);
    assert!(
        found.contains(&(
            "a.xml".into(),
            Some(3),
            "second bndbox of an object, whose first is used; write an object for each".into()
        )),
        "{found:?}"
    );
    assert!(
        said("expected one name, found 'RBC' and 'WBC'"),
        "{found:?}"
    );
    assert!(
        said("difficult: expected 0 or 1, found 'perhaps'; taken for 0"),
        "{found:?}"
    );
}

#[test]
fn boxes_of_images_that_are_left_out_are_counted() {
    let folder = blood();
    std::fs::remove_file(folder.path("voc/JPEGImages/a.jpg")).unwrap();
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    assert_eq!(
        (set.problems.images(), set.problems.lost_with_images),
        (1, 2)
    );
    folder.image("voc/JPEGImages/a.jpg", 48, 64);
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    assert_eq!(
        (set.problems.images(), set.problems.lost_with_images),
        (1, 2)
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = blood();
    let pipe = folder.path("voc/Annotations/a.xml");
    std::fs::remove_file(&pipe).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let set = folder.open("blood.yaml", Split::Train).unwrap();
    let found = problems(&set);
    let reason = "unreadable annotation file: expected a file";
    assert!(found.iter().any(|(_, _, it)| it == reason), "{found:?}");
}
