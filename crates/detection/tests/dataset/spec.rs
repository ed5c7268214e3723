//! Descriptions: which splits a data set has, and errors that name file, line and key.

use ablate_detection::dataset::{DataSpec, Format, Split};

use crate::Folder;

fn one_image() -> Folder {
    let folder = Folder::new();
    folder.image("images/a.png", 8, 8);
    folder.write("labels/a.txt", "0 0.5 0.5 0.5 0.5\n");
    folder
}

#[test]
fn a_split_that_leads_nowhere_is_not_missing() {
    let folder = one_image();
    for (lines, missing) in [
        ("", true),
        ("val:\n", true),
        ("val: ''\n", true),
        ("val: []\n", true),
        ("val: images/val\n", false),
        ("val: [images, '']\n", false),
        ("val: empty\n", false),
        ("val: empty/list.txt\n", false),
        ("val: C:\\sets\\val.txt\n", false),
    ] {
        folder.write("empty/list.txt", "\r\n");
        folder.write(
            "data.yaml",
            &format!("train: images\nnames: [cat]\n{lines}"),
        );
        assert!(folder.open("data.yaml", Split::Train).is_ok());
        let error = folder.open("data.yaml", Split::Val).unwrap_err();
        assert_eq!(error.is_missing_split(Split::Val), missing, "{error}");
        assert!(!error.is_missing_split(Split::Test));
        let line = if lines.is_empty() { "" } else { ":3" };
        let start = format!("data.yaml{line}: key `val`: ");
        assert!(error.to_string().contains(&start), "{error}");
    }
    let error = folder.error("data.yaml", Split::Val);
    assert!(
        error.contains("; C:\\sets\\val.txt does not exist"),
        "{error}"
    );
}

#[test]
fn images_of_other_channels_are_refused() {
    let folder = one_image();
    for (channels, found) in [
        ("3", None),
        ("4", Some("4")),
        ("[1]", Some("- 1")),
        ("", None),
    ] {
        folder.write(
            "data.yaml",
            &format!("train: images\nnames: [cat]\nchannels: {channels}\n"),
        );
        let opened = folder.open("data.yaml", Split::Train).map(drop);
        let error = opened.err().map(|error| error.to_string());
        assert_eq!(error.is_some(), found.is_some(), "{error:?}");
        if let Some((error, found)) = error.zip(found) {
            let end = format!(
                "data.yaml:3: key `channels`: expected 3, since images are read as red, green and blue, found {found}"
            );
            assert!(error.ends_with(&end), "{error}");
        }
    }
}

#[test]
fn every_format_says_which_splits_it_lacks() {
    let folder = Folder::new();
    folder.image("c/a.png", 8, 8);
    for (yaml, missing) in [
        (
            "format: coco\ntrain: {images: c, annotations: t.json}\n",
            true,
        ),
        ("format: coco\nval:\n", true),
        (
            "format: coco\nval: {images: none, annotations: v.json}\n",
            false,
        ),
        (
            "format: coco\nval: {images: c, annotations: none.json}\n",
            false,
        ),
        ("format: shapes\nimages: {val: 0}\n", true),
        ("format: shapes\nimages: {val: 0}\nimgsz: 1\n", false),
    ] {
        folder.write("data.yaml", yaml);
        let error = folder.open("data.yaml", Split::Val).unwrap_err();
        assert_eq!(error.is_missing_split(Split::Val), missing, "{error}");
    }
}

