//! Maps from planes to pixels and back.

use std::{mem::MaybeUninit, ops::Range};

/// Channels that are copied together.
const TOGETHER: usize = 4;

/// A rectangle of an image, beyond whose sides all is zero.
#[derive(Clone, Copy, Debug)]
pub struct Rectangle {
    /// The image's sides.
    pub sides: [usize; 2],
    /// The first row and column, and how many there are.
    pub first: [isize; 2],
    pub size: [usize; 2],
}

/// Writes a rectangle of an image of `channels` planes as pixels, each of `channels` floats, row by
/// row.
#[inline(always)]
pub fn to_pixels(planes: &[f32], channels: usize, of: Rectangle, pixels: &mut [f32]) {
    let ([height, width], [rows, columns]) = (of.sides, of.size);
    let within = |first: isize, size: usize, side: usize| -> Range<usize> {
        let end = (side as isize - first).clamp(0, size as isize) as usize;
        ((-first).max(0) as usize).min(end)..end
    };
    let (tall, wide) = (
        within(of.first[0], rows, height),
        within(of.first[1], columns, width),
    );
    let row_len = columns * channels;
    for (number, row) in pixels[..rows * row_len]
        .chunks_exact_mut(row_len.max(1))
        .enumerate()
    {
        if !tall.contains(&number) || wide.is_empty() {
            row.fill(0.0);
            continue;
        }
        row[..wide.start * channels].fill(0.0);
        row[wide.end * channels..].fill(0.0);
        let y = (of.first[0] + number as isize) as usize;
        let x = (of.first[1] + wide.start as isize) as usize;
        let inner = &mut row[wide.start * channels..wide.end * channels];
        interleave(planes, [height * width, y * width + x], channels, inner);
    }
}

/// Pixels of some planes from the `start`th on, each of `pitch` floats, zeros where there are fewer planes.
#[inline(always)]
pub fn to_lanes(planes: &[f32], area: usize, start: usize, pitch: usize, to: &mut [f32]) {
    if planes.len() / area < pitch {
        to.fill(0.0);
    }
    interleave(planes, [area, start], pitch, to);
}

/// Writes numbers of all planes, each of `area`, from the `start`th on, side by side: to pixels of `pitch` floats.
#[inline(always)]
fn interleave(planes: &[f32], [area, start]: [usize; 2], pitch: usize, pixels: &mut [f32]) {
    let (channels, count) = (planes.len() / area, pixels.len() / pitch);
    let line = |channel: usize| &planes[channel * area + start..][..count];
    let mut channel = 0;
    while channel + TOGETHER <= channels {
        let lines: [&[f32]; TOGETHER] = std::array::from_fn(|i| line(channel + i));
        for (at, pixel) in pixels.chunks_exact_mut(pitch).enumerate() {
            let some: [f32; TOGETHER] = std::array::from_fn(|i| lines[i][at]);
            pixel[channel..channel + TOGETHER].copy_from_slice(&some);
        }
        channel += TOGETHER;
    }
    for channel in channel..channels {
        for (pixel, value) in pixels.chunks_exact_mut(pitch).zip(line(channel)) {
            pixel[channel] = *value;
        }
    }
}

/// Writes pixels of a part of a row, each of `pitch` floats, to a plane's row: a channel of them to every
/// `step`th place.
#[inline(always)]
pub fn to_row(
    pixels: &[f32],
    pitch: usize,
    channel: usize,
    row: &mut [MaybeUninit<f32>],
    step: usize,
) {
    let pixels = pixels.chunks_exact(pitch);
    if step == 1 {
        for (to, pixel) in row.iter_mut().zip(pixels) {
            to.write(pixel[channel]);
        }
    } else {
        for (to, pixel) in row.iter_mut().step_by(step).zip(pixels) {
            to.write(pixel[channel]);
        }
    }
}
