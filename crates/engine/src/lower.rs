//! From a graph to steps: which buffers there are, who reads and writes them, and where they are.

use std::ops::RangeInclusive;

use crate::{
    builder::{Builder, Node, Value},
    geometry::Geometry,
    heads::Attention,
    kernels::{Draft, Drafted, kernel},
    memory::arrange,
    ops::{Buffer, panels::Packed, winograd::Winograd},
    plan::Options,
    run::Step,
    simd::Isa,
    view::{Lane, View},
};

/// A buffer without a place.
#[derive(Clone, Debug)]
struct Raw {
    blocks: usize,
    geometry: Geometry,
}

/// A graph on its way to a plan.
pub struct Lowering {
    isa: Isa,
    winograd: bool,
    steps: Vec<Drafted>,
    buffers: Vec<Raw>,
    /// Buffers that are read by one convolution have one halo: the parent of each.
    halos: Vec<usize>,
}

impl Lowering {
    pub fn new(options: &Options) -> Self {
        Self {
            isa: options.isa,
            winograd: options.winograd,
            steps: Vec::new(),
            buffers: Vec::new(),
            halos: Vec::new(),
        }
    }

    fn buffer(
        &mut self,
        blocks: usize,
        [batch, _, height, width]: [usize; 4],
        lanes: usize,
    ) -> usize {
        self.buffers.push(Raw {
            blocks,
            geometry: Geometry {
                batch,
                height,
                width,
                halo: 0,
                lanes,
            },
        });
        self.halos.push(self.halos.len());
        self.buffers.len() - 1
    }

    /// A buffer with lanes in order.
    fn whole(&mut self, shape: [usize; 4]) -> (usize, View) {
        let lanes = self.isa.lanes();
        let buffer = self.buffer(shape[1].div_ceil(lanes), shape, lanes);
        (buffer, View::whole(buffer, shape, lanes))
    }

    /// A buffer with the lanes of a view.
    fn alike(&mut self, view: &View, shape: [usize; 4]) -> (usize, View) {
        let blocks = view.blocks();
        let buffer = self.buffer(blocks.len(), shape, self.isa.lanes());
        let mut lanes = view.lanes.clone();
        for (block, of) in blocks.iter().enumerate() {
            for (lane, channel) in &of.channels {
                lanes[*channel] = Lane {
                    buffer,
                    block,
                    lane: *lane,
                };
            }
        }
        (buffer, View { shape, lanes })
    }

    pub fn step(&mut self, draft: Draft, input: Option<View>, writes: Option<usize>) {
        let mut reads: Vec<usize> = input.iter().flat_map(View::buffers).collect();
        if let Draft::Conv(_, Some(other))
        | Draft::Winograd(_, Some(other))
        | Draft::Mixed(_, other)
        | Draft::Binary(_, other)
        | Draft::Panels(_, other) = &draft
        {
            reads.extend(other.buffers());
        }
        if let Draft::Attend(.., panels) = &draft {
            reads.push(*panels);
        }
        reads.sort();
        reads.dedup();
        self.steps.push(Drafted {
            draft,
            input,
            reads,
            writes,
        });
    }

    /// The view with each channel in a lane of its own, in order.
    fn repacked(&mut self, view: View) -> View {
        let (buffer, whole) = self.whole(view.shape);
        self.step(Draft::Repack, Some(view), Some(buffer));
        whole
    }

    fn plain(&mut self, view: View) -> View {
        match view.is_plain() {
            true => view,
            false => self.repacked(view),
        }
    }

    fn halo_of(&mut self, buffer: usize) -> usize {
        let mut root = buffer;
        while self.halos[root] != root {
            root = self.halos[root];
        }
        self.halos[buffer] = root;
        root
    }

    /// All buffers of a view get one halo, of at least so many pixels.
    fn halo(&mut self, view: &View, halo: usize) {
        let buffers = view.buffers();
        let roots: Vec<usize> = buffers.iter().map(|b| self.halo_of(*b)).collect();
        let halo = roots
            .iter()
            .map(|r| self.buffers[*r].geometry.halo)
            .max()
            .max(Some(halo));
        for root in &roots {
            self.halos[*root] = roots[0];
        }
        self.buffers[roots[0]].geometry.halo = halo.expect("a view has a buffer");
    }