#[test]
fn keys_are_named_by_line() {
    let folder = one_image();
    folder.write("train.json", "{}");
    for (yaml, expected) in [
        (
            "",
            "data.yaml: expected keys and values, as in `train: images/train`, found an empty file",
        ),
        ("- a\n", "data.yaml: expected keys and values"),
        (
            "train: images\nnames:\n\t0: cat\n",
            "at line 3 column 1, while scanning for the next token; YAML is indented with blanks, not with tabs",
        ),
        (
            "train: images\nnames: [a]\ntrain: b\n",
            "data.yaml:1: key `train`: listed twice: see lines 1, 3",
        ),
        (
            "train: images\nnames:\n0: cat\n",
            "data.yaml:3: key `0`: expected a word; class names must be indented below `names`",
        ),
        (
            "trian: images\n",
            "data.yaml:1: key `trian`: unknown; did you mean `train`? Known: path, train, val, test, names, nc",
        ),
        (
            "fromat: coco\ntrain: images\n",
            "data.yaml:1: key `fromat`: unknown; did you mean `format`?",
        ),
        (
            "train: images\nvall: images\n",
            "data.yaml:2: key `vall`: unknown; did you mean `val`?",
        ),
        ("train: images\nvalid: images\n", "did you mean `val`?"),
        ("train: images\nVALID: images\n", "did you mean `val`?"),
        ("train: images\nValidation: images\n", "did you mean `val`?"),
        ("train: images\nTesting: images\n", "did you mean `test`?"),
        ("train: images\nname: [cat]\n", "did you mean `names`?"),
        (
            "train: images\nnc: two\n",
            "data.yaml:2: key `nc`: expected a whole number, 0 or more, found 'two'",
        ),
        (
            "train: images\nnc: 1e300\n",
            "data.yaml:2: key `nc`: expected a whole number",
        ),
        (
            "train: images\nnc: 99999999999\n",
            "data.yaml:2: key `nc`: expected 1 to 100000 classes, found 99999999999",
        ),
        (
            "train: {a: b}\nnc: 1\n",
            "data.yaml:1: key `train`: expected a word, or a list of words",
        ),
        (
            "train: images\nnames: cat\n",
            "data.yaml:2: key `names`: expected a list of names, or a map from number to name, found 'cat'",
        ),
        (
            "train: images\nnames: [cat, ~]\n",
            "data.yaml:2: key `names`: expected a class name, found nothing",
        ),
        (
            "train: images\nnames: {cat: 0}\n",
            "data.yaml:2: key `names`: expected class numbers as keys, as in {0: cat}, found 'cat'",
        ),
        ("train: images\nnames: {1: cat}\n", "class 0 is missing"),
        (
            "train: images\nnames: [a]\nkpt_shape: [17]\n",
            "data.yaml:3: key `kpt_shape`: expected [number of keypoints, 2 or 3], found [17]",
        ),
        (
            "path: none\ntrain: images\nnames: [a]\n",
            "data.yaml:1: key `path`: expected a folder, found none: none",
        ),
        (
            "path: data.yaml\ntrain: images\nnames: [a]\n",
            "key `path`: expected a folder, found a file: data.yaml",
        ),
        (
            "format: coco\ntrain: {images: a, annotation: b}\n",
            "data.yaml:2: key `train.annotation`: unknown; did you mean `annotations`? Known: images, annotations",
        ),
        (
            "format: coco\ntrain: images\n",
            "data.yaml:2: key `train`: expected {images: FOLDER, annotations: FILE.json}, found 'images'",
        ),
        (
            "format: coco\ntrain: {images: images}\n",
            "data.yaml:2: key `train`: missing field `annotations`; expected {images: FOLDER, annotations: FILE.json}",
        ),
        (
            "train: {images: c, annotations: t.json}\nnames: [a]\n",
            "data.yaml:1: key `train`: expected a folder, a list of images or several of them, found keys and values; of COCO JSON add `format: coco`",
        ),
        (
            "train: train.json\nnames: [a]\n",
            "data.yaml:1: key `train`: expected a folder of images or a .txt file that lists them, found train.json; of COCO JSON set `format: coco`",
        ),
        (
            "format: voc\ndifficult: maybe\n",
            "data.yaml:2: key `difficult`: expected true or false, found 'maybe'",
        ),
        (
            "format: voc\nfractions:\n  train: 1\n  vall: 0\n",
            "data.yaml:4: key `fractions.vall`: unknown; did you mean `val`?",
        ),
        (
            "format: [voc]\n",
            "data.yaml:1: key `format`: expected one of yolo, coco, voc, shapes",
        ),
    ] {
        folder.write("data.yaml", yaml);
        let error = folder.error("data.yaml", Split::Train);
        assert!(
            error.contains(expected),
            "{yaml}\n{error}\nlacks {expected}"
        );
        assert!(error.chars().count() < 250, "{error}");
    }
}

