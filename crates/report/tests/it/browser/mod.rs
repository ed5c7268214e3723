//! The page in a real browser: `just test-page`. Ignored by `cargo test`, since not every machine
//! has Chromium.
//!
//! With a folder's name in `ABLATE_PAGES`, the pages that are tested are kept there as HTML, PNG and
//! PDF, to look at.

mod access;
mod chromium;
mod opening;
mod places;
mod tools;

use std::path::PathBuf;

use chromium::{Browser, Look};

use crate::support::{cell, detect, done, hundreds, whole_sweep, write};

/// A report in a folder of its own.
struct Report {
    _folder: tempfile::TempDir,
    page: PathBuf,
}

impl Report {
    fn of(records: &[ablate_records::Record]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let page = write(folder.path(), "A test", records).unwrap().html;
        Self {
            _folder: folder,
            page,
        }
    }

    /// A sweep of six variants, two of which were timed from an image to its boxes.
    fn small() -> Self {
        let mut records = whole_sweep();
        for (variant, ms) in [("baseline", 20.0), ("gsconv", 22.0)] {
            records.push(done(&cell(variant, "n"), detect(ms)));
        }
        Self::of(&records)
    }

    /// A sweep of 560 models.
    fn large() -> Self {
        Self::of(&hundreds(false))
    }
}

/// A browser that shows a report.
fn showing(report: &Report, look: Look) -> Browser {
    let mut browser = Browser::start();
    browser.open(&report.page, look);
    browser
}
