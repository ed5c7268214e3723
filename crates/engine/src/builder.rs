//! The graph of a network.

use std::sync::Arc;

use crate::{
    activation::Activation, conv2d::Conv2d, heads::Attention, ops::pixels::Sources, pool::Pool,
};

/// A map that a node of a graph makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(pub(crate) usize);

/// A function of two maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `x + y`.
    Add,
    /// `x - y`.
    Subtract,
    /// `x · y`.
    Multiply,
    /// `x / y`.
    Divide,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Input,
    /// The second is added to the output.
    Conv(Value, Conv2d, Option<Value>),
    /// With kernels of experts, whose shares are the second value.
    Mixed([Value; 2], Conv2d),
    Pool(Value, Pool),
    Mean(Value),
    /// Each pixel's largest channel.
    Largest(Value),
    Constant(Arc<[f32]>),
    /// Rows and columns.
    Pixels(Value, [Sources; 2]),
    Unary(Value, Activation),
    Binary(Binary, [Value; 2]),
    Concat(Vec<Value>),
    /// Channels of a value, in this order.
    Channels(Value, Vec<usize>),
    /// Of queries, keys and values.
    Attention([Value; 3], Attention),
    /// Whether corners' centres lie on each other.
    Bilinear(Value, bool),
    /// A 1×1 convolution for each pixel of the squares that it makes of a pixel, row by row.
    Transposed(Value, Vec<Conv2d>),
}

impl Node {
    pub(crate) fn sources(&self) -> Vec<Value> {
        match self {
            Self::Input | Self::Constant(_) => Vec::new(),
            Self::Conv(x, _, residual) => std::iter::once(*x).chain(*residual).collect(),
            Self::Pool(x, _)
            | Self::Mean(x)
            | Self::Largest(x)
            | Self::Pixels(x, _)
            | Self::Unary(x, _)
            | Self::Channels(x, _)
            | Self::Bilinear(x, _)
            | Self::Transposed(x, _) => vec![*x],
            Self::Binary(_, both) | Self::Mixed(both, _) => both.to_vec(),
            Self::Attention(all, _) => all.to_vec(),
            Self::Concat(parts) => parts.clone(),
        }
    }
}

/// Builds the graph of a network for one shape of its input. All maps are
/// `[batch, channels, height, width]`.
///
/// ```
/// use ablate_engine::{Activation, Builder, Conv2d, Options};
///
/// let (mut builder, image) = Builder::new([1, 3, 4, 4]);
/// let conv = Conv2d {
///     padding: [1; 2],
///     activation: Activation::Relu,
///     ..Conv2d::new(vec![0.5; 8 * 3 * 3 * 3], [8, 3, 3, 3], vec![1.0; 8])
/// };
/// let y = builder.conv2d(image, conv)?;
/// let mut plan = builder.compile(&[y], &Options::new()?)?;
/// let outputs = plan.run(&[0.0; 3 * 4 * 4])?;
/// assert_eq!(outputs, [[1.0; 8 * 4 * 4]]);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) nodes: Vec<Node>,
    pub(crate) shapes: Vec<[usize; 4]>,
}

impl Builder {
    /// A graph that has its input alone.
    pub fn new(input: [usize; 4]) -> (Self, Value) {
        let builder = Self {
            nodes: vec![Node::Input],
            shapes: vec![input],
        };
        (builder, Value(0))
    }

    /// A value's shape.
    pub fn shape(&self, value: Value) -> [usize; 4] {
        self.shapes[value.0]
    }

    pub(crate) fn push(&mut self, node: Node, shape: [usize; 4]) -> Value {
        self.nodes.push(node);
        self.shapes.push(shape);
        Value(self.nodes.len() - 1)
    }

    /// `activation(convolution(x))`.
    ///
    /// # Errors
    /// Weights, bias and channels don't match, or the map is smaller than the kernel.
    pub fn conv2d(&mut self, x: Value, conv: Conv2d) -> Result<Value, String> {
        let shape = conv
            .output(self.shape(x), 1)
            .map_err(|error| format!("convolution: {error}"))?;
        Ok(self.push(Node::Conv(x, conv, None), shape))
    }

    /// `activation(convolution(x))` with a kernel for each image: the sum of the kernels of some
    /// experts, each times its share. The shares are `[batch, experts, 1, 1]`; the weights are those
    /// of one expert after another. Bias and activation are the same for all images.
    ///
    /// # Errors
    /// Those of [`Self::conv2d`]; shares of another shape.
    pub fn mixed_conv2d(&mut self, x: Value, shares: Value, conv: Conv2d) -> Result<Value, String> {
        let [batch, experts, height, width] = self.shape(shares);
        if [batch, height, width] != [self.shape(x)[0], 1, 1] || experts == 0 {
            return Err(format!(
                "mixed convolution: expected shares [{}, experts, 1, 1], found {:?}",
                self.shape(x)[0],
                self.shape(shares)
            ));
        }
        let shape = conv
            .output(self.shape(x), experts)
            .map_err(|error| format!("mixed convolution: {error}"))?;
        Ok(self.push(Node::Mixed([x, shares], conv), shape))
    }

    /// The largest number, or the mean, of windows.
    ///
    /// # Errors
    /// The map is smaller than the window, or the padding larger than half of it.
    pub fn pool(&mut self, x: Value, pool: Pool) -> Result<Value, String> {
        let shape = pool
            .output(self.shape(x))
            .map_err(|error| format!("pool: {error}"))?;
        Ok(self.push(Node::Pool(x, pool), shape))
    }

