//! How fast batches are made: loads and augments a training split by YOLOv5's recipe, and prints
//! images a second.
//!
//!     loading DATA.yaml IMGSZ BATCH WORKERS EPOCHS

use std::{env, error::Error, path::Path, sync::Arc, time::Instant};

use ablate_detection::{
    augment::AugmentConfig,
    dataset::{CachedDataset, DataSpec, Dataset, Interpolation, Split},
    loader::{LoaderConfig, TrainLoader},
};

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [data, numbers @ ..] = arguments.as_slice() else {
        return Err("DATA.yaml IMGSZ BATCH WORKERS EPOCHS".into());
    };
    let numbers = numbers
        .iter()
        .map(|number| number.parse())
        .collect::<Result<Vec<usize>, _>>()?;
    let [imgsz, batch, workers, epochs] = numbers[..] else {
        return Err("IMGSZ BATCH WORKERS EPOCHS after the data set".into());
    };

    let dataset = Dataset::open(&DataSpec::load(Path::new(data))?, Split::Train)?;
    let data = Arc::new(CachedDataset::open(dataset, imgsz, Interpolation::Linear)?);
    let loader = TrainLoader::new(
        data,
        AugmentConfig::default(),
        LoaderConfig {
            batch,
            imgsz: imgsz.into(),
            seed: 0,
            mask_stride: None,
            workers,
        },
    )?;
    let epoch = |number| loader.epoch(number).map(|batch| batch.size).sum::<usize>();
    epoch(0);
    let start = Instant::now();
    let images: usize = (1..=epochs).map(epoch).sum();
    println!("{:.1}", images as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
