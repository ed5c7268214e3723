//! Files: text read as any editor writes it, errors in it by line and key, files written whole or
//! not at all, and leases, by which processes that share a folder share its work.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("from-windows.txt");
//! ablate_files::write_atomic(&file, b"\xFF\xFEa\0\r\0\n\0")?;
//! assert_eq!(ablate_files::read_text(&file)?, "a\n");
//! # Ok::<(), anyhow::Error>(())
//! ```

#![warn(missing_docs)]

mod lease;
mod process;
mod read;
mod words;
mod write;
mod yaml;

pub use lease::{Claim, Holding, Lease, Leases, Life, Timing, release_all};
pub use process::{Holder, Place};
pub use read::{decode_text, decode_xml, read_text, read_xml};
pub use words::{in_plain_words, line_of_key, place, split_line, starts_with_key, tab_hint};
pub use write::{remove_unfinished, write_atomic, write_atomic_if, write_atomic_with};
pub use yaml::check_yaml;
