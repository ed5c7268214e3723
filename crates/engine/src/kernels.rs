//! From a step to what does it.

use crate::{
    activation::Activation,
    builder::{Binary, Conv2d, Pool},
    heads::Attention,
    ops::{
        Buffer, Kernel,
        attention::Attend,
        bilinear::Bilinear,
        conv::Conv,
        depthwise::Depthwise,
        elementwise::Elementwise,
        exchange,
        panels::{Packed, Panels},
        pool::Pooling,
        rearrange::{Enlarge, Repack},
        transposed::Transposed,
        winograd::Winograd,
    },
    simd::Isa,
    view::View,
};

/// What a step does, before its buffers have a place.
pub enum Draft {
    Input(usize),
    Conv(Conv2d, Option<View>),
    Winograd(Conv2d, Option<View>),
    Depthwise(Conv2d),
    Pool(Pool),
    Mean,
    Enlarge(usize),
    Unary(Activation),
    Binary(Binary, View),
    Repack,
    /// Of keys; the view is the values.
    Panels(Packed, View),
    /// Of queries; the buffer has the panels.
    Attend(Attention, Packed, usize),
    Bilinear(bool),
    Transposed(Vec<Conv2d>),
    Output(usize),
}

/// A step before its buffers have a place.
pub struct Drafted {
    pub draft: Draft,
    pub input: Option<View>,
    /// Buffers that it reads.
    pub reads: Vec<usize>,
    pub writes: Option<usize>,
}

/// What does a step.
pub fn kernel(isa: Isa, threads: usize, step: &Drafted, buffers: &[Buffer]) -> Box<dyn Kernel> {
    let x = || step.input.as_ref().expect("reads a map");
    let y = || &buffers[step.writes.expect("writes a buffer")];
    match &step.draft {
        Draft::Input(channels) => Box::new(exchange::Input::new(*channels, y())),
        Draft::Conv(conv, residual) => Box::new(Conv::new(
            (isa, threads),
            conv,
            x(),
            residual.as_ref(),
            y(),
            buffers,
        )),
        Draft::Winograd(conv, residual) => Box::new(Winograd::new(
            (isa, threads),
            conv,
            x(),
            residual.as_ref(),
            y(),
            buffers,
        )),
        Draft::Depthwise(conv) => Box::new(Depthwise::new(isa, conv, x(), y(), buffers)),
        Draft::Pool(pool) => Box::new(Pooling::new(isa, *pool, x(), y(), buffers)),
        Draft::Mean => Box::new(Elementwise::mean(isa, x(), y(), buffers)),
        Draft::Enlarge(factor) => Box::new(Enlarge::new(isa, *factor, x(), y(), buffers)),
        Draft::Unary(f) => Box::new(Elementwise::unary(isa, *f, x(), y(), buffers)),
        Draft::Binary(f, other) => {
            Box::new(Elementwise::binary(isa, *f, [x(), other], y(), buffers))
        }
        Draft::Repack => Box::new(Repack::new(x(), y(), buffers)),
        Draft::Panels(packed, values) => {
            Box::new(Panels::new(isa, *packed, [x(), values], y(), buffers))
        }
        Draft::Attend(attention, packed, panels) => {
            let panels = &buffers[*panels];
            Box::new(Attend::new(
                (isa, threads),
                (*attention, *packed),
                x(),
                panels,
                y(),
                buffers,
            ))
        }
        Draft::Bilinear(align_corners) => {
            Box::new(Bilinear::new(isa, *align_corners, x(), y(), buffers))
        }
        Draft::Transposed(convs) => {
            Box::new(Transposed::new((isa, threads), convs, x(), y(), buffers))
        }
        Draft::Output(number) => Box::new(exchange::Output::new(*number, x(), buffers)),
    }
}