    /// The mean of each channel, a map of one pixel.
    pub fn mean(&mut self, x: Value) -> Value {
        let [batch, channels, ..] = self.shape(x);
        self.push(Node::Mean(x), [batch, channels, 1, 1])
    }

    /// The largest of each pixel's channels, a map of one channel.
    pub fn largest(&mut self, x: Value) -> Value {
        let [batch, _, height, width] = self.shape(x);
        self.push(Node::Largest(x), [batch, 1, height, width])
    }

    /// A map `[channels, height, width]`, the same for every image.
    ///
    /// # Errors
    /// Another count of numbers than the shape's, or no channel or pixel.
    pub fn constant(&mut self, shape: [usize; 3], numbers: Vec<f32>) -> Result<Value, String> {
        let [channels, height, width] = shape;
        match numbers.len() == shape.iter().product::<usize>() && !shape.contains(&0) {
            true => {
                let shape = [self.shapes[0][0], channels, height, width];
                Ok(self.push(Node::Constant(numbers.into()), shape))
            }
            false => Err(format!(
                "constant: expected the numbers of {shape:?}, found {}",
                numbers.len()
            )),
        }
    }

    /// A map made of these rows and columns of another; None gives zeros.
    ///
    /// # Errors
    /// No row or column, or one that the map does not have.
    pub fn pixels(
        &mut self,
        x: Value,
        rows: Vec<Option<usize>>,
        columns: Vec<Option<usize>>,
    ) -> Result<Value, String> {
        let [batch, channels, height, width] = self.shape(x);
        let fits = |sources: &[Option<usize>], side: usize| {
            !sources.is_empty() && sources.iter().flatten().all(|source| *source < side)
        };
        match fits(&rows, height) && fits(&columns, width) {
            true => {
                let shape = [batch, channels, rows.len(), columns.len()];
                let sources = [rows.into(), columns.into()];
                Ok(self.push(Node::Pixels(x, sources), shape))
            }
            false => Err(format!(
                "pixels: expected some of {height} rows and {width} columns, found {rows:?} and \
                 {columns:?}"
            )),
        }
    }

    /// Every pixel `factor` times in both directions.
    ///
    /// # Errors
    /// Factor 0.
    pub fn enlarge(&mut self, x: Value, factor: usize) -> Result<Value, String> {
        let [.., height, width] = self.shape(x);
        let sources = |side: usize| (0..side * factor).map(|i| Some(i / factor)).collect();
        self.pixels(x, sources(height), sources(width))
    }

    /// `activation(x)`.
    pub fn activation(&mut self, x: Value, activation: Activation) -> Value {
        let shape = self.shape(x);
        self.push(Node::Unary(x, activation), shape)
    }

    /// A function of two maps of one shape; `y` may have one channel, or one pixel, that stands for
    /// all.
    ///
    /// # Errors
    /// Other shapes.
    pub fn binary(&mut self, binary: Binary, x: Value, y: Value) -> Result<Value, String> {
        let (shape, other) = (self.shape(x), self.shape(y));
        let fits = shape[0] == other[0]
            && (other[1] == shape[1] || other[1] == 1)
            && (other[2..] == shape[2..] || other[2..] == [1, 1]);
        match fits {
            true => Ok(self.push(Node::Binary(binary, [x, y]), shape)),
            false => Err(format!(
                "{binary:?}: expected shapes that match, found {shape:?} and {other:?}"
            )),
        }
    }

    /// Maps one after another, by channels.
    ///
    /// # Errors
    /// No maps, or of different sizes.
    pub fn concat(&mut self, parts: &[Value]) -> Result<Value, String> {
        let first = parts.first().ok_or("concat: expected at least one map")?;
        let [batch, _, height, width] = self.shape(*first);
        let mut channels = 0;
        for part in parts {
            let [b, c, h, w] = self.shape(*part);
            if [b, h, w] != [batch, height, width] {
                return Err(format!(
                    "concat: expected maps of one size, found {height}×{width} and {h}×{w}"
                ));
            }
            channels += c;
        }
        let node = Node::Concat(parts.to_vec());
        Ok(self.push(node, [batch, channels, height, width]))
    }

    /// Channels of a map, in this order.
    ///
    /// # Errors
    /// None, or a channel that the map does not have.
    pub fn channels(&mut self, x: Value, order: Vec<usize>) -> Result<Value, String> {
        let [batch, channels, height, width] = self.shape(x);
        match order.iter().max() {
            Some(last) if *last < channels => {
                let shape = [batch, order.len(), height, width];
                Ok(self.push(Node::Channels(x, order), shape))
            }
            _ => Err(format!(
                "channels: expected some of {channels}, found {order:?}"
            )),
        }
    }

    /// `length` channels from `start`.
    ///
    /// # Errors
    /// None, or a channel that the map does not have.
    pub fn slice(&mut self, x: Value, start: usize, length: usize) -> Result<Value, String> {
        self.channels(x, (start..start + length).collect())
    }

    /// The channels of two halves in turn, as `groups` = 2 of ShuffleNet's shuffle has them.
    ///
    /// # Errors
    /// Channels that don't divide into the groups.
    pub fn shuffle(&mut self, x: Value, groups: usize) -> Result<Value, String> {
        let [_, channels, ..] = self.shape(x);
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(format!(
                "shuffle: expected {channels} channels to divide into {groups} groups"
            ));
        }
        let each = channels / groups;
        let order = (0..channels).map(|i| i % groups * each + i / groups);
        self.channels(x, order.collect())
    }
}
