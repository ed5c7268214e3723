//! Who holds what, as others see it.

use std::{
    fs, io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    Leases,
    entry::{list, path, read},
};
use crate::process::{Holder, value};

/// A claim as others see it.
#[derive(Clone, Debug)]
pub struct Holding {
    /// Of the work.
    pub name: String,
    /// Who does it.
    pub holder: Holder,
    /// Since when, by the holder's clock; None in files of earlier versions.
    pub since: Option<SystemTime>,
    /// The last heartbeat, by the clock of the file system.
    pub beat: Option<SystemTime>,
}

impl Leases {
    /// The claims that live now, by name. One of another machine lives for all that a single look
    /// can tell: its last heartbeat says more.
    ///
    /// # Errors
    /// A folder that can't be read.
    pub fn holders(&self) -> io::Result<Vec<Holding>> {
        let mut holders = Vec::new();
        for (name, generation) in list(&self.folder)? {
            let file = path(&self.folder, &name, generation);
            if let Some(text) = read(&file)?
                && !self.is_gone(&file, &text)
            {
                let seconds: Option<u64> = value(&text, "since: ").parse().ok();
                holders.push(Holding {
                    name,
                    holder: Holder::parse(&text),
                    since: seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
                    beat: fs::metadata(&file).and_then(|file| file.modified()).ok(),
                });
            }
        }
        holders.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(holders)
    }
}
