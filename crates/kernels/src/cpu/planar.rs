//! 3×3 convolutions of stride 1 in training by the engine's products, of which there are fewer than a
//! matrix product has.

use std::sync::OnceLock;

use ablate_engine::{Isa, Planar3x3};

use super::columns::Geometry;

/// Channels on either side from which the products outweigh what it takes to make them.
const CHANNELS: usize = 16;

/// Tiles of 2×2 pixels in all images from which they outweigh what is done to the kernels.
const TILES: usize = 96;

/// The engine's convolution and the instructions for it; None if it isn't the way.
pub fn of(g: &Geometry) -> Option<(Planar3x3, Isa)> {
    let suits = [g.kernel, g.stride, g.padding, g.groups] == [3, 1, 1, 1]
        && g.c_in.min(g.c_out) >= CHANNELS
        && g.batch * g.height.div_ceil(2) * g.width.div_ceil(2) >= TILES;
    let isa = isa()?;
    let of = Planar3x3 {
        batch: g.batch,
        c_in: g.c_in,
        c_out: g.c_out,
        height: g.height,
        width: g.width,
    };
    suits.then_some((of, isa))
}

/// The instructions that the engine's products take.
///
/// None for an `ABLATE_ISA` that this machine lacks, which is reported where plans are made; convolutions are then
/// matrix products.
pub fn isa() -> Option<Isa> {
    static ISA: OnceLock<Option<Isa>> = OnceLock::new();
    *ISA.get_or_init(|| Isa::detect().ok())
}
