//! The loss on masks, of both families: binary cross-entropy between an object's mask and the sum
//! of prototypes that its cell's coefficients make, inside of the object's box. Source: Bolya et
//! al., YOLACT, arXiv:1904.02689, section 3.

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData};

use super::bce_with_logits;
use ablate_detection::geometry::BBox;
use ablate_detection::mask::MaskTargets;

/// A cell that answers for an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaskMatch {
    pub image: usize,
    /// Which of the image's objects, from 1, as [`MaskTargets`] counts them.
    pub object: u16,
    /// The object's box, as shares of the image's size.
    pub bbox: BBox,
    /// What the mean over the box's pixels counts in the sum.
    pub weight: f32,
}

/// The number of each target among those of its image, from 1.
pub(super) fn object_numbers(targets: &[[f32; 6]], batch: usize) -> Vec<u16> {
    let mut counts = vec![0; batch];
    let mut number = |image: usize| {
        counts[image] += 1;
        counts[image]
    };
    targets
        .iter()
        .map(|target| number(target[0] as usize))
        .collect()
}

/// Sum over matches of the mean cross-entropy over the pixels of each one's box.
///
/// `protos` are `[batch, coefficients, height, width]`, `coefficients` `[matches, coefficients]` in
/// the order of the matches. The sum over a box's pixels is divided by its area rather than by
/// their number, as YOLOv5 and YOLOv8 have it. `masks` have the prototypes' size.
pub(super) fn mask_loss(
    protos: Tensor<4>,
    coefficients: Tensor<2>,
    matches: &[MaskMatch],
    masks: &MaskTargets,
) -> Tensor<1> {
    let [batch, count, height, width] = protos.dims();
    let device = protos.device();
    let mut loss = Tensor::<1>::zeros([1], &device);
    for image in 0..batch {
        let rows: Vec<i32> = (0..)
            .zip(matches)
            .filter(|(_, m)| m.image == image)
            .map(|(row, _)| row)
            .collect();
        if rows.is_empty() {
            continue;
        }
        let objects = &masks.objects[image * height * width..][..height * width];
        let (truth, weights) = pixels(
            matches.iter().filter(|m| m.image == image),
            objects,
            (height, width),
        );
        let table = |values: Vec<f32>, device: &Device| {
            Tensor::<2>::from_data(
                TensorData::new(values, [rows.len(), height * width]),
                device,
            )
        };
        let (truth, weights) = (table(truth, &device), table(weights, &device));

        let proto = protos
            .clone()
            .narrow(0, image, 1)
            .reshape([count, height * width]);
        let rows =
            Tensor::<1, Int>::from_data(TensorData::new(rows.clone(), [rows.len()]), &device);
        let logits = coefficients.clone().select(0, rows).matmul(proto);
        loss = loss + (bce_with_logits(logits, truth, 1.0) * weights).sum();
    }
    loss
}

/// For each match and each of the prototypes' pixels: whether it is of the object, and what it
/// counts: nothing outside of the box.
fn pixels<'a>(
    matches: impl Iterator<Item = &'a MaskMatch>,
    objects: &[u16],
    (height, width): (usize, usize),
) -> (Vec<f32>, Vec<f32>) {
    let (mut truth, mut weights) = (Vec::new(), Vec::new());
    for m in matches {
        let weight = m.weight / (m.bbox.area() * (height * width) as f32);
        let start = truth.len();
        truth.resize(start + height * width, 0.0f32);
        weights.resize(start + height * width, 0.0f32);
        let (x1, x2) = (m.bbox.x1 * width as f32, m.bbox.x2 * width as f32);
        let (y1, y2) = (m.bbox.y1 * height as f32, m.bbox.y2 * height as f32);
        let inside = |pixel: usize, low: f32, high: f32| (low..high).contains(&(pixel as f32));
        for row in (0..height).filter(|row| inside(*row, y1, y2)) {
            for place in (0..width)
                .filter(|column| inside(*column, x1, x2))
                .map(|column| row * width + column)
            {
                weights[start + place] = weight;
                truth[start + place] = f32::from(objects[place] == m.object);
            }
        }
    }
    (truth, weights)
}
