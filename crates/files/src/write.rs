//! Atomic writes: a file is the old one or the new one, never half of each. Others read while we
//! write, and a run may be killed.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, Result};

use crate::process::Holder;

/// Writes `bytes` to `path`; creates its folder if it does not exist.
///
/// # Errors
/// The path, and why it cannot be written; an old file stays as it was.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// Removes what processes of this machine were writing into a folder as they were killed.
pub fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let writer = name.to_str().and_then(Holder::of_prefix);
        if writer.is_some_and(|writer| !writer.is_alive_here()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

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
        let (prefix, mut builder) = (Holder::own().prefix(), tempfile::Builder::new());
        // Temporary files are private by default; a sweep's folder may be shared, so the umask
        // decides.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder
            .prefix(&prefix)
            .suffix(".part")
            .tempfile_in(folder)?;
        fill(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_was_writing_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Holder::gone();
        let file = |name: String| folder.path().join(name);
        let files = [
            file(gone.prefix() + "a.part"),
            file(Holder::own().prefix() + "b.part"),
            file("c.part".into()),
        ];
        files.iter().for_each(|file| fs::write(file, "").unwrap());
        remove_unfinished(folder.path());
        let left: Vec<bool> = files.iter().map(|file| file.exists()).collect();
        assert_eq!(left, [cfg!(not(target_os = "linux")), true, true]);
    }
}
