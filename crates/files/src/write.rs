//! Atomic writes: a file is the old one or the new one, never half of each. Others read while we
//! write, and a run may be killed.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, Result};

/// Writes `bytes` to `path`; creates its folder if it does not exist.
///
/// # Errors
/// The path, and why it cannot be written; an old file stays as it was.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// Removes what writers that were killed have left in a folder. Nobody else may be writing there.
pub fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// What a file is called while it is written, around something random.
const PREFIX: &str = ".";
const SUFFIX: &str = ".part";

/// As [`write_atomic`], with the content that `fill` writes: into a new file in the same folder,
/// which then replaces `path`.
///
/// # Errors
/// The path, and why it cannot be written; an old file stays as it was.
pub fn write_atomic_with(
    path: &Path,
    fill: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> Result<()> {
    let attempt = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; a sweep's folder may be shared, so the umask
        // decides.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)?;
        fill(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}
