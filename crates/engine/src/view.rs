//! A map as its readers see it.

/// A place in a buffer: a lane of one of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    pub buffer: usize,
    pub block: usize,
    pub lane: usize,
}

/// A map: where each of its channels is. So a concatenation, a slice and a shuffle of channels are
/// other views of the same memory, and move nothing.
#[derive(Clone, Debug)]
pub struct View {
    /// Batch, channels, height, width.
    pub shape: [usize; 4],
    pub lanes: Vec<Lane>,
}

/// A block that a view reads, and which channels of the view are in which of its lanes.
#[derive(Clone, Debug)]
pub struct ViewBlock {
    pub buffer: usize,
    pub block: usize,
    /// Lane and channel, by lane.
    pub channels: Vec<(usize, usize)>,
}

impl View {
    /// A whole buffer, its channels in order.
    pub fn whole(buffer: usize, shape: [usize; 4], lanes: usize) -> Self {
        let lane = |channel| Lane {
            buffer,
            block: channel / lanes,
            lane: channel % lanes,
        };
        Self {
            shape,
            lanes: (0..shape[1]).map(lane).collect(),
        }
    }

    /// The blocks, in the order of their first channels.
    pub fn blocks(&self) -> Vec<ViewBlock> {
        let mut blocks: Vec<ViewBlock> = Vec::new();
        for (channel, at) in self.lanes.iter().enumerate() {
            let same = |b: &&mut ViewBlock| (b.buffer, b.block) == (at.buffer, at.block);
            match blocks.iter_mut().rev().find(same) {
                Some(block) => block.channels.push((at.lane, channel)),
                None => blocks.push(ViewBlock {
                    buffer: at.buffer,
                    block: at.block,
                    channels: vec![(at.lane, channel)],
                }),
            }
        }
        blocks.iter_mut().for_each(|block| block.channels.sort());
        blocks
    }

    /// The buffers that it is in.
    pub fn buffers(&self) -> Vec<usize> {
        let mut buffers: Vec<usize> = self.lanes.iter().map(|at| at.buffer).collect();
        buffers.sort();
        buffers.dedup();
        buffers
    }

    /// Whether no two channels share a lane.
    pub fn is_plain(&self) -> bool {
        let twice = |b: &ViewBlock| b.channels.windows(2).any(|two| two[0].0 == two[1].0);
        !self.blocks().iter().any(twice)
    }

    /// Whether the channels of each of its blocks are the same lanes of one block of the other.
    pub fn is_aligned_with(&self, other: &Self) -> bool {
        self.is_plain()
            && other.is_plain()
            && self.lanes.len() == other.lanes.len()
            && self.blocks().iter().all(|block| {
                let (_, first) = block.channels[0];
                let there = other.lanes[first];
                block.channels.iter().all(|(lane, channel)| {
                    let at = other.lanes[*channel];
                    (at.buffer, at.block, at.lane) == (there.buffer, there.block, *lane)
                })
            })
    }
}
