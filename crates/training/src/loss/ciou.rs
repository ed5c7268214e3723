//! Complete intersection over union: Zheng et al., "Distance-IoU Loss: Faster and Better Learning
//! for Bounding Box Regression", 2020, equations 7 to 11.

use std::f32::consts::PI;

use burn::Tensor;

/// Keeps the quotients finite for boxes without area.
const EPSILON: f32 = 1e-7;

/// CIoU of each pair of boxes, `[n, 1]`: the IoU less the squared distance of the centres over the
/// squared diagonal of the hull, less a penalty for a different aspect ratio. At most 1.
///
/// `centers` and `sizes` are those of the predicted boxes, `[n, 2]` each (x, y and width, height);
/// `target_centers` and `target_sizes` those of the boxes to reach. The weight of the aspect
/// penalty takes no part in the gradient.
pub fn complete_iou(
    centers: Tensor<2>,
    sizes: Tensor<2>,
    target_centers: Tensor<2>,
    target_sizes: Tensor<2>,
) -> Tensor<2> {
    let half = sizes.clone().mul_scalar(0.5);
    let (low, high) = (centers.clone() - half.clone(), centers.clone() + half);
    let target_half = target_sizes.clone().mul_scalar(0.5);
    let target_low = target_centers.clone() - target_half.clone();
    let target_high = target_centers.clone() + target_half;

    let overlap =
        high.clone().min_pair(target_high.clone()) - low.clone().max_pair(target_low.clone());
    let intersection = product(overlap.clamp_min(0.0));
    let union = product(sizes.clone()) + product(target_sizes.clone()) - intersection.clone();
    let iou = intersection / union.add_scalar(EPSILON);

    let hull = high.max_pair(target_high) - low.min_pair(target_low);
    let diagonal = hull.square().sum_dim(1).add_scalar(EPSILON);
    let distance = (target_centers - centers).square().sum_dim(1);

    let aspect = (angle(target_sizes) - angle(sizes))
        .square()
        .mul_scalar(4.0 / (PI * PI));
    let weight = {
        let aspect = aspect.clone().detach();
        aspect.clone() / (aspect - iou.clone().detach()).add_scalar(1.0 + EPSILON)
    };
    iou - distance / diagonal - aspect * weight
}

/// Width times height, `[n, 2]` to `[n, 1]`.
fn product(sizes: Tensor<2>) -> Tensor<2> {
    let (width, height) = columns(sizes);
    width * height
}

/// Angle of the diagonal, from width over height, `[n, 2]` to `[n, 1]`.
fn angle(sizes: Tensor<2>) -> Tensor<2> {
    let (width, height) = columns(sizes);
    (width / height).atan()
}

fn columns(pairs: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    (pairs.clone().narrow(1, 0, 1), pairs.narrow(1, 1, 1))
}
