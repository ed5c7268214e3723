//! Pages to look through a data set.

use std::{fs, path::Path, sync::Mutex};

use ablate_report::{
    DataPages, DataTable, PER_PAGE, SplitPages, Thumbnail, ThumbnailBox, write_data_pages,
};
use anyhow::bail;

const HOSTILE: &str = "\"><script>alert(1)</script>'&.jpg";

fn thumbnail(name: &str, classes: &[usize]) -> Thumbnail {
    let bbox = |class: &usize| ThumbnailBox {
        class: *class,
        x: 10.25,
        y: 4.0,
        width: 20.5,
        height: 30.0,
        crowd: *class == 1,
    };
    Thumbnail {
        name: name.into(),
        original: [640, 480],
        size: [320, 240],
        jpeg: vec![0xFF, 0xD8],
        boxes: classes.iter().map(bbox).collect(),
    }
}

fn split(name: &str, images: usize, problems: &[&str]) -> SplitPages {
    SplitPages {
        name: name.into(),
        images,
        problems: problems.iter().map(ToString::to_string).collect(),
    }
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn every_image_is_on_a_page_with_its_boxes() {
    let folder = tempfile::tempdir().unwrap();
    let classes = ["cat", "dog"].map(String::from);
    let pages = DataPages {
        title: "pets",
        warnings: &["1 image of train is evaluated on, too".into()],
        tables: &[DataTable {
            title: "Boxes by size".into(),
            heads: ["split", "small"].map(String::from).into(),
            rows: vec![["train", "17"].map(String::from).into()],
            note: "As COCO parts them.".into(),
        }],
        classes: &classes,
        splits: &[
            split("train", 2 * PER_PAGE + 1, &[]),
            split("val", 1, &["val/x.png: corrupt image"]),
        ],
    };
    let drawn = Mutex::new(Vec::new());
    let index = write_data_pages(folder.path(), &pages, |split, image| {
        drawn.lock().unwrap().push((split, image));
        let classes: &[usize] = match image {
            0 => &[0, 1, 1],
            200 => &[1],
            _ => &[],
        };
        Ok(thumbnail(&format!("{split}-{image}.jpg"), classes))
    })
    .unwrap();
    assert_eq!(index, folder.path().join("index.html"));
    let mut drawn = drawn.into_inner().unwrap();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 2 * PER_PAGE + 2);

    let first = read(folder.path(), "train-1.html");
    assert_eq!(first.matches("<figure class=\"shot\"").count(), PER_PAGE);
    assert!(first.contains("data-classes=\"0 1 \"") && first.contains("data-classes=\"none\""));
    assert!(
        first.contains("x=\"10.3\" y=\"4.0\" width=\"20.5\" height=\"30.0\""),
        "{first}"
    );
    assert!(first.contains("<title>dog, a crowd</title>") && first.contains("640×480"));
    assert!(first.contains("href=\"train-2.html\"") && !first.contains("rel=\"prev\""));
    let last = read(folder.path(), "train-3.html");
    assert_eq!(last.matches("<figure class=\"shot\"").count(), 1);
    assert!(last.contains("href=\"train-2.html\"") && !last.contains("rel=\"next\""));

    let index = read(folder.path(), "index.html");
    for text in [
        "1 image of train is evaluated on, too",
        "val&#x2f;x.png: corrupt image",
        "<td>17</td>",
        "As COCO parts them.",
        "<a href=\"train-3.html\" data-classes=\"1 \">201–201</a>",
        "<option value=\"1\">dog</option>",
    ] {
        assert!(index.contains(text), "{text} is missing");
    }
    // Nothing is loaded from elsewhere.
    for page in [first, last, index] {
        assert!(!page.contains("http") && !page.contains("<link") && !page.contains(" src=\""));
    }
}

#[test]
fn names_are_shown_as_they_are_and_are_no_markup() {
    let folder = tempfile::tempdir().unwrap();
    let classes = [HOSTILE.to_owned()];
    let pages = DataPages {
        title: HOSTILE,
        warnings: &[HOSTILE.into()],
        tables: &[DataTable {
            title: HOSTILE.into(),
            heads: vec![HOSTILE.into()],
            rows: vec![vec![HOSTILE.into()]],
            note: HOSTILE.into(),
        }],
        classes: &classes,
        splits: &[split("train", 1, &[HOSTILE])],
    };
    write_data_pages(folder.path(), &pages, |_, _| {
        Ok(thumbnail(HOSTILE, &[0, 7]))
    })
    .unwrap();
    for name in ["index.html", "train-1.html"] {
        let page = read(folder.path(), name);
        assert!(!page.contains("<script>alert"), "{name}");
        assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)"), "{name}");
        assert_eq!(page.matches("<script").count(), 1, "{name}: ours");
    }
}

#[test]
fn pages_of_an_earlier_run_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |splits: &[SplitPages]| {
        let pages = DataPages {
            title: "pets",
            warnings: &[],
            tables: &[],
            classes: &[],
            splits,
        };
        write_data_pages(folder.path(), &pages, |_, _| Ok(thumbnail("a.jpg", &[]))).unwrap();
    };
    let names = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    write(&[split("train", PER_PAGE + 1, &[]), split("val", 1, &[])]);
    let ours = ["index.html", "train-1.html", "train-2.html", "val-1.html"];
    assert_eq!(names(), ours);
    let others = [
        "notes.html",
        "train-02.html",
        "train-9.html",
        "train-x.html",
    ];
    for name in others {
        let page = fs::read_to_string(folder.path().join("train-1.html")).unwrap();
        let text = if name == "train-9.html" {
            "mine"
        } else {
            &page
        };
        fs::write(folder.path().join(name), text).unwrap();
    }
    write(&[split("train", 1, &[])]);
    assert_eq!(
        names(),
        [
            "index.html",
            "notes.html",
            "train-02.html",
            "train-1.html",
            "train-9.html",
            "train-x.html"
        ]
    );
}

#[test]
fn an_image_that_cannot_be_drawn_is_an_error_and_no_index() {
    let folder = tempfile::tempdir().unwrap();
    let pages = DataPages {
        title: "pets",
        warnings: &[],
        tables: &[],
        classes: &[],
        splits: &[split("train", 3, &[])],
    };
    let error = write_data_pages(folder.path(), &pages, |_, image| match image {
        2 => bail!("no pixels"),
        _ => Ok(thumbnail("a.jpg", &[])),
    })
    .unwrap_err();
    assert_eq!(error.to_string(), "no pixels");
    assert!(!folder.path().join("index.html").exists());
}
