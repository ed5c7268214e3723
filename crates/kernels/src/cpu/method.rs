//! Which way a convolution in training, and its gradients, are computed.

use std::sync::OnceLock;

use ablate_engine::{Dense, Isa, Planar3x3};

use super::{columns::Geometry, conv, depthwise};

/// Channels on either side from which Winograd's products outweigh what it takes to make them.
const CHANNELS: usize = 16;

/// Tiles of 2×2 pixels in all images from which they outweigh what is done to the kernels.
const TILES: usize = 96;

/// Channels of what is computed that fill enough of a vector.
const VECTOR: usize = 8;

/// See the module.
enum Method {
    /// Channel by channel.
    Depthwise,
    /// By Winograd's products.
    Planar(Planar3x3, Isa),
    /// As sums over all channels under the kernel.
    Dense(Dense, Isa),
    /// As matrix products.
    Matrix,
}

/// What is computed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Output,
    InputGradient,
    WeightGradient,
}

/// The output, `[batch, groups · c_out, out_height, out_width]`, without bias.
pub fn forward(g: &Geometry, x: &[f32], weight: &[f32]) -> Vec<f32> {
    match method(g, Wanted::Output) {
        Method::Depthwise => depthwise::forward(g, x, weight, |_, _| {}),
        Method::Planar(planar, isa) => planar.forward(isa, x, weight),
        Method::Dense(dense, isa) => dense.forward(isa, x, weight),
        Method::Matrix => conv::forward(g, x, weight, |_, _| {}),
    }
}

/// The gradient of the input, given that of the output.
pub fn input_gradient(g: &Geometry, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    match method(g, Wanted::InputGradient) {
        Method::Depthwise => depthwise::input_gradient(g, weight, gradient),
        Method::Planar(planar, isa) => planar.input_gradient(isa, weight, gradient),
        Method::Dense(dense, isa) => dense.input_gradient(isa, weight, gradient),
        Method::Matrix => conv::input_gradient(g, weight, gradient),
    }
}

/// The gradient of the weights, given that of the output.
pub fn weight_gradient(g: &Geometry, x: &[f32], gradient: &[f32]) -> Vec<f32> {
    match method(g, Wanted::WeightGradient) {
        Method::Depthwise => depthwise::weight_gradient(g, x, gradient),
        Method::Planar(planar, isa) => planar.weight_gradient(isa, x, gradient),
        Method::Dense(dense, isa) => dense.weight_gradient(isa, x, gradient),
        Method::Matrix => conv::weight_gradient(g, x, gradient),
    }
}

/// The quickest, as measured. Winograd's products need lines whose tiles fill half a vector; with AVX-512's
/// multiply-adds the gradient of weights is quicker without them.
fn method(g: &Geometry, wanted: Wanted) -> Method {
    if is_depthwise(g) {
        return Method::Depthwise;
    }
    let Some(isa) = isa().filter(|_| g.groups == 1 && g.kernel > 1) else {
        return Method::Matrix;
    };
    let Geometry {
        batch,
        c_in,
        c_out,
        height,
        width,
        kernel,
        stride,
        padding,
        ..
    } = *g;
    let winograd = [kernel, stride, padding] == [3, 1, 1]
        && c_in.min(c_out) >= CHANNELS
        && batch * height.div_ceil(2) * width.div_ceil(2) >= TILES
        && width >= isa.lanes();
    if winograd && (wanted != Wanted::WeightGradient || isa != Isa::Avx512) {
        let planar = Planar3x3 {
            batch,
            c_in,
            c_out,
            height,
            width,
        };
        return Method::Planar(planar, isa);
    }
    let made = match wanted {
        Wanted::InputGradient => c_in,
        Wanted::Output | Wanted::WeightGradient => c_out,
    };
    if made < VECTOR {
        return Method::Matrix;
    }
    let dense = Dense {
        batch,
        c_in,
        c_out,
        height,
        width,
        kernel,
        stride,
        padding,
    };
    Method::Dense(dense, isa)
}

/// One filter for each channel.
pub fn is_depthwise(g: &Geometry) -> bool {
    g.c_in == 1 && g.c_out == 1
}

/// The instructions that the engine takes.
///
/// None for an `ABLATE_ISA` that this machine lacks, which is reported where plans are made; convolutions are then
/// matrix products.
pub fn isa() -> Option<Isa> {
    static ISA: OnceLock<Option<Isa>> = OnceLock::new();
    *ISA.get_or_init(|| Isa::detect().ok())
}
