//! Where things stand: nothing is cut off on a phone or on paper, and no mark lies outside its plot.

use super::chromium::Look;
use super::{Report, showing};

/// The marks and texts of the plots that are shown, if they reach beyond their plot, and plots that
/// reach beyond the window.
const STRAY: &str = r#"(() => {
  const stray = [];
  const wide = document.documentElement.clientWidth;
  let seen = 0;
  for (const plot of document.querySelectorAll("figure svg")) {
    const box = plot.getBoundingClientRect();
    if (box.width === 0) continue;
    seen++;
    const title = plot.getAttribute("aria-label");
    if (box.left < 0 || box.right > wide + 0.5) stray.push(`${title}: ${box.left} to ${box.right}`);
    for (const mark of plot.querySelectorAll("circle, polygon, polyline, rect, text")) {
      const at = mark.getBoundingClientRect();
      const out = at.left < box.left - 0.5 || at.right > box.right + 0.5 || at.top < box.top - 0.5 || at.bottom > box.bottom + 0.5;
      if (out) stray.push(`${title}: ${mark.outerHTML}`);
    }
  }
  return seen < 5 ? [`${seen} plots`] : stray;
})()"#;

/// Texts and tables that reach beyond the paper.
const CUT: &str = r#"(() => {
  const wide = document.documentElement.clientWidth;
  const cut = [];
  for (const part of document.querySelectorAll("main td, main th, main p, main li, main pre, h1, h2")) {
    const at = part.getBoundingClientRect();
    if (at.width > 0 && (at.left < -0.5 || at.right > wide + 0.5)) cut.push(`${at.right}: ${part.outerHTML.slice(0, 200)}`);
  }
  return cut.slice(0, 5);
})()"#;

#[test]
#[ignore = "needs Chromium: just test-page"]
fn a_phone_shows_all_of_every_plot_and_does_not_scroll_sideways() {
    for report in [Report::small(), Report::large()] {
        let mut browser = showing(&report, Look::PHONE);
        browser.lay_out();
        let width = "document.documentElement.scrollWidth";
        assert_eq!(
            browser.value(width).as_u64(),
            browser
                .value("document.documentElement.clientWidth")
                .as_u64()
        );
        assert_eq!(browser.texts(STRAY), [""; 0]);
        let letters = "Math.min(...[...document.querySelectorAll('.narrow svg text')].map(text => \
             parseFloat(text.getAttribute('font-size')) * text.getBoundingClientRect().height / text.getBBox().height))";
        let letters = browser.value(letters).as_f64().unwrap();
        assert!(letters > 9.0, "letters of {letters} pixels");
        browser.look(Look::DESK);
        assert_eq!(browser.texts(STRAY), [""; 0]);
    }
}

#[test]
#[ignore = "needs Chromium: just test-page"]
fn paper_cuts_nothing_off() {
    for report in [Report::small(), Report::large()] {
        let mut browser = showing(&report, Look::PAPER);
        assert_eq!(browser.texts(CUT), [""; 0]);
        assert_eq!(browser.texts(STRAY), [""; 0]);
        let tools =
            browser.value("getComputedStyle(document.querySelector('.tools, .js')).display");
        assert_eq!(tools, "none");
        let letters = browser
            .value("parseFloat(getComputedStyle(document.querySelector('#summary td')).fontSize)");
        assert!(letters.as_f64().unwrap() >= 7.0, "{letters}");
        assert!(browser.pdf().starts_with(b"%PDF"));
    }
}

#[test]
#[ignore = "needs Chromium: just test-page"]
fn dark_is_dark_on_the_screen_and_white_on_paper() {
    let report = Report::small();
    let mut browser = showing(&report, Look::DARK);
    let paper = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b)";
    let dot = "getComputedStyle(document.querySelector('figure svg rect')).fill.match(/\\d+/g).map(Number).reduce((a, b) => a + b)";
    assert!(browser.value(paper).as_u64().unwrap() < 120);
    assert!(
        browser.value(dot).as_u64().unwrap() < 120,
        "the plots' paper"
    );
    browser.look(Look {
        print: true,
        ..Look::DARK
    });
    assert_eq!(browser.value(paper).as_u64().unwrap(), 3 * 255);
    assert_eq!(browser.value(dot).as_u64().unwrap(), 3 * 255);
}

/// Cells of "AP by class" that are bold without being a best, as baselines are elsewhere, and bests
/// that are not bold.
const WRONGLY_BOLD: &str = r#"(() => {
  const cells = [...document.querySelectorAll("section[id=classes] tbody td")];
  const wrong = (cell) => (getComputedStyle(cell).fontWeight >= 600) !== cell.classList.contains("best");
  return cells.length === 0 ? ["no cells"] : cells.filter(wrong).map((cell) => cell.parentElement.textContent);
})()"#;

#[test]
#[ignore = "needs Chromium: just test-page"]
fn only_the_best_of_a_class_is_bold() {
    let mut browser = showing(&Report::small(), Look::DESK);
    browser.lay_out();
    assert_eq!(browser.texts(WRONGLY_BOLD), [""; 0]);
}
