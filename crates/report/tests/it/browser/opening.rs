//! How large the page is and how fast it opens.

use super::chromium::{Browser, Look};
use crate::support::*;

#[test]
#[ignore = "needs Chromium: just test-page"]
fn look_at_it() {
    let mut browser = Browser::start();
    for (name, records) in [
        ("small", whole_sweep()),
        ("hundreds", hundreds(false)),
        ("all", hundreds(true)),
    ] {
        let folder = std::path::PathBuf::from("/tmp/pg").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let begin = std::time::Instant::now();
        let written = write(&folder, "A test", &records).unwrap();
        println!("{name}: written in {:?}", begin.elapsed());
        let size = std::fs::metadata(&written.html).unwrap().len();
        let begin = std::time::Instant::now();
        browser.open(&written.html, Look::DESK);
        let took = browser.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))");
        println!("{name}: {size} bytes, {took} ms, {:?}", begin.elapsed());
        println!("{:?}", browser.complaints);
        for (look, file) in [
            (Look::DESK, "desk"),
            (Look::DARK, "dark"),
            (Look::PHONE, "phone"),
        ] {
            browser.look(look);
            std::fs::write(folder.join(format!("{file}.png")), browser.picture()).unwrap();
        }
        std::fs::write(folder.join("page.pdf"), browser.pdf()).unwrap();
    }
}
