//! What attention over channels begins and ends with.

use burn::tensor::Tensor;

/// The mean of each channel, `[batch, c, h, w]` to `[batch, c]`.
pub(super) fn channel_means(x: &Tensor<4>) -> Tensor<2> {
    let [batch, c, h, w] = x.dims();
    let flat = x.clone().reshape([batch, c, h * w]);
    flat.mean_dim(2).reshape([batch, c])
}

/// Each channel of `[batch, c, h, w]` times its share, `[batch, c]`.
pub(super) fn weigh_channels(x: Tensor<4>, shares: Tensor<2>) -> Tensor<4> {
    let [batch, c] = shares.dims();
    x * shares.reshape([batch, c, 1, 1])
}
