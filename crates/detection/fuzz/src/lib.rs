//! A small data set of each format in memory's file system, of which one file is replaced by what
//! the fuzzer makes up. Whatever it is, opening ends with a data set or an error.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use ablate_detection::dataset::{CachedDataset, DataSpec, Dataset, Interpolation, Split};

/// The folder of this process.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    }
    .expect("a folder")
});

/// Writes a file of the data set, and gives its path.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder");
    fs::write(&path, bytes).expect("written");
    path
}

/// Writes an image of 8 × 6 pixels.
pub fn image(name: &str) {
    let path = write(name, b"");
    image::RgbImage::new(8, 6).save(path).expect("written");
}

/// Opens a split as commands do, decoding included.
pub fn open(description: &str, split: Split) {
    let file = write("data.yaml", description.as_bytes());
    if let Ok(spec) = DataSpec::load(file)
        && let Ok(dataset) = Dataset::open(&spec, split)
    {
        let _ = dataset.problems.summary(3);
        let _ = CachedDataset::open(dataset, 32, Interpolation::Linear);
    }
}