    /// A node's steps, and the view of what they make.
    pub fn node(
        &mut self,
        builder: &Builder,
        shape: [usize; 4],
        node: &Node,
        views: &[Option<View>],
    ) -> View {
        let view = |value: &Value| views[value.0].clone().expect("sources come before");
        match node {
            Node::Input => {
                let lanes = if builder.input_stays() {
                    1
                } else {
                    self.isa.lanes()
                };
                let buffer = self.buffer(shape[1].div_ceil(lanes), shape, lanes);
                self.step(Draft::Input(shape[1]), None, Some(buffer));
                View::whole(buffer, shape, lanes)
            }
            Node::Conv(x, conv, residual) => {
                let mut x = view(x);
                let halo = conv.padding[0].max(conv.padding[1]);
                if conv.is_depthwise() {
                    x = self.plain(x);
                    self.halo(&x, halo);
                    let (buffer, y) = self.alike(&x, shape);
                    self.step(Draft::Depthwise(conv.clone()), Some(x), Some(buffer));
                    return y;
                }
                let winograd = self.winograd && Winograd::suits(self.isa, conv, &x);
                let halo = if winograd {
                    Winograd::halo(shape)
                } else {
                    halo
                };
                self.halo(&x, halo);
                let (buffer, y) = self.whole(shape);
                let residual = residual.as_ref().map(|other| {
                    let other = view(other);
                    let other = match y.is_aligned_with(&other) {
                        true => other,
                        false => self.repacked(other),
                    };
                    self.halo(&other, 0);
                    other
                });
                let draft = match winograd {
                    true => Draft::Winograd,
                    false => Draft::Conv,
                };
                self.step(draft(conv.clone(), residual), Some(x), Some(buffer));
                y
            }
            Node::Mixed([x, shares], conv) => {
                let (mut x, shares) = (view(x), view(shares));
                let depthwise = conv.is_depthwise();
                if depthwise {
                    x = self.plain(x);
                }
                self.halo(&x, conv.padding[0].max(conv.padding[1]));
                self.halo(&shares, 0);
                let (buffer, y) = match depthwise {
                    true => self.alike(&x, shape),
                    false => self.whole(shape),
                };
                self.step(Draft::Mixed(conv.clone(), shares), Some(x), Some(buffer));
                y
            }
            Node::Pool(x, pool) => self.same_lanes(Draft::Pool(*pool), view(x), shape),
            Node::Mean(x) => self.same_lanes(Draft::Mean, view(x), shape),
            Node::Largest(x) => {
                let (buffer, y) = self.whole(shape);
                self.step(Draft::Largest, Some(view(x)), Some(buffer));
                y
            }
            Node::Constant(numbers) => {
                let (buffer, y) = self.whole(shape);
                self.step(Draft::Constant(numbers.clone()), None, Some(buffer));
                y
            }
            Node::Pixels(x, sources) => {
                self.same_lanes(Draft::Pixels(sources.clone()), view(x), shape)
            }
            Node::Unary(x, activation) => {
                self.same_lanes(Draft::Unary(*activation), view(x), shape)
            }
            Node::Binary(binary, both) => {
                let [x, mut y] = [&both[0], &both[1]].map(view);
                let mut x = self.plain(x);
                if y.shape[1] != 1 || x.shape[1] == 1 {
                    y = self.plain(y);
                    if !x.is_aligned_with(&y) {
                        [x, y] = [x, y].map(|view| self.repacked(view));
                    }
                }
                self.same_lanes(Draft::Binary(*binary, y), x, shape)
            }
            Node::Attention(all, attention) => self.attention(all.each_ref().map(view), *attention),
            Node::Bilinear(x, corners) => {
                self.same_lanes(Draft::Bilinear(*corners), view(x), shape)
            }
            Node::Transposed(x, convs) => {
                let x = view(x);
                self.halo(&x, 0);
                let (buffer, y) = self.whole(shape);
                self.step(Draft::Transposed(convs.clone()), Some(x), Some(buffer));
                y
            }
            Node::Concat(parts) => View {
                shape,
                lanes: parts.iter().flat_map(|part| view(part).lanes).collect(),
            },
            Node::Channels(x, order) => {
                let from = view(x);
                View {
                    shape,
                    lanes: order.iter().map(|channel| from.lanes[*channel]).collect(),
                }
            }
        }
    }

