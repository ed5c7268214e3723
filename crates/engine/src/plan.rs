//! A graph compiled for one shape and one set of instructions.

use std::{ops::RangeInclusive, time::Instant};

use crate::{
    activation::Activation,
    builder::{Binary, Builder, Conv2d, Node, Pool, Value},
    geometry::Geometry,
    memory::arrange,
    ops::{
        Buffer, Kernel, Memory, Output as OutputMemory,
        conv::Conv,
        depthwise::Depthwise,
        elementwise::Elementwise,
        exchange,
        pool::Pooling,
        rearrange::{Enlarge, Repack},
        winograd::Winograd,
    },
    run::{self, Step},
    simd::Isa,
    view::View,
};

/// How a graph is compiled and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Instructions.
    pub isa: Isa,
    /// Threads. The outputs are the same bytes for any number.
    pub threads: usize,
    /// Whether maps that don't live at the same time share memory.
    pub reuse: bool,
    /// Whether 3×3 convolutions of stride 1 may take Winograd's way, which has fewer multiplications
    /// and rounds about as much.
    pub winograd: bool,
}

impl Options {
    /// The widest instructions, Rayon's threads.
    ///
    /// # Errors
    /// The environment variable `ABLATE_ISA` names a set that the machine lacks.
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            isa: Isa::detect()?,
            threads: rayon::current_num_threads(),
            reuse: true,
            winograd: true,
        })
    }
}

/// A network that runs.
pub struct Plan {
    steps: Vec<Step>,
    arena: Vec<f32>,
    input: usize,
    outputs: Vec<[usize; 4]>,
    threads: usize,
}

/// What a step does, before its buffers have a place.
enum Draft {
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
    Output(usize),
}

struct Drafted {
    draft: Draft,
    input: Option<View>,
    /// Buffers that it reads.
    reads: Vec<usize>,
    writes: Option<usize>,
}

/// A buffer without a place.
#[derive(Clone, Debug)]
struct Raw {
    blocks: usize,
    geometry: Geometry,
}

/// A graph on its way to a plan.
struct Lowering {
    isa: Isa,
    winograd: bool,
    steps: Vec<Drafted>,
    buffers: Vec<Raw>,
    /// Buffers that are read by one convolution have one halo: the parent of each.
    halos: Vec<usize>,
}

impl Builder {
    /// The graph as a plan that gives these values.
    ///
    /// # Errors
    /// No values.
    pub fn compile(mut self, outputs: &[Value], options: &Options) -> Result<Plan, String> {
        if outputs.is_empty() {
            return Err("expected at least one output".into());
        }
        self.fuse(outputs);
        let wanted = self.wanted(outputs);
        let mut lowering = Lowering {
            isa: options.isa,
            winograd: options.winograd,
            steps: Vec::new(),
            buffers: Vec::new(),
            halos: Vec::new(),
        };
        let mut views: Vec<Option<View>> = vec![None; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            if wanted[i] {
                views[i] = Some(lowering.node(&self, i, node, &views));
            }
        }
        for (number, value) in outputs.iter().enumerate() {
            let view = views[value.0].clone().expect("outputs are wanted");
            lowering.step(Draft::Output(number), Some(view), None);
        }
        Ok(Plan {
            input: self.shapes[0].iter().product(),
            outputs: outputs.iter().map(|value| self.shape(*value)).collect(),
            ..lowering.finish(options)
        })
    }

