//! From a step to what does it.

use std::sync::Arc;

use crate::{
    activation::Activation,
    builder::Binary,
    conv2d::Conv2d,
    heads::Attention,
    ops::{
        Buffer, Kernel,
        attention::Attend,
        bilinear::Bilinear,
        constant::Constant,
        conv::Conv,
        depthwise::Depthwise,
        elementwise::Elementwise,
        ending::Ending,
        exchange,
        largest::Largest,
        mixture::Mixture,
        panels::{Packed, Panels},
        pixels::{Pixels, Sources},
        pool::Pooling,
        repack::Repack,
        transposed::Transposed,
        winograd::Winograd,
    },
    plan::Order,
    pool::Pool,
    simd::Isa,
    view::View,
};

/// What a step does, before its buffers have a place.
pub enum Draft {
    Input(usize),
    Conv(Conv2d, Option<View>),
    Winograd(Conv2d, Option<View>),
    Depthwise(Conv2d),
    /// By shares.
    Mixed(Conv2d, View),
    Pool(Pool),
    Mean,
    /// Each pixel's largest channel.
    Largest,
    Constant(Arc<[f32]>),
    /// Rows and columns.
    Pixels([Sources; 2]),
    Unary(Activation),
    Binary(Binary, View),
    Repack,
    /// Of keys; the view is the values.
    Panels(Packed, View),
    /// Of queries; the buffer has the panels.
    Attend(Attention, Packed, usize),
    Bilinear(bool),
    Transposed(Vec<Conv2d>),
    Output(usize, Order),
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
    let ending = |conv: &Conv2d, residual| Ending::new(isa, conv, residual, y(), buffers);
    match &step.draft {
        Draft::Input(channels) => Box::new(exchange::Input::new(*channels, y())),
        Draft::Conv(conv, residual) => Box::new(Conv::new(
            (isa, threads),
            conv,
            x(),
            None,
            ending(conv, residual.as_ref()),
            buffers,
        )),
        Draft::Winograd(conv, residual) => Box::new(Winograd::new(
            (isa, threads),
            conv,
            x(),
            ending(conv, residual.as_ref()),
            buffers,
        )),
        Draft::Depthwise(conv) => Box::new(Depthwise::new(isa, conv, x(), None, y(), buffers)),
        Draft::Mixed(conv, shares) => {
            let mixture = Some(Mixture::new(shares, buffers));
            match conv.is_depthwise() {
                true => Box::new(Depthwise::new(isa, conv, x(), mixture, y(), buffers)),
                false => Box::new(Conv::new(
                    (isa, threads),
                    conv,
                    x(),
                    mixture,
                    ending(conv, None),
                    buffers,
                )),
            }
        }
        Draft::Pool(pool) => Box::new(Pooling::new(isa, *pool, x(), y(), buffers)),
        Draft::Mean => Box::new(Elementwise::mean(isa, x(), y(), buffers)),
        Draft::Largest => Box::new(Largest::new(isa, x(), y(), buffers)),
        Draft::Constant(numbers) => Box::new(Constant::new(numbers, y())),
        Draft::Pixels(sources) => Box::new(Pixels::new(isa, sources, x(), y(), buffers)),
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
        Draft::Output(number, order) => {
            Box::new(exchange::Output::new((*number, *order), x(), buffers))
        }
    }
}
