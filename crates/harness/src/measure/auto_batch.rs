//! `batch: -1`: as many images as fit the GPU's memory with room to spare, as YOLOv5 and
//! Ultralytics choose them.

use ablate_detection::dataset::CachedDataset;
use ablate_kernels::{cuda_index, peak_memory};
use ablate_model::Graph;
use ablate_records::ImageSize;
use ablate_training::{AUTO_BATCH, Optimizer, Recipe};
use anyhow::Result;
use burn::tensor::{Device, Tensor};

use super::{memory, mode::Mode, precision::Precision, timing::Protocol, train_step::TrainStep};
use crate::{
    device::{DeviceName, nvidia},
    guard::guarded,
};

/// Images in a batch where memory can't be measured: on a CPU, and on GPUs that are not NVIDIA's.
pub const DEFAULT_BATCH: usize = 16;
/// The share of the free memory that a training step may take.
const SHARE: f64 = 0.6;
/// The batches whose memory is measured.
const TRIED: [usize; 5] = [1, 2, 4, 8, 16];
const MOST: usize = 1024;

/// The recipe for a model, a device and the data: see [`Recipe::resolved`].
pub fn resolved(
    recipe: &Recipe,
    graph: &Graph,
    data: &CachedDataset,
    name: &DeviceName,
    device: &Device,
) -> Recipe {
    let size = ImageSize {
        height: data.imgsz().height,
        width: data.imgsz().width,
    };
    let resolved = recipe.resolved(data.len(), graph.nc, || {
        auto_batch(graph, name, device, size, recipe.amp)
    });
    if recipe.batch == AUTO_BATCH {
        tracing::info!("batch -1 is {} images on {name}", resolved.batch);
    }
    if recipe.optimizer == Optimizer::Auto {
        let chosen = ["AdamW", "MuSGD"][usize::from(resolved.optimizer == Optimizer::MuSgd)];
        tracing::info!(
            "optimizer auto is {chosen}, lr0 {}, momentum {} and warmup_bias_lr {}, as Ultralytics chooses them; the recipe's do not hold",
            resolved.lr0,
            resolved.momentum,
            resolved.warmup_bias_lr
        );
    }
    resolved
}

/// Batch size for trainings of a model at an image size.
///
/// The memory of training steps of growing batches is measured, a line drawn through it, and
/// followed to 60 % of what is free. [`DEFAULT_BATCH`] where there is nothing to measure.
fn auto_batch(
    graph: &Graph,
    name: &DeviceName,
    device: &Device,
    imgsz: ImageSize,
    amp: bool,
) -> usize {
    let used = || name.cuda_index().and_then(nvidia::memory);
    // What CUDA itself takes is there from the first tensor on.
    let opened = Tensor::<1>::zeros([1], device).try_into_data();
    memory::begin(device);
    let (Ok(_), Some(before)) = (opened, used()) else {
        return DEFAULT_BATCH;
    };
    let amp = amp && cuda_index(device).is_some();
    // What LibTorch's allocator held at most, which is more than what it holds afterwards; of another backend, all that
    // the GPU's driver has given to programs.
    let held = || Some(peak_memory(device)? as f64 / memory::MIB);
    let first = held().unwrap_or(0.0);
    let peak = || match held() {
        Some(held) => Some(before.used_mib + held - first),
        None => Some(used()?.used_mib),
    };
    let mut measured = Vec::new();
    for batch in TRIED {
        memory::begin(device);
        // A batch that doesn't fit ends the search.
        match guarded(|| step(graph, device, imgsz, batch, amp))
            .ok()
            .and_then(|()| peak())
        {
            Some(memory) => measured.push((batch as f64, memory)),
            None => break,
        }
    }
    memory::begin(device);
    let target = before.used_mib + SHARE * (before.total_mib - before.used_mib);
    fitting(&measured, target).unwrap_or(DEFAULT_BATCH)
}

fn step(graph: &Graph, device: &Device, imgsz: ImageSize, batch: usize, amp: bool) -> Result<()> {
    let protocol = Protocol {
        batch,
        imgsz,
        warmup: 0,
        budget: std::time::Duration::ZERO,
        min_iterations: 1,
        min_rounds: 0,
        aim: None,
        fuse: false,
        precision: match amp {
            true => Precision::F16,
            false => Precision::F32,
        },
        mode: Mode::Eager,
    };
    let mut step = TrainStep::new(graph, device, &protocol)?;
    // The second step has momentum as well.
    for _ in 0..2 {
        step.run()?.try_into_data()?;
    }
    Ok(())
}

/// The largest batch whose memory, on the line of least squares through what was measured, stays
/// within `target`; None if no line rises.
fn fitting(measured: &[(f64, f64)], target: f64) -> Option<usize> {
    let n = measured.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| measured.iter().map(of).sum::<f64>() / n;
    let (batch, memory) = (mean(|point| point.0), mean(|point| point.1));
    let rise: f64 = measured
        .iter()
        .map(|(x, y)| (x - batch) * (y - memory))
        .sum();
    let run: f64 = measured.iter().map(|(x, _)| (x - batch).powi(2)).sum();
    let slope = rise / run;
    let most = (target - memory) / slope + batch;
    (slope > 0.0 && most >= 1.0).then_some((most as usize).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_followed_to_the_target() {
        let line = |batch: f64| (batch, 500.0 + 120.0 * batch);
        let measured: Vec<_> = TRIED.iter().map(|batch| line(*batch as f64)).collect();
        assert_eq!(fitting(&measured, 500.0 + 120.0 * 48.5), Some(48));
        // Two that fitted before memory ran out are a line, too.
        assert_eq!(fitting(&measured[..2], 500.0 + 120.0 * 3.1), Some(3));
        assert_eq!(fitting(&measured, 1e9), Some(MOST));
        assert_eq!(fitting(&measured, 550.0), None, "not even one image");
        assert_eq!(fitting(&measured[..1], 1e4), None);
        assert_eq!(
            fitting(&[(1.0, 900.0), (2.0, 900.0)], 1e4),
            None,
            "an allocator that reserves all at once says nothing"
        );
    }
}
