//! What a graph's nodes become before they are compiled.

use crate::{
    activation::Activation,
    builder::{Binary, Builder, Node, Value},
    conv2d::Conv2d,
};

impl Builder {
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
    pub(crate) fn fuse(&mut self, outputs: &[Value]) {
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
    pub(crate) fn wanted(&self, outputs: &[Value]) -> Vec<bool> {
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
    pub(crate) fn input_stays(&self) -> bool {
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
