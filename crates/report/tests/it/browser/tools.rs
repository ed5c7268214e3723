//! What a reader does with the page: sort, filter, and ask for tooltips, by mouse and by keyboard.

use super::chromium::{Browser, Look};
use super::{Report, showing};

/// The figures of a column of the summary that are shown, scale by scale; null where there is none.
fn column(browser: &mut Browser, heading: &str) -> Vec<Vec<Option<f64>>> {
    let values = browser.value(&format!(
        "(() => {{ const table = document.querySelector('#summary table');
           const place = [...table.tHead.rows[0].cells].findIndex(head => head.textContent === '{heading}');
           return [...table.tBodies].map(body => [...body.rows].filter(row => !row.hidden)
             .map(row => row.cells[place].dataset.sort ?? null).map(x => x === null ? null : Number(x))); }})()"
    ));
    serde_json::from_value(values).unwrap()
}

fn heading(heading: &str) -> String {
    format!(
        "[...document.querySelectorAll('#summary th button')].find(b => b.textContent === '{heading}')"
    )
}

fn is_sorted(values: &[Option<f64>], down: bool) -> bool {
    // Gaps stand last.
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let gaps_last = values[..known.len()].iter().all(Option::is_some);
    gaps_last
        && known.windows(2).all(|pair| {
            if down {
                pair[0] >= pair[1]
            } else {
                pair[0] <= pair[1]
            }
        })
}

#[test]
#[ignore = "needs Chromium: just test-page"]
fn a_heading_sorts_by_mouse_and_by_keyboard() {
    let report = Report::small();
    let mut browser = showing(&report, Look::DESK);
    let before = column(&mut browser, "Latency, ms");
    assert!(before.len() == 5 && !before.iter().all(|scale| is_sorted(scale, false)));
    browser.mouse(&heading("Latency, ms"), true);
    assert!(
        column(&mut browser, "Latency, ms")
            .iter()
            .all(|scale| is_sorted(scale, false))
    );
    browser.key("Enter");
    assert!(
        column(&mut browser, "Latency, ms")
            .iter()
            .all(|scale| is_sorted(scale, true))
    );
    let state = "document.querySelector('#summary th[aria-sort]').ariaSort";
    assert_eq!(browser.value(state), "descending");
    browser.value(&format!("{}.focus()", heading("GFLOPs")));
    browser.key(" ");
    assert!(
        column(&mut browser, "GFLOPs")
            .iter()
            .all(|scale| is_sorted(scale, false))
    );
    assert_eq!(browser.complaints, [""; 0]);
}

const NAMES: &str = "[...document.querySelectorAll('#summary tbody tr:not([hidden]) th')].map(head => head.textContent)";

#[test]
#[ignore = "needs Chromium: just test-page"]
fn a_long_table_filters_by_words_and_by_the_front() {
    let report = Report::large();
    let mut browser = showing(&report, Look::DESK);
    assert_eq!(browser.texts(NAMES).len(), 560);
    browser.mouse(
        "document.querySelector('#summary input[type=search]')",
        true,
    );
    browser.type_text("Ghost -asff");
    let names = browser.texts(NAMES);
    assert!(!names.is_empty() && names.len() < 200);
    assert!(
        names
            .iter()
            .all(|name| name.contains("ghost") && !name.contains("asff")),
        "{names:?}"
    );
    let count = "document.querySelector('#summary output').textContent";
    assert_eq!(
        browser.value(count),
        format!("{} of 560 models", names.len())
    );

    let front = "[...document.querySelectorAll('#summary .tools input[type=checkbox]')][0]";
    browser.mouse(front, true);
    let on_front = browser.texts(NAMES);
    assert!(!on_front.is_empty() && on_front.len() < names.len());
    assert!(
        on_front.iter().all(|name| name.contains('◆')),
        "{on_front:?}"
    );

    // All scales in one order, and back.
    browser.mouse(front, true);
    browser.mouse(
        "[...document.querySelectorAll('#summary .tools input[type=checkbox]')][1]",
        true,
    );
    browser.mouse(&heading("GFLOPs"), true);
    let all: Vec<Option<f64>> = column(&mut browser, "GFLOPs").concat();
    assert!(all.len() == names.len() && is_sorted(&all, false));
    browser.mouse(
        "[...document.querySelectorAll('#summary .tools input[type=checkbox]')][1]",
        true,
    );
    let scales = column(&mut browser, "GFLOPs");
    assert!(
        !is_sorted(&scales.concat(), false)
            || scales.len() == 1
            || scales.iter().all(|scale| is_sorted(scale, false))
    );
    assert!(scales.iter().filter(|scale| !scale.is_empty()).count() == 5);
    assert_eq!(browser.complaints, [""; 0]);
}

#[test]
#[ignore = "needs Chromium: just test-page"]
fn a_short_table_has_no_filter() {
    let report = Report::of(&crate::support::whole_sweep()[..12]);
    let mut browser = showing(&report, Look::DESK);
    assert_eq!(
        browser.value("document.querySelectorAll('.tools').length"),
        0
    );
}

/// The tooltip that is shown; empty if there is none.
fn tip(browser: &mut Browser) -> String {
    let shown = "(() => { const tip = document.getElementById('tip'); const at = tip.getBoundingClientRect();
        if (tip.hidden) return ''; if (at.left < 0 || at.right > innerWidth || at.top < 0) return 'out of sight';
        return tip.textContent; })()";
    browser.value(shown).as_str().unwrap().to_string()
}

#[test]
#[ignore = "needs Chromium: just test-page"]
fn tooltips_come_by_keyboard_too() {
    let report = Report::small();
    let mut browser = showing(&report, Look::DESK);
    // A heading, then on to the first figure of the table, and across it.
    browser.value("document.querySelector('#summary thead th:nth-last-child(2) button').focus()");
    browser.key("Tab");
    assert!(tip(&mut browser).contains("change against the baseline"));
    browser.key("Tab");
    assert_eq!(tip(&mut browser), "1,872,157", "the baseline's parameters");
    browser.key("ArrowDown");
    assert_eq!(tip(&mut browser), "3,244,662");
    browser.key("ArrowRight");
    assert_eq!(tip(&mut browser), "worse");
    browser.key("Escape");
    assert_eq!(tip(&mut browser), "");

    browser.value("document.querySelector('#accuracy svg').focus()");
    browser.key("ArrowRight");
    let first = tip(&mut browser);
    assert!(
        first.starts_with("yolov5n+mobilenetv2: 0.28 GFLOPs, 35.1 mAP50-95"),
        "{first}"
    );
    browser.key("ArrowRight");
    assert!(tip(&mut browser).starts_with("yolov5n+ghost: "));

    browser.mouse(
        "document.querySelector('#accuracy svg :is(polygon, circle):is(:has(title), [data-tip])')",
        false,
    );
    assert!(tip(&mut browser).contains("mAP50-95"));
    browser.mouse("document.querySelector('h1')", false);
    assert_eq!(tip(&mut browser), "");
    assert_eq!(browser.complaints, [""; 0]);
}