#[test]
fn a_path_that_begins_with_a_tilde_is_in_the_home_folder() {
    let Some(home) = std::env::home_dir() else {
        return;
    };
    let folder = one_image();
    let none = "no such data set/of anybody";
    let expected = home.join(none).display().to_string();
    for yaml in [
        format!("path: ~/{none}\ntrain: images\nnames: [a]\n"),
        format!("train: ~/{none}\nnames: [a]\n"),
        format!("format: coco\ntrain: {{images: '~/{none}', annotations: a.json}}\n"),
        format!("format: voc\nimages: ~/{none}\n"),
    ] {
        folder.write("data.yaml", &yaml);
        let error = folder.error("data.yaml", Split::Train);
        assert!(error.contains(&expected), "{yaml}{error}");
    }
}

/// Each class once; more are a typing error, and would fill the memory once they are evaluated.
#[test]
fn many_classes_are_read_at_once() {
    let folder = one_image();
    folder.write("data.yaml", "train: images\nnc: 100000\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(set.statistics().classes.len(), 100_000);
    let names = |count: usize| {
        let names: String = (0..count).map(|n| format!("- n{n}\n")).collect();
        format!("train: images\nnames:\n{names}")
    };
    folder.write("data.yaml", &names(100_000));
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(set.classes.len(), 100_000);
    folder.write("data.yaml", &names(100_001));
    let error = folder.error("data.yaml", Split::Train);
    assert!(
        error.ends_with("key `names`: expected 1 to 100000 classes, found 100001"),
        "{error}"
    );
}

/// A terminal does what they say.
#[test]
fn control_characters_are_written_out() {
    let folder = one_image();
    folder.write("data.yaml", "train: images\nnames: [\"a\\e[31m\"]\n");
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(set.classes, ["a\\u{1b}[31m"]);
    folder.write(
        "data.yaml",
        "train: images\nnames: [a]\nformat: \"\\e[2J\"\n",
    );
    let error = folder.error("data.yaml", Split::Train);
    assert!(
        error.contains("unknown format '\\u{1b}[2J'") && !error.contains('\u{1b}'),
        "{error}"
    );
    folder.write(
        "t.json",
        r#"{"images": [{"id": 1, "file_name": "a.png"}, {"id": "\u001b", "file_name": "\u001b.png"}],
            "categories": [{"id": 1, "name": "b\t\u001b"}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]},
                            {"image_id": "\u001b", "category_id": "\u001b", "bbox": [1, 1, 5, 5]}]}"#,
    );
    folder.write(
        "data.yaml",
        "format: coco\ntrain: {images: images, annotations: t.json}\n",
    );
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(set.classes, ["b\\t\\u{1b}"]);
    let text = set.problems.lines(9);
    assert!(
        text.contains("\\u{1b}.png: missing image")
            && text.contains("no category has the id '\\u{1b}'"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn keys_of_other_tools_are_ignored() {
    let folder = one_image();
    folder.write(
        "data.yaml",
        "train: images\nval:\nname: my set\nnc: 1\ndownload: |\n  x\nroboflow: {a: 1}\ntask: detect\n",
    );
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(set.classes, ["class_0"]);
    folder.write(
        "data.yaml",
        "train: images\nname: mine\nnum_classes: 1\nnch: 3\nnames: {'0': cat}\n",
    );
    let set = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(set.classes, ["cat"]);
    folder.write("data.yaml", "format: VOC\n");
    let spec = DataSpec::load(folder.path("data.yaml")).unwrap();
    assert!(matches!(spec.format, Format::Voc(_)));
}

/// `{:#}` of an error with a source writes both.
#[test]
fn an_error_of_the_file_system_is_told_once() {
    use std::error::Error;
    let folder = Folder::new();
    let error = DataSpec::load(folder.path("none.yaml")).unwrap_err();
    assert!(
        error.to_string().ends_with("none.yaml: not found"),
        "{error}"
    );
    assert!(error.source().is_none());
}
