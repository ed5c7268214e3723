//! Pages that an earlier run left in the folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::own;

/// Removes the pages of an earlier run, of more images or other splits: what the index does not lead
/// to is of other data. A file that is not ours stays.
pub(super) fn remove(folder: &Path, written: &BTreeSet<&str>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| is_page(name) && !written.contains(name)) {
            continue;
        }
        if fs::read_to_string(&path).is_ok_and(|page| own::is_page(&page)) {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// Whether a file's name is one that [`super::file`] gives.
fn is_page(name: &str) -> bool {
    let stem = name
        .strip_suffix(".html")
        .and_then(|stem| stem.rsplit_once('-'));
    stem.is_some_and(|(split, number)| {
        ["train", "val", "test"].contains(&split)
            && number
                .parse()
                .is_ok_and(|n: usize| n > 0 && n.to_string() == number)
    })
}
