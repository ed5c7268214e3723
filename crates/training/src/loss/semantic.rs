//! The loss on the map of classes that YOLO26's masks are learnt beside: half binary cross-entropy,
//! half Dice. Source of Dice as a loss: Milletari et al., V-Net, arXiv:1606.04797.

use burn::Tensor;
use burn::tensor::TensorData;
use burn::tensor::activation::sigmoid;

use super::bce_with_logits;
use ablate_detection::mask::MaskTargets;

/// Added above and below in Dice, so that a class that is nowhere and found nowhere has no loss.
const SMOOTH: f32 = 1.0;

/// Of the logits `[batch, classes, height, width]`; a pixel's class is that of the object that it
/// shows, taken from the nearest pixel of the masks.
pub(super) fn semantic_loss(
    logits: Tensor<4>,
    masks: &MaskTargets,
    targets: &[[f32; 6]],
) -> Tensor<1> {
    let [batch, nc, height, width] = logits.dims();
    let mut classes: Vec<Vec<usize>> = vec![Vec::new(); batch];
    // The k-th target of an image is object k.
    for [image, class, ..] in targets {
        classes[*image as usize].push(*class as usize);
    }
    let mut truth = vec![0.0f32; batch * nc * height * width];
    for (image, classes) in classes.iter().enumerate() {
        let objects = &masks.objects[image * masks.height * masks.width..];
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let (from_y, from_x) = (y * masks.height / height, x * masks.width / width);
            let object = usize::from(objects[from_y * masks.width + from_x]);
            if let Some(class) = object.checked_sub(1).and_then(|i| classes.get(i)) {
                truth[((image * nc + class) * height + y) * width + x] = 1.0;
            }
        }
    }
    let shape = [batch * nc, height * width];
    let truth = Tensor::<2>::from_data(TensorData::new(truth, shape), &logits.device());
    let logits = logits.reshape(shape);
    let cross_entropy = bce_with_logits(logits.clone(), truth.clone(), 1.0).mean();

    let predicted = sigmoid(logits);
    let both = (predicted.clone() * truth.clone()).sum_dim(1);
    let either = predicted.sum_dim(1) + truth.sum_dim(1);
    let dice = both.mul_scalar(2.0).add_scalar(SMOOTH) / either.add_scalar(SMOOTH);
    (cross_entropy + dice.neg().add_scalar(1.0).mean()).mul_scalar(0.5)
}
