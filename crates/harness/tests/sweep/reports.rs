//! Reports of sweeps' folders, alone and side by side.

use std::fs;

use crate::common::ablate;
use crate::support::{Sweep, rows};

fn costs(name: &str, variants: &str) -> Sweep {
    let sweep = Sweep::new(&format!(
        "name: {name}\nfamilies: [yolov5]\nscales: [n, s]\nvariants: [{variants}]\nmargin: 1.0\n"
    ));
    sweep.run(&["-q"]).ok();
    sweep
}

#[test]
fn a_table_is_printed_or_written_to_a_file() {
    let sweep = costs("costs", "baseline, gsconv");
    let out = sweep.out();
    let out = out.to_str().unwrap();
    let report = |more: &[&str]| ablate(&[&["report", out], more].concat());
    let before = fs::read(sweep.out().join("report.html")).unwrap();
    let markdown = report(&["--format", "markdown"]).ok();
    assert!(markdown.contains("\n| yolov5n+gsconv |"), "{markdown}");
    let latex = report(&["--format", "latex", "--scale", "s", "--columns", "layers"]).ok();
    assert!(
        latex.contains("\nyolov5s+gsconv & ") && !latex.contains("yolov5n"),
        "{latex}"
    );
    let file = sweep.folder.path().join("table.csv");
    let written = report(&["--format", "csv", "--output", file.to_str().unwrap()]).ok();
    assert_eq!(written, "");
    assert_eq!(rows(&file).len(), 4);
    assert_eq!(
        fs::read(sweep.out().join("report.html")).unwrap(),
        before,
        "the report is left alone"
    );
    for (more, words) in [
        (
            &["--format", "latex", "--columns", "parms"][..],
            "unknown column 'parms'; did you mean params",
        ),
        (
            &["--format", "csv", "--scale", "q"],
            "unknown scale 'q'; known: n, s",
        ),
        (&["--columns", "params"], "--columns: requires --format"),
        (&["--margin", "0"], "--margin: expected points"),
        (&["--margin", "-1"], "--margin: expected points"),
    ] {
        let error = report(more).refused();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_folder_in_which_nothing_was_measured_has_no_report() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("records")).unwrap();
    let error = ablate(&["report", folder.path().to_str().unwrap()]).refused();
    assert!(error.contains("expected records, found none"), "{error}");
    assert!(!folder.path().join("report.html").exists());
}

#[test]
fn sweeps_are_compared_in_a_folder_of_their_own() {
    let (one, two) = (
        costs("one", "baseline, gsconv"),
        costs("two", "baseline, asff"),
    );
    let folder = |sweep: &Sweep| sweep.out().to_str().unwrap().to_owned();
    let (a, b) = (folder(&one), folder(&two));
    let out = one.folder.path().join("compared");
    let screen = ablate(&["compare", &a, &b, "--out", out.to_str().unwrap()]).ok();
    assert!(screen.starts_with("Models: in "), "{screen}");
    let rows = rows(&out.join("results.csv"));
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row["sweep"].ends_with("/out")));
    assert!(out.join("report.html").exists() && out.join("plots").is_dir());
    let csv = ablate(&["compare", &a, &b, "--format", "csv"]).ok();
    assert!(csv.starts_with("model,sweep,"), "{csv}");

    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().to_str().unwrap();
    for (folders, words) in [
        ([&a, empty], "found no records/ in it"),
        ([&a, "no/such/folder"], "no/such/folder"),
        ([&a, &a], "expected another folder, found it twice"),
    ] {
        let error = ablate(&["compare", folders[0], folders[1]]).refused();
        assert!(error.contains(words), "{error}");
    }
    let error = ablate(&["compare", &a, &b, "--out", "x", "--format", "csv"]).refused();
    assert!(error.contains("--out: requires --format html"), "{error}");
    // An earlier one is written anew, a file of other hands is not.
    let again = ["compare", &a, &b, "--out", out.to_str().unwrap()];
    ablate(&again).ok();
    for name in ["report.html", "results.csv"] {
        let (file, ours) = (out.join(name), fs::read(out.join(name)).unwrap());
        fs::write(&file, "mine").unwrap();
        let error = ablate(&again).refused();
        assert!(
            error.contains(name) && error.contains("found another file"),
            "{error}"
        );
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        fs::write(&file, ours).unwrap();
    }
    let error = ablate(&["compare", &a, &b, "--out", &a]).refused();
    assert!(
        error.contains("--out: expected a folder of its own"),
        "{error}"
    );
}
