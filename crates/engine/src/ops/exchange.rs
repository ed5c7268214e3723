//! From the caller's memory to the plan's, and back.

use super::{Buffer, Kernel, Memory, Plane, planes};
use crate::{geometry::Geometry, plan::Order, view::View};

/// Copies the input into a buffer.
pub struct Input {
    channels: usize,
    blocks: usize,
    start: usize,
    geometry: Geometry,
}

impl Input {
    pub fn new(channels: usize, output: &Buffer) -> Self {
        Self {
            channels,
            blocks: output.blocks,
            start: output.start,
            geometry: output.geometry,
        }
    }
}

impl Kernel for Input {
    fn name(&self) -> &'static str {
        "input"
    }

    fn jobs(&self) -> usize {
        self.blocks * self.geometry.batch
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        let g = self.geometry;
        let (block, image) = (job / g.batch, job % g.batch);
        let at = self.start + block * g.plane() + image * g.image();
        // SAFETY: an image of a plane of this kernel's output, which is this job's alone.
        let out = unsafe { std::slice::from_raw_parts_mut(memory.arena.add(at), g.image()) };
        if g.lanes > 1 || g.halo > 0 {
            out.fill(0.0);
        }
        let area = g.height * g.width;
        for lane in 0..g.lanes.min(self.channels - block * g.lanes) {
            let channel = block * g.lanes + lane;
            let from = &memory.input[(image * self.channels + channel) * area..][..area];
            for (y, from) in from.chunks_exact(g.width).enumerate() {
                let out = &mut out[g.pixel(0, y, 0)..][..g.width * g.lanes];
                match g.lanes {
                    1 => out.copy_from_slice(from),
                    lanes => out
                        .iter_mut()
                        .skip(lane)
                        .step_by(lanes)
                        .zip(from)
                        .for_each(|(out, x)| *out = *x),
                }
            }
        }
    }
}

/// Copies a view into an output.
pub struct Output {
    number: usize,
    order: Order,
    channels: usize,
    planes: Vec<Plane>,
}

impl Output {
    pub fn new((number, order): (usize, Order), view: &View, buffers: &[Buffer]) -> Self {
        Self {
            number,
            order,
            channels: view.shape[1],
            planes: planes(view, buffers),
        }
    }
}

impl Kernel for Output {
    fn name(&self) -> &'static str {
        "output"
    }

    fn jobs(&self) -> usize {
        let Geometry { batch, height, .. } = self.planes[0].geometry;
        match self.order {
            Order::Planes => self.planes.len() * batch,
            Order::Pixels => batch * height,
        }
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        let Geometry {
            batch,
            height,
            lanes,
            ..
        } = self.planes[0].geometry;
        if self.order == Order::Pixels {
            let (image, y) = (job / height, job % height);
            return match lanes {
                16 => self.copy_row::<16>(memory, image, y),
                8 => self.copy_row::<8>(memory, image, y),
                4 => self.copy_row::<4>(memory, image, y),
                _ => self.copy_row::<1>(memory, image, y),
            };
        }
        let (plane, image) = (&self.planes[job / batch], job % batch);
        let g = plane.geometry;
        let at = plane.start + image * g.image();
        // SAFETY: an image of a plane that nobody writes now.
        let from =
            unsafe { std::slice::from_raw_parts(memory.arena.add(at).cast_const(), g.image()) };
        match lanes {
            16 => self.copy::<16>(memory, plane, image, from),
            8 => self.copy::<8>(memory, plane, image, from),
            4 => self.copy::<4>(memory, plane, image, from),
            _ => self.copy::<1>(memory, plane, image, from),
        }
    }
}

impl Output {
    /// The channels of an image of a plane, whose pixels are `LANES` floats.
    #[allow(unsafe_code)]
    fn copy<const LANES: usize>(&self, memory: &Memory, plane: &Plane, image: usize, from: &[f32]) {
        let g = plane.geometry;
        let area = g.height * g.width;
        for (lane, channel) in &plane.channels {
            let start = (image * self.channels + channel) * area;
            // SAFETY: each channel of each image is one job's alone.
            let out = unsafe { memory.outputs[self.number].part(start..start + area) };
            for (y, out) in out.chunks_exact_mut(g.width).enumerate() {
                let row = &from[g.pixel(0, y, 0)..][..g.width * LANES];
                let (pixels, _) = row.as_chunks::<LANES>();
                let pixels = out.iter_mut().zip(pixels);
                pixels.for_each(|(out, pixel)| *out = pixel[*lane % LANES]);
            }
        }
    }

    /// All channels of a row of an image; all planes of a view have pixels of so many floats.
    #[allow(unsafe_code)]
    fn copy_row<const LANES: usize>(&self, memory: &Memory, image: usize, y: usize) {
        let Geometry { height, width, .. } = self.planes[0].geometry;
        let start = (image * height + y) * width * self.channels;
        // SAFETY: each row of each image is one job's alone.
        let out = unsafe { memory.outputs[self.number].part(start..start + width * self.channels) };
        for plane in &self.planes {
            let at = plane.start + plane.geometry.pixel(image, y, 0);
            // SAFETY: a row of a plane that nobody writes now.
            let row = unsafe {
                std::slice::from_raw_parts(memory.arena.add(at).cast_const(), width * LANES)
            };
            let (pixels, _) = row.as_chunks::<LANES>();
            let [(_, first), ..] = plane.channels[..] else {
                continue;
            };
            // A block whose channels are neighbours is copied at a time.
            let is_whole = plane.channels.len() == LANES
                && (plane.channels.iter().enumerate())
                    .all(|(i, &(lane, channel))| (lane, channel) == (i, first + i));
            for (out, pixel) in out.chunks_exact_mut(self.channels).zip(pixels) {
                if is_whole {
                    out[first..first + LANES].copy_from_slice(pixel);
                } else {
                    for (lane, channel) in &plane.channels {
                        out[*channel] = pixel[*lane % LANES];
                    }
                }
            }
        }
    }
}
