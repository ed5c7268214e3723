//! The graph of a network.

use std::sync::Arc;

use crate::{activation::Activation, heads::Attention};

/// A map that a node of a graph makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(pub(crate) usize);

/// A convolution with bias and activation: what a folded Conv of a network is.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// `[channels out, channels in / groups, kernel height, kernel width]`, row-major.
    pub weights: Arc<[f32]>,
    /// The weights' shape.
    pub shape: [usize; 4],
    /// One for each output channel.
    pub bias: Arc<[f32]>,
    /// Step of the kernel.
    pub stride: usize,
    /// Zeros above and below, and left and right.
    pub padding: [usize; 2],
    /// Step between the kernel's elements.
    pub dilation: usize,
    /// Groups of channels that are convolved apart.
    pub groups: usize,
    /// Applied to what the convolution gives.
    pub activation: Activation,
}

impl Conv2d {
    /// Stride 1, no padding, no dilation, one group, no activation.
    pub fn new(weights: Vec<f32>, shape: [usize; 4], bias: Vec<f32>) -> Self {
        Self {
            weights: weights.into(),
            shape,
            bias: bias.into(),
            stride: 1,
            padding: [0; 2],
            dilation: 1,
            groups: 1,
            activation: Activation::Identity,
        }
    }

    /// Zero between channels of different groups, and for an output that only fills a block.
    pub(crate) fn weight(&self, out: usize, channel: usize, tap: usize) -> f32 {
        let [c_out, c_in, tall, wide] = self.shape;
        if out >= c_out || out / (c_out / self.groups) != channel / c_in {
            return 0.0;
        }
        self.weights[(out * c_in + channel % c_in) * tall * wide + tap]
    }

    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.shape[1] == 1 && self.shape[0] == self.groups
    }

    fn output(&self, [batch, channels, height, width]: [usize; 4]) -> Result<[usize; 4], String> {
        let [c_out, c_in, tall, wide] = self.shape;
        let groups = self.groups;
        if [c_out, c_in, tall, wide, groups, self.stride, self.dilation].contains(&0) {
            return Err("expected sides, channels, groups, stride and dilation above 0".into());
        }
        if !c_out.is_multiple_of(groups) || c_in * groups != channels {
            return Err(format!(
                "expected {c_in} channels in each of {groups} groups, and {c_out} outputs to divide \
                 into them, found {channels} channels"
            ));
        }
        let found = [self.weights.len(), self.bias.len()];
        let expected = [c_out * c_in * tall * wide, c_out];
        if found != expected {
            return Err(format!(
                "expected {} weights and {} biases, found {} and {}",
                expected[0], expected[1], found[0], found[1]
            ));
        }
        let side = |side: usize, padding: usize, kernel: usize| {
            let reach = (kernel - 1) * self.dilation + 1;
            (side + 2 * padding)
                .checked_sub(reach)
                .map(|rest| rest / self.stride + 1)
                .ok_or_else(|| format!("expected a side of at least {reach}, found {side}"))
        };
        Ok([
            batch,
            c_out,
            side(height, self.padding[0], tall)?,
            side(width, self.padding[1], wide)?,
        ])
    }
}

/// What a pool makes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// Its largest number.
    Max,
    /// Its mean.
    Mean,
}

/// A pool. Height before width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What it makes of a window.
    pub kind: PoolKind,
    /// Sides of the window.
    pub kernel: [usize; 2],
    /// Steps of the window.
    pub stride: [usize; 2],
    /// Cells around the map, which a maximum doesn't see.
    pub padding: [usize; 2],
    /// Whether a mean counts the cells around the map, as zeros.
    pub count_padding: bool,
}

impl Pool {
    /// A square window.
    pub fn square(kind: PoolKind, kernel: usize, stride: usize, padding: usize) -> Self {
        Self {
            kind,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
            count_padding: false,
        }
    }

    /// The cells of a window within the map, in one direction.
    pub(crate) fn window(&self, axis: usize, at: usize, side: usize) -> std::ops::Range<usize> {
        let start = at * self.stride[axis];
        let end = (start + self.kernel[axis]).saturating_sub(self.padding[axis]);
        start.saturating_sub(self.padding[axis])..end.min(side)
    }

    fn output(&self, [batch, channels, height, width]: [usize; 4]) -> Result<[usize; 4], String> {
        let side = |axis: usize, side: usize| {
            let (kernel, padding) = (self.kernel[axis], self.padding[axis]);
            match (side + 2 * padding).checked_sub(kernel) {
                _ if kernel == 0 || self.stride[axis] == 0 => {
                    Err("expected a window and a step above 0".to_string())
                }
                _ if 2 * padding > kernel => Err(format!(
                    "expected a padding of at most half the window, {kernel}, found {padding}"
                )),
                None => Err(format!(
                    "expected a side of at least {kernel}, found {side}"
                )),
                Some(rest) => Ok(rest / self.stride[axis] + 1),
            }
        };
        Ok([batch, channels, side(0, height)?, side(1, width)?])
    }
}

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
    Pool(Value, Pool),
    Mean(Value),
    Enlarge(Value, usize),
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
            Self::Input => Vec::new(),
            Self::Conv(x, _, residual) => std::iter::once(*x).chain(*residual).collect(),
            Self::Pool(x, _)
            | Self::Mean(x)
            | Self::Enlarge(x, _)
            | Self::Unary(x, _)
            | Self::Channels(x, _)
            | Self::Bilinear(x, _)
            | Self::Transposed(x, _) => vec![*x],
            Self::Binary(_, both) => both.to_vec(),
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
            .output(self.shape(x))
            .map_err(|error| format!("convolution: {error}"))?;
        Ok(self.push(Node::Conv(x, conv, None), shape))
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

    /// Every pixel `factor` times in both directions.
    pub fn enlarge(&mut self, x: Value, factor: usize) -> Value {
        let [batch, channels, height, width] = self.shape(x);
        let shape = [batch, channels, height * factor, width * factor];
        self.push(Node::Enlarge(x, factor), shape)
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
