//! A graph compiled for one shape and one set of instructions.

use std::time::Instant;

use crate::{
    builder::{Builder, Node, Value},
    kernels::Draft,
    lower::Lowering,
    ops::{Memory, Output as OutputMemory, packed::Aligned},
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
    /// Images of a batch that run at once, at most; None: as many as are quickest.
    pub images: Option<usize>,
}

/// The order of an output's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `[batch, channels, height, width]`.
    Planes,
    /// `[batch, height, width, channels]`.
    Pixels,
}

/// What a processor's last cache has room for beside the weights, at least: a network with more
/// weights than that gets as much for its maps.
const MAPS: usize = 6 << 20;

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
            images: None,
        })
    }
}

/// A network that runs.
pub struct Plan {
    steps: Vec<Step>,
    arena: Vec<f32>,
    /// Runs of the steps that make a batch.
    turns: usize,
    input: usize,
    outputs: Vec<[usize; 4]>,
    threads: usize,
}

impl Builder {
    /// The graph as a plan that gives these values, plane by plane.
    ///
    /// # Errors
    /// No values.
    pub fn compile(self, outputs: &[Value], options: &Options) -> Result<Plan, String> {
        self.compile_in(outputs, &vec![Order::Planes; outputs.len()], options)
    }

    /// As [`Self::compile`], each value in an order of its own.
    ///
    /// # Errors
    /// No values, or not as many orders.
    pub fn compile_in(
        mut self,
        outputs: &[Value],
        orders: &[Order],
        options: &Options,
    ) -> Result<Plan, String> {
        if outputs.len() != orders.len() {
            return Err(format!(
                "expected an order for each of {} outputs, found {}",
                outputs.len(),
                orders.len()
            ));
        }
        if outputs.is_empty() {
            return Err("expected at least one output".into());
        }
        self.fuse(outputs);
        let batch = self.shapes[0][0];
        let most = match options.images {
            Some(images) => images,
            None => {
                // Maps that stay in the caches. Images that run after the others read all weights
                // again: that costs about as much as maps of their size that leave the caches.
                let room = MAPS.max(4 * self.weight_count(outputs));
                room / (4 * self.lowered(1, outputs, orders, options).memory(options)).max(1)
            }
        };
        let at_once = (1..=batch)
            .rev()
            .find(|some| *some == 1 || (batch.is_multiple_of(*some) && *some <= most))
            .ok_or("expected at least one image")?;
        let (steps, len) = self
            .lowered(at_once, outputs, orders, options)
            .finish(options);
        Ok(Plan {
            steps,
            // With room to begin at a cache line.
            arena: vec![0.0; len + 16],
            turns: batch / at_once,
            input: self.shapes[0].iter().product(),
            outputs: outputs.iter().map(|value| self.shape(*value)).collect(),
            threads: options.threads.max(1),
        })
    }

    /// Weights of all convolutions that the outputs need.
    fn weight_count(&self, outputs: &[Value]) -> usize {
        let wanted = self.wanted(outputs);
        let nodes = self.nodes.iter().zip(wanted);
        let counted = nodes.map(|(node, wanted)| match node {
            Node::Conv(_, conv, _) | Node::Mixed(_, conv) if wanted => conv.weights.len(),
            Node::Transposed(_, convs) if wanted => convs.iter().map(|c| c.weights.len()).sum(),
            _ => 0,
        });
        counted.sum()
    }

    /// The steps of so many images.
    fn lowered(
        &self,
        images: usize,
        outputs: &[Value],
        orders: &[Order],
        options: &Options,
    ) -> Lowering {
        let wanted = self.wanted(outputs);
        let mut lowering = Lowering::new(options);
        let mut views: Vec<Option<View>> = vec![None; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            if wanted[i] {
                let [_, channels, height, width] = self.shapes[i];
                let shape = [images, channels, height, width];
                views[i] = Some(lowering.node(self, shape, node, &views));
            }
        }
        for (number, (value, order)) in outputs.iter().zip(orders).enumerate() {
            let view = views[value.0].clone().expect("outputs are wanted");
            lowering.step(Draft::Output(number, *order), Some(view), None);
        }
        lowering
    }
}

/// Floats before the first that begins a cache line.
fn line_start(floats: &[f32]) -> usize {
    (floats.as_ptr() as usize).wrapping_neg() % 64 / 4
}

impl Plan {
    /// Shapes of the outputs, `[batch, channels, height, width]` in whatever order they are.
    pub fn output_shapes(&self) -> &[[usize; 4]] {
        &self.outputs
    }

    /// Bytes of all maps.
    pub fn memory(&self) -> usize {
        self.arena.len() * 4
    }

    /// Moves weights and maps to other memory. Where memory lies has its own part in how long a plan
    /// takes, some percent that last as long as the plan; plans that are compared should change places.
    pub fn relocate(&mut self) {
        for step in &mut self.steps {
            step.kernel
                .weights()
                .into_iter()
                .for_each(Aligned::relocate);
        }
        self.arena = vec![0.0; self.arena.len()];
    }

    /// Each step's kind and the quickest of its times on one thread, in seconds, of runs that take
    /// about so many seconds. Of a batch in parts these are the steps of one part.
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
            input: part(input, 0, self.turns),
            outputs: outputs
                .iter_mut()
                .map(|out| OutputMemory::new(part_mut(out, 0, self.turns)))
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

    /// Input `[batch, channels, height, width]`, row-major, to outputs.
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
        for turn in 0..self.turns {
            let memory = Memory {
                arena: self.arena[start..].as_mut_ptr(),
                input: part(input, turn, self.turns),
                outputs: outputs
                    .iter_mut()
                    .map(|out| OutputMemory::new(part_mut(out, turn, self.turns)))
                    .collect(),
            };
            // SAFETY: the steps were made for this memory.
            #[allow(unsafe_code)]
            unsafe {
                run::run(&self.steps, &memory, self.threads)
            };
        }
        Ok(())
    }
}

/// One of so many equal parts.
fn part(all: &[f32], number: usize, of: usize) -> &[f32] {
    let len = all.len() / of;
    &all[number * len..][..len]
}

fn part_mut(all: &mut [f32], number: usize, of: usize) -> &mut [f32] {
    let len = all.len() / of;
    &mut all[number * len..][..len]
}
