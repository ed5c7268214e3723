//! What convolutions have in common: where their sums go, and what is done to them there.

use std::ops::Range;

use super::{Buffer, clear_halo, planes};
use crate::{activation::Activation, conv2d::Conv2d, geometry::Geometry, simd::Isa, view::View};

/// The end of a convolution that sums over channels.
pub struct Ending {
    pub output: Buffer,
    borders: Vec<Range<usize>>,
    /// A vector for each output block.
    pub bias: Vec<f32>,
    pub activation: Activation,
    pub residual: Option<Residual>,
}

/// A map that is added to the output.
pub struct Residual {
    /// Of each output block.
    pub planes: Vec<usize>,
    pub geometry: Geometry,
}

impl Ending {
    /// In this buffer; the residual is aligned with it.
    pub fn new(
        isa: Isa,
        conv: &Conv2d,
        residual: Option<&View>,
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        let mut bias = vec![0.0; output.blocks * isa.lanes()];
        bias[..conv.bias.len()].copy_from_slice(&conv.bias);
        let residual = residual.map(|view| {
            let planes = planes(view, buffers);
            Residual {
                geometry: planes[0].geometry,
                planes: planes.iter().map(|plane| plane.start).collect(),
            }
        });
        Self {
            borders: output.geometry.borders(),
            output: output.clone(),
            bias,
            activation: conv.activation,
            residual,
        }
    }

    /// The same in a part of another buffer, whose halo it clears or leaves to another kernel.
    pub fn into_map(self, output: &Buffer, clears: bool) -> Self {
        let borders = if clears {
            output.geometry.borders()
        } else {
            Vec::new()
        };
        Self {
            borders,
            output: output.clone(),
            ..self
        }
    }

    /// Sets the halo of some blocks to zero.
    ///
    /// # Safety
    /// The memory is the plan's, and nobody else touches the halo of these blocks.
    #[allow(unsafe_code)]
    pub unsafe fn clear_halo(&self, arena: *mut f32, blocks: Range<usize>) {
        for block in blocks {
            // SAFETY: by the caller.
            unsafe { clear_halo(arena, self.output.plane(block), &self.borders) };
        }
    }
}
