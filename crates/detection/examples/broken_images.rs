//! What becomes of broken images: decodes the files of each folder, and images that it breaks
//! itself, and prints a table. None may panic, hang or take memory without bound.
//!
//!     broken_images [--mutants COUNT SEED] FOLDER…
//!
//! With `--mutants`, that many are made of the folders' files by truncation, flipped bits and
//! splices.

#[path = "../tests/dataset/broken.rs"]
mod broken;

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use ablate_detection::dataset::ImageSource;

/// Longer is a hang.
const LIMIT: Duration = Duration::from_secs(20);

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// What became of a suite's images.
#[derive(Default)]
struct Tally {
    files: usize,
    decoded: usize,
    named: usize,
    hangs: usize,
    slowest: Duration,
    slowest_name: String,
}

impl Tally {
    fn add(&mut self, file: &Path, name: &str) {
        let (sender, receiver) = mpsc::channel();
        let source = ImageSource::File(file.to_owned());
        let start = Instant::now();
        thread::spawn(move || sender.send(source.decode().map(drop)));
        let outcome = receiver.recv_timeout(LIMIT);
        let time = start.elapsed();
        self.files += 1;
        match outcome {
            Ok(Ok(())) => self.decoded += 1,
            Ok(Err(reason)) => {
                assert!(!reason.is_empty(), "{name}");
                self.named += 1;
                if env::var_os("SHOW").is_some() {
                    eprintln!("{name}: {reason}");
                }
            }
            Err(_) => self.hangs += 1,
        }
        if time > self.slowest {
            (self.slowest, self.slowest_name) = (time, name.to_owned());
        }
    }

    fn print(&self, suite: &str) {
        println!(
            "{suite:<40} {:>7} {:>7} {:>7} {:>6} {:>5} {:>9.1}  {}",
            self.files,
            self.decoded,
            self.named,
            PANICS.swap(0, Ordering::Relaxed),
            self.hangs,
            self.slowest.as_secs_f64() * 1e3,
            self.slowest_name
        );
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let mut mutants = None;
    if arguments.first().is_some_and(|first| first == "--mutants") {
        let numbers: Vec<String> = arguments.drain(..3.min(arguments.len())).collect();
        let [_, count, seed] = numbers.as_slice() else {
            return Err("--mutants COUNT SEED FOLDER…".into());
        };
        mutants = Some((count.parse::<usize>()?, seed.parse::<u64>()?));
    }
    // The library turns panics into problems of the image; here they are counted.
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        eprintln!("{panic}");
    }));
    println!(
        "{:<40} {:>7} {:>7} {:>7} {:>6} {:>5} {:>9}",
        "suite", "files", "decoded", "named", "panics", "hangs", "slowest ms"
    );
    let mut all = Vec::new();
    for folder in &arguments {
        let files = images_below(Path::new(folder))?;
        let mut tally = Tally::default();
        for file in &files {
            tally.add(file, &file.to_string_lossy());
        }
        tally.print(folder);
        all.extend(files);
    }
    if let Some((count, seed)) = mutants {
        mutate(&all, count, seed)?;
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        println!("peak memory: {}", peak.unwrap_or("unknown"));
    }
    Ok(())
}

/// Breaks small files in turn.
fn mutate(files: &[PathBuf], count: usize, seed: u64) -> Result<(), Box<dyn Error>> {
    let originals = files
        .iter()
        .map(fs::read)
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .filter(|bytes| (1..200_000).contains(&bytes.len()))
        .collect::<Vec<_>>();
    if originals.is_empty() {
        return Err("no small image to break".into());
    }
    let folder = tempfile::tempdir()?;
    let mut breaker = broken::Breaker::new(seed);
    let mut tally = Tally::default();
    for number in 0..count {
        let (this, next) = (number % originals.len(), (number * 7 + 1) % originals.len());
        let file = folder.path().join(format!("{number}.image"));
        fs::write(&file, breaker.broken(&originals[this], &originals[next]))?;
        tally.add(&file, &format!("mutant {number}"));
        fs::remove_file(file)?;
    }
    tally.print(&format!("{count} mutants, seed {seed}"));
    Ok(())
}

/// Files with the endings of images, sorted.
fn images_below(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let ending = path.extension().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if matches!(
                ending.to_lowercase().as_str(),
                "jpg" | "jpeg" | "png" | "bmp" | "webp" | "tif" | "tiff"
            ) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
