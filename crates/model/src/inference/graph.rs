//! A forward pass written down instead of run.

use std::{cell::RefCell, rc::Rc};

use ablate_engine::{Binary, Builder, Options, Order, Plan, Value};

use super::map::Map;

/// A value of a network's graph.
#[derive(Clone, Debug)]
pub struct Traced {
    graph: Rc<RefCell<Graph>>,
    pub(super) shape: [usize; 4],
    /// None after the graph has failed, and of a sketch.
    pub(super) value: Option<Value>,
    /// Of its numbers, where it is an output.
    order: Order,
}

#[derive(Debug)]
struct Graph {
    /// None of a sketch.
    builder: Option<Builder>,
    /// The first operation that the engine lacks.
    failure: Option<String>,
    /// Those of the network's own convolutions.
    multiply_accumulates: u64,
}

/// A graph that runs.
pub(super) struct Compiled {
    pub plan: Plan,
    /// Its outputs, as the last run has left them.
    pub maps: Vec<Map>,
    pub multiply_accumulates: u64,
}

impl Traced {
    /// The network's input of this shape.
    pub fn input(shape: [usize; 4]) -> Self {
        let (builder, value) = Builder::new(shape);
        Self::of(shape, Some(builder), Some(value))
    }

    /// The same of a graph that keeps shapes alone, to see whether there is one.
    pub fn sketch(shape: [usize; 4]) -> Self {
        Self::of(shape, None, None)
    }

    fn of(shape: [usize; 4], builder: Option<Builder>, value: Option<Value>) -> Self {
        let graph = Graph {
            builder,
            failure: None,
            multiply_accumulates: 0,
        };
        Self {
            graph: Rc::new(RefCell::new(graph)),
            shape,
            value,
            order: Order::Planes,
        }
    }

    /// The same; as an output it is `[batch, height, width, channels]`.
    pub fn by_pixels(self) -> Self {
        let order = Order::Pixels;
        Self { order, ..self }
    }

    /// The plan that computes these values.
    ///
    /// # Errors
    /// What the engine lacks.
    pub(super) fn compile(outputs: &[Self]) -> Result<Compiled, String> {
        let first = outputs.first().ok_or("the network has no output")?;
        let graph = first.graph.borrow();
        if let Some(failure) = &graph.failure {
            return Err(failure.clone());
        }
        let builder = graph.builder.as_ref().ok_or("a sketch has no plan")?;
        let values: Vec<Value> = outputs.iter().filter_map(|output| output.value).collect();
        let orders: Vec<Order> = outputs.iter().map(|output| output.order).collect();
        let plan = builder.clone();
        let plan = plan.compile_in(&values, &orders, &Options::new()?)?;
        let map = |output: &Self| Map {
            shape: output.shape,
            values: vec![0.0; output.shape.iter().product()],
        };
        Ok(Compiled {
            plan,
            maps: outputs.iter().map(map).collect(),
            multiply_accumulates: graph.multiply_accumulates,
        })
    }

    /// What the step makes of this value.
    pub(super) fn then(
        self,
        shape: [usize; 4],
        step: impl FnOnce(&mut Builder, Value) -> Result<Value, String>,
    ) -> Self {
        let value = self.value.and_then(|value| {
            let mut graph = self.graph.borrow_mut();
            let made = step(graph.builder.as_mut()?, value);
            graph.keep(made)
        });
        Self {
            shape,
            value,
            order: Order::Planes,
            ..self
        }
    }

    pub(super) fn with(self, other: Self, binary: Binary) -> Self {
        let shape = self.shape;
        self.then(shape, |builder, value| {
            let other = other.value.ok_or("a value of another graph")?;
            builder.binary(binary, value, other)
        })
    }

    /// Notes multiply-accumulates of an image.
    pub(super) fn count(&self, of_image: usize) {
        let all = (of_image * self.shape[0]) as u64;
        self.graph.borrow_mut().multiply_accumulates += all;
    }
}

impl Graph {
    fn keep(&mut self, made: Result<Value, String>) -> Option<Value> {
        match made {
            Ok(value) => Some(value),
            Err(failure) => {
                self.failure.get_or_insert(failure);
                None
            }
        }
    }
}
