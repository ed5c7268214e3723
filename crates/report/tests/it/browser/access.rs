//! axe-core finds no serious fault.

use super::chromium::Look;
use super::{Report, showing};

/// Serious and critical faults, with the first of the elements that have them.
const FAULTS: &str = r#"axe.run(document, { resultTypes: ["violations"] }).then(({ violations, passes }) =>
  passes.length === 0 ? ["axe found nothing to look at"]
  : violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.length} times, such as ${nodes[0].html} ${nodes[0].failureSummary}`))"#;

#[test]
#[ignore = "needs Chromium and axe-core: just test-page"]
fn axe_finds_no_serious_fault() {
    let file = std::env::var("ABLATE_AXE")
        .expect("ABLATE_AXE names axe.min.js, as `just test-page` sets it");
    let axe = std::fs::read_to_string(file).unwrap();
    let few = Report::of(&crate::support::hundreds(true)[..4 * 5 * 14]);
    for report in [Report::small(), few] {
        for look in [Look::DESK, Look::DARK, Look::PHONE] {
            let mut browser = showing(&report, look);
            browser.lay_out();
            browser.value(&format!("{axe}; null"));
            assert_eq!(browser.texts(FAULTS), [""; 0], "{look:?}");
        }
    }
}
