//! This program's files, told from others by the same names, which are not to be overwritten.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result, ensure};

/// What every page of ours holds.
pub(crate) const PAGE: &str = "<p class=\"name\">ablate</p>";

/// What the heads of our CSV have, behind `sweep` where it compares several.
pub(crate) const CSV: &str = "family,variant,scale,model,";

/// Refuses a folder for reports that has a `report.html` or `results.csv` of other hands.
///
/// # Errors
/// The path of the file that would be overwritten, or that can't be read.
pub fn check_own(folder: &Path) -> Result<()> {
    check_page(&folder.join("report.html"))?;
    check(&folder.join("results.csv"), |text| {
        let heads = text.lines().next();
        heads.is_some_and(|heads| heads.contains(CSV))
    })
}

/// Refuses a page of other hands.
pub(crate) fn check_page(page: &Path) -> Result<()> {
    check(page, is_page)
}

/// Whether a text is a page of ours.
pub(crate) fn is_page(text: &str) -> bool {
    text.contains(PAGE)
}

fn check(file: &Path, is_own: impl Fn(&str) -> bool) -> Result<()> {
    let text = match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        bytes => bytes.with_context(|| format!("cannot read {}", file.display()))?,
    };
    ensure!(
        is_own(&String::from_utf8_lossy(&text)),
        "{}: expected none, or an earlier one of this program, found another file; choose another folder",
        file.display()
    );
    Ok(())
}
