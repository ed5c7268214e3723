//! Transposed convolutions whose kernel is a square of their step.

use super::{Buffer, Kernel, Memory, conv::Conv, ending::Ending, packed::Aligned};
use crate::{conv2d::Conv2d, geometry::Geometry, simd::Isa, view::View};

/// A 1×1 convolution for each place of the square that a pixel becomes.
pub struct Transposed(Vec<Conv>);

impl Transposed {
    /// From a view to the buffer of its output; planes of the view have one geometry.
    pub fn new(
        with: (Isa, usize),
        convs: &[Conv2d],
        input: &View,
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        let side = convs.len().isqrt();
        let to = output.geometry;
        let one = Buffer {
            geometry: Geometry {
                height: to.height / side,
                width: to.width / side,
                halo: 0,
                ..to
            },
            ..output.clone()
        };
        let convs = convs.iter().enumerate().map(|(place, conv)| {
            let ending = Ending::new(with.0, conv, None, &one, buffers);
            let conv = Conv::new(with, conv, input, None, ending, buffers);
            conv.spread(output, side, [place / side, place % side])
        });
        Self(convs.collect())
    }
}

impl Kernel for Transposed {
    fn name(&self) -> &'static str {
        "transposed"
    }

    fn jobs(&self) -> usize {
        self.0.iter().map(Conv::jobs).sum()
    }

    fn weights(&mut self) -> Vec<&mut Aligned> {
        self.0.iter_mut().flat_map(Conv::weights).collect()
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        // The convolutions of one input and one shape have the same number of jobs.
        let each = self.0[0].jobs();
        // SAFETY: by the caller; the convolutions write different pixels.
        unsafe { self.0[job / each].run(memory, job % each) }
    }
}
