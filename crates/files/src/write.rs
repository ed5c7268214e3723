//! Atomic writes: a file is the old one or the new one, never half of each. Others read while we
//! write, and a run may be killed.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::Duration,
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

/// As [`write_atomic`], if `is_ours` says so once all is written: a write may take long, and the work
/// be another's by then.
///
/// # Errors
/// The path, and why it cannot be written, or that it is another's; an old file stays as it was.
pub fn write_atomic_if(path: &Path, bytes: &[u8], is_ours: impl FnOnce() -> bool) -> Result<()> {
    write_atomic_with(path, |file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        match is_ours() {
            true => Ok(()),
            false => Err(io::Error::other("another run has taken this work over")),
        }
    })
}

/// No file takes so long to write.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Removes what processes were writing into a folder as they were killed: those of this machine, and
/// those of others, or before the machine was started anew, that have written nothing for a day.
pub fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(writer) = name.to_str().and_then(Holder::of_prefix) else {
            continue;
        };
        let is_old = || -> io::Result<bool> {
            let age = entry.metadata()?.modified()?.elapsed();
            Ok(age.is_ok_and(|age| age > LONG))
        };
        if !writer
            .is_alive()
            .unwrap_or_else(|| !is_old().unwrap_or(false))
        {
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

    /// Of a machine that is no more, after a day.
    #[test]
    fn what_another_machine_was_writing_is_removed_once_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["a", "b"].map(|name| folder.path().join(format!(".1f.7.99.{name}.part")));
        for (file, age) in [(&old, LONG * 2), (&new, LONG / 2)] {
            let file = fs::File::create(file).unwrap();
            file.set_modified(std::time::SystemTime::now() - age)
                .unwrap();
        }
        remove_unfinished(folder.path());
        assert_eq!((old.exists(), new.exists()), (false, true));
    }
}
