//! Batches at another size: multi-scale training.

use rayon::prelude::*;

use super::Batch;
use crate::mask::MaskTargets;

impl Batch {
    /// The batch stretched to another (width, height), bilinearly, by pixel centres: PyTorch's
    /// `interpolate` with `align_corners=False`. Masks take the nearest cell; boxes are shares of
    /// the image and stay.
    pub fn resized(self, (width, height): (usize, usize)) -> Self {
        if (width, height) == (self.width, self.height) {
            return self;
        }
        let across: Vec<Tap> = (0..width).map(|x| Tap::at(x, self.width, width)).collect();
        let down: Vec<Tap> = (0..height)
            .map(|y| Tap::at(y, self.height, height))
            .collect();
        let mut images = vec![0.0; self.size * 3 * width * height];
        let planes = images
            .par_chunks_exact_mut(width * height)
            .zip(self.images.par_chunks_exact(self.width * self.height));
        planes.for_each(|(to, from)| {
            for (line, tap) in to.chunks_exact_mut(width).zip(&down) {
                let [upper, lower] =
                    [tap.low, tap.high].map(|y| &from[y * self.width..][..self.width]);
                for (pixel, at) in line.iter_mut().zip(&across) {
                    let mix =
                        |line: &[f32]| line[at.low] * (1.0 - at.share) + line[at.high] * at.share;
                    *pixel = mix(upper) * (1.0 - tap.share) + mix(lower) * tap.share;
                }
            }
        });
        let masks = self.masks.map(|masks| {
            // Cells of the same number of pixels as before.
            let scaled = |cells: usize, from: usize, to: usize| (cells * to).div_ceil(from);
            nearest(
                &masks,
                scaled(masks.width, self.width, width),
                scaled(masks.height, self.height, height),
            )
        });
        Self {
            images,
            width,
            height,
            masks,
            ..self
        }
    }
}

fn nearest(masks: &MaskTargets, width: usize, height: usize) -> MaskTargets {
    let objects = masks
        .objects
        .chunks_exact(masks.width * masks.height)
        .flat_map(|map| {
            (0..height).flat_map(move |y| {
                (0..width).map(move |x| {
                    map[y * masks.height / height * masks.width + x * masks.width / width]
                })
            })
        });
    MaskTargets {
        height,
        width,
        objects: objects.collect(),
    }
}

/// Between which two pixels another's centre lies along an axis.
struct Tap {
    low: usize,
    high: usize,
    /// Of the higher one.
    share: f32,
}

impl Tap {
    fn at(place: usize, from: usize, to: usize) -> Self {
        let source = ((place as f32 + 0.5) * from as f32 / to as f32 - 0.5).max(0.0);
        let low = (source as usize).min(from - 1);
        Self {
            low,
            high: (low + 1).min(from - 1),
            share: source - low as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(width: usize, height: usize, images: Vec<f32>) -> Batch {
        Batch {
            size: 1,
            width,
            height,
            images,
            targets: vec![[0.0, 1.0, 0.5, 0.5, 0.25, 0.5]],
            masks: None,
            indices: vec![0],
        }
    }

    /// Figures of `torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=False)`.
    #[test]
    fn stretches_as_pytorch_does() {
        let plane = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let batch = batch(3, 2, plane.repeat(3));
        let larger = batch.clone().resized((5, 3));
        let expected = [
            0.0, 0.4, 1.0, 1.6, 2.0, 1.5, 1.9, 2.5, 3.1, 3.5, 3.0, 3.4, 4.0, 4.6, 5.0,
        ];
        assert!(
            larger
                .images
                .iter()
                .zip(expected.repeat(3))
                .all(|(a, b)| (a - b).abs() < 1e-6),
            "{:?}",
            larger.images
        );
        let smaller = batch.clone().resized((2, 1));
        assert!(
            smaller
                .images
                .iter()
                .zip([1.75, 3.25].repeat(3))
                .all(|(a, b)| (a - b).abs() < 1e-6),
            "{:?}",
            smaller.images
        );
        assert_eq!(smaller.targets, batch.targets);
        assert_eq!(batch.clone().resized((3, 2)), batch);
    }

    #[test]
    fn masks_keep_their_pixels_a_cell() {
        let masks = MaskTargets {
            height: 2,
            width: 2,
            objects: vec![1, 2, 0, 3],
        };
        let larger = Batch {
            masks: Some(masks),
            ..batch(8, 8, vec![0.0; 192])
        }
        .resized((16, 16))
        .masks
        .unwrap();
        assert_eq!((larger.width, larger.height), (4, 4));
        assert_eq!(
            larger.objects,
            [1, 1, 2, 2, 1, 1, 2, 2, 0, 0, 3, 3, 0, 0, 3, 3]
        );
    }
}
