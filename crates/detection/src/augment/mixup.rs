//! Two images in one (Zhang et al. 2018, mixup, <https://arxiv.org/abs/1710.09412>).

use rand::RngCore;

use super::Example;
use crate::dataset::random::Draw;

/// Weights the two images by a share from Beta(32, 32), which is near a half, and keeps all labels
/// of both. They must be of the same size.
pub fn mixup(mut example: Example, other: &Example, rng: &mut impl RngCore) -> Example {
    // The 32nd smallest of 63 uniform numbers has just this distribution.
    let mut numbers: Vec<f64> = (0..63).map(|_| rng.unit()).collect();
    let (_, share, _) = numbers.select_nth_unstable_by(31, f64::total_cmp);
    let weight = (*share * 65536.0) as u32;
    for (own, other) in example.image.iter_mut().zip(other.image.iter()) {
        *own = ((u32::from(*own) * weight + u32::from(*other) * (65536 - weight) + (1 << 15)) >> 16)
            as u8;
    }
    example.labels.extend_from_slice(&other.labels);
    example
}