    /// Keys and values in panels, then what queries see; each head begins a block.
    fn attention(&mut self, all: [View; 3], attention: Attention) -> View {
        let [queries, keys, values] = all.map(|view| self.plain(view));
        for view in [&queries, &keys, &values] {
            self.halo(view, 0);
        }
        let shape = values.shape;
        let packed = Packed::new(self.isa, attention, &queries, shape);
        let parts = attention.heads * attention.areas;
        let panels = self.buffer(parts, [shape[0], 1, 1, packed.len()], 1);
        self.step(Draft::Panels(packed, values), Some(keys), Some(panels));
        let lanes = self.isa.lanes();
        let blocks = packed.values.div_ceil(lanes);
        let buffer = self.buffer(attention.heads * blocks, shape, lanes);
        let draft = Draft::Attend(attention, packed, panels);
        self.step(draft, Some(queries), Some(buffer));
        let lane = |channel: usize| {
            let (head, channel) = (channel / packed.values, channel % packed.values);
            Lane {
                buffer,
                block: head * blocks + channel / lanes,
                lane: channel % lanes,
            }
        };
        View {
            shape,
            lanes: (0..shape[1]).map(lane).collect(),
        }
    }

    fn same_lanes(&mut self, draft: Draft, x: View, shape: [usize; 4]) -> View {
        let x = self.plain(x);
        let (buffer, y) = self.alike(&x, shape);
        self.step(draft, Some(x), Some(buffer));
        y
    }

    /// The steps that touch each buffer: from the one that writes it to the last that reads it.
    fn lives(&self) -> Vec<RangeInclusive<usize>> {
        let mut lives = vec![0..=0; self.buffers.len()];
        for (number, step) in self.steps.iter().enumerate() {
            if let Some(buffer) = step.writes {
                lives[buffer] = number..=number;
            }
            for buffer in &step.reads {
                lives[*buffer] = *lives[*buffer].start()..=number;
            }
        }
        lives
    }

    /// Floats of the memory that the steps share.
    pub fn memory(mut self, options: &Options) -> usize {
        self.place(options).1
    }

    fn place(&mut self, options: &Options) -> (Vec<Buffer>, usize) {
        for buffer in 0..self.buffers.len() {
            let root = self.halo_of(buffer);
            self.buffers[buffer].geometry.halo = self.buffers[root].geometry.halo;
        }
        let lengths: Vec<usize> = (self.buffers.iter())
            .map(|raw| raw.blocks * raw.geometry.plane())
            .collect();
        let (starts, len) = arrange(&lengths, &self.lives(), options.reuse);
        let buffers = self.buffers.iter().zip(starts);
        let buffers = buffers.map(|(raw, start)| Buffer {
            blocks: raw.blocks,
            geometry: raw.geometry,
            start,
        });
        (buffers.collect(), len)
    }

    /// The steps, and the floats of the memory that they share.
    pub fn finish(mut self, options: &Options) -> (Vec<Step>, usize) {
        let (buffers, len) = self.place(options);
        let steps = (0..self.steps.len()).map(|number| {
            let kernel = kernel(
                options.isa,
                options.threads.max(1),
                &self.steps[number],
                &buffers,
            );
            Step {
                jobs: kernel.jobs(),
                kernel,
                after: self.after(number, &buffers),
            }
        });
        (steps.collect(), len)
    }

    /// Earlier steps that write what this one reads, or touch memory that it writes.
    fn after(&self, number: usize, buffers: &[Buffer]) -> Vec<usize> {
        let step = &self.steps[number];
        let overlap = |a: usize, b: usize| {
            let (a, b) = (&buffers[a], &buffers[b]);
            a.start < b.start + b.len() && b.start < a.start + a.len()
        };
        let waits = |before: &Drafted| {
            let written = before.writes.is_some_and(|w| step.reads.contains(&w));
            let mut touched = before.reads.iter().chain(&before.writes);
            written || step.writes.is_some_and(|w| touched.any(|t| overlap(w, *t)))
        };
        (0..number)
            .filter(|before| waits(&self.steps[*before]))
            .collect()
    }
}
