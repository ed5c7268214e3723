//! How large the page is, how fast it opens, and that nothing complains.

use std::path::PathBuf;

use super::Report;
use super::chromium::{Browser, Look};
use crate::support::*;

/// Bytes of a page with 560 models.
const LARGEST: u64 = 3_000_000;

#[test]
#[ignore = "needs Chromium: just test-page"]
fn nothing_complains_and_hundreds_of_models_open_within_a_second() {
    let mut browser = Browser::start();
    for (name, records) in [
        ("small", whole_sweep()),
        ("hundreds", hundreds(false)),
        ("hundreds-trained", hundreds(true)),
    ] {
        let report = Report::of(&records);
        keep_page(name, &report);
        let size = std::fs::metadata(&report.page).unwrap().len();
        assert!(size < LARGEST, "{name}: {size} bytes");
        browser.open(&report.page, Look::DESK);
        browser.value("new Promise(done => requestAnimationFrame(() => setTimeout(done)))");
        let took = browser.worked_ms();
        println!("{name}: {size} bytes, {took:.0} ms");
        assert!((1.0..1000.0).contains(&took), "{name}: {took} ms");
        for look in [Look::DARK, Look::PHONE, Look::PAPER] {
            browser.look(look);
        }
        assert_eq!(browser.complaints, [""; 0], "{name}");
        keep(&mut browser, name);
    }
}

/// Where pages are kept to be looked at; None unless the environment names a folder.
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("ABLATE_PAGES")?);
    std::fs::create_dir_all(&folder).unwrap();
    Some(folder)
}

fn keep_page(name: &str, report: &Report) {
    if let Some(folder) = folder() {
        std::fs::copy(&report.page, folder.join(format!("{name}.html"))).unwrap();
    }
}

/// Keeps pictures of a page.
fn keep(browser: &mut Browser, name: &str) {
    let Some(folder) = folder() else { return };
    let file = |end: &str| folder.join(format!("{name}{end}"));
    browser.lay_out();
    for (look, word) in [
        (Look::DESK, "desk"),
        (Look::DARK, "dark"),
        (Look::PHONE, "phone"),
    ] {
        browser.look(look);
        std::fs::write(file(&format!("-{word}.png")), browser.picture()).unwrap();
    }
    std::fs::write(file(".pdf"), browser.pdf()).unwrap();
}