    /// How often each value is read.
    fn uses(&self, outputs: &[Value]) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let read = self.nodes.iter().flat_map(Node::sources);
        read.chain(outputs.iter().copied())
            .for_each(|value| uses[value.0] += 1);
        uses
    }

    /// A convolution takes in what follows it, if nobody else reads it: an activation, or the sum
    /// with a map that is there before it.
    fn fuse(&mut self, outputs: &[Value]) {
        let uses = self.uses(outputs);
        for i in 0..self.nodes.len() {
            let alone = |value: &Value, nodes: &[Node]| {
                uses[value.0] == 1 && matches!(nodes[value.0], Node::Conv(_, _, None))
            };
            match self.nodes[i].clone() {
                Node::Unary(x, activation) if alone(&x, &self.nodes) => {
                    if let Node::Conv(from, conv, None) = self.nodes[x.0].clone()
                        && conv.activation == Activation::Identity
                    {
                        let conv = Conv2d { activation, ..conv };
                        self.nodes[i] = Node::Conv(from, conv, None);
                    }
                }
                Node::Binary(Binary::Add, [x, y]) if x != y && self.shape(x) == self.shape(y) => {
                    for (conv, other) in [(x, y), (y, x)] {
                        if alone(&conv, &self.nodes)
                            && let Node::Conv(from, conv, None) = self.nodes[conv.0].clone()
                            && !conv.is_depthwise()
                        {
                            self.nodes[i] = Node::Conv(from, conv, Some(other));
                            break;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// What the outputs need.
    fn wanted(&self, outputs: &[Value]) -> Vec<bool> {
        let mut wanted = vec![false; self.nodes.len()];
        outputs.iter().for_each(|value| wanted[value.0] = true);
        for i in (0..self.nodes.len()).rev() {
            if wanted[i] {
                let sources = self.nodes[i].sources();
                sources.iter().for_each(|value| wanted[value.0] = true);
            }
        }
        wanted
    }

    /// Whether the input can stay as it is, a plane a channel: an image that convolutions alone
    /// read.
    fn input_stays(&self) -> bool {
        /// More are better in blocks.
        const MOST: usize = 4;
        let by_convolutions = |node: &Node| match node {
            Node::Conv(x, conv, residual) => {
                residual.is_none_or(|y| y.0 != 0) && (x.0 != 0 || conv.groups == 1)
            }
            node => !node.sources().iter().any(|value| value.0 == 0),
        };
        self.shapes[0][1] <= MOST && self.nodes.iter().all(by_convolutions)
    }
}

impl Lowering {
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
                lanes[*channel] = crate::view::Lane {
                    buffer,
                    block,
                    lane: *lane,
                };
            }
        }
        (buffer, View { shape, lanes })
    }

    fn step(&mut self, draft: Draft, input: Option<View>, writes: Option<usize>) {
        let mut reads: Vec<usize> = input.iter().flat_map(View::buffers).collect();
        if let Draft::Conv(_, Some(other))
        | Draft::Winograd(_, Some(other))
        | Draft::Binary(_, other) = &draft
        {
            reads.extend(other.buffers());
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

    fn node(&mut self, builder: &Builder, i: usize, node: &Node, views: &[Option<View>]) -> View {
        let shape = builder.shapes[i];
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
            Node::Pool(x, pool) => self.same_lanes(Draft::Pool(*pool), view(x), shape),
            Node::Mean(x) => self.same_lanes(Draft::Mean, view(x), shape),
            Node::Enlarge(x, factor) => self.same_lanes(Draft::Enlarge(*factor), view(x), shape),
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

    fn finish(mut self, options: &Options) -> Plan {
        for buffer in 0..self.buffers.len() {
            let root = self.halo_of(buffer);
            self.buffers[buffer].geometry.halo = self.buffers[root].geometry.halo;
        }
        let lengths: Vec<usize> = (self.buffers.iter())
            .map(|raw| raw.blocks * raw.geometry.plane())
            .collect();
        let (starts, len) = arrange(&lengths, &self.lives(), options.reuse);
        let buffers: Vec<Buffer> = (self.buffers.iter().zip(starts))
            .map(|(raw, start)| Buffer {
                blocks: raw.blocks,
                geometry: raw.geometry,
                start,
            })
            .collect();
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
        Plan {
            steps: steps.collect(),
            // With room to begin at a cache line.
            arena: vec![0.0; len + 16],
            input: 0,
            outputs: Vec::new(),
            threads: options.threads.max(1),
        }
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

fn kernel(isa: Isa, threads: usize, step: &Drafted, buffers: &[Buffer]) -> Box<dyn Kernel> {
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
        Draft::Output(number) => Box::new(exchange::Output::new(*number, x(), buffers)),
    }
}

/// Floats before the first that begins a cache line.
fn line_start(floats: &[f32]) -> usize {
    (floats.as_ptr() as usize).wrapping_neg() % 64 / 4
}

impl Plan {
    /// Shapes of the outputs.
    pub fn output_shapes(&self) -> &[[usize; 4]] {
        &self.outputs
    }

    /// Bytes of all maps.
    pub fn memory(&self) -> usize {
        self.arena.len() * 4
    }

    /// Each step's kind and the quickest of its times on one thread, in seconds, of runs that take
    /// about so many seconds.
    ///
    /// # Errors
    /// An input of another length.
    pub fn profile(
        &mut self,
        input: &[f32],
        seconds: f64,
    ) -> Result<Vec<(&'static str, f64)>, String> {
        let mut outputs = self.run(input)?;
        let start = line_start(&self.arena);
        let memory = Memory {
            arena: self.arena[start..].as_mut_ptr(),
            input,
            outputs: outputs
                .iter_mut()
                .map(|out| OutputMemory::new(out))
                .collect(),
        };
        let named = |step: &Step| (step.kernel.name(), f64::INFINITY);
        let mut times: Vec<_> = self.steps.iter().map(named).collect();
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < seconds {
            for (step, (_, best)) in self.steps.iter().zip(&mut times) {
                let start = Instant::now();
                for job in 0..step.jobs {
                    // SAFETY: the steps were made for this memory; nothing else runs.
                    #[allow(unsafe_code)]
                    unsafe {
                        step.kernel.run(&memory, job)
                    };
                }
                *best = best.min(start.elapsed().as_secs_f64());
            }
        }
        Ok(times)
    }

    /// Input to outputs, all row-major.
    ///
    /// # Errors
    /// An input of another length.
    pub fn run(&mut self, input: &[f32]) -> Result<Vec<Vec<f32>>, String> {
        let lengths = self.outputs.iter().map(|shape| shape.iter().product());
        let mut outputs: Vec<Vec<f32>> = lengths.map(|len| vec![0.0; len]).collect();
        let mut parts: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        self.run_into(input, &mut parts)?;
        Ok(outputs)
    }

    /// The same, into memory of the caller's.
    ///
    /// # Errors
    /// An input or outputs of other lengths.
    pub fn run_into(&mut self, input: &[f32], outputs: &mut [&mut [f32]]) -> Result<(), String> {
        let expected = |shape: &[usize; 4]| shape.iter().product::<usize>();
        let expected: Vec<usize> = self.outputs.iter().map(expected).collect();
        let found: Vec<usize> = outputs.iter().map(|out| out.len()).collect();
        if (input.len(), &found) != (self.input, &expected) {
            return Err(format!(
                "expected an input of {} floats and outputs of {expected:?}, found {} and {found:?}",
                self.input,
                input.len()
            ));
        }
        let start = line_start(&self.arena);
        let memory = Memory {
            arena: self.arena[start..].as_mut_ptr(),
            input,
            outputs: outputs
                .iter_mut()
                .map(|out| OutputMemory::new(out))
                .collect(),
        };
        // SAFETY: the steps were made for this memory.
        #[allow(unsafe_code)]
        unsafe {
            run::run(&self.steps, &memory, self.threads)
        };
        Ok(())
    }
}
