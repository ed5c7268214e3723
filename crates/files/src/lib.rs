//! Files: text read as any editor writes it, and files written whole or not at all.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("from-windows.txt");
//! ablate_files::write_atomic(&file, b"\xFF\xFEa\0\r\0\n\0")?;
//! assert_eq!(ablate_files::read_text(&file)?, "a\n");
//! # Ok::<(), anyhow::Error>(())
//! ```

#![warn(missing_docs)]

mod read;
mod write;

pub use read::{decode_text, read_text};
pub use write::{write_atomic, write_atomic_with};
