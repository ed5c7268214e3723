//! What C3, C2f and VoVGSCSP have in common.

use super::{
    bottleneck::{BottleneckConfig, Link},
    conv::ConvConfig,
    row::RowReader,
};

/// What a row says of a cross-stage partial block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CspConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Blocks in the chain.
    pub bottlenecks: usize,
    /// Whether each of them adds its input to its output.
    pub shortcut: bool,
    /// Groups of channels that are convolved apart.
    pub groups: usize,
    /// Hidden channels as a share of the output's.
    pub expansion: f64,
}

impl CspConfig {
    /// A row `[channels, shortcut, groups, expansion]`; `shortcut` is the default.
    pub(super) fn read(row: &RowReader, shortcut: bool) -> Result<Self, String> {
        row.at_most(4, "channels, shortcut, groups, expansion")?;
        Self::read_at(row, shortcut, 2)
    }

    /// A row whose groups are argument `groups` and whose expansion comes after them.
    pub(super) fn read_at(row: &RowReader, shortcut: bool, groups: usize) -> Result<Self, String> {
        let config = Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            bottlenecks: row.repeats(),
            shortcut: row.flag(1, shortcut, "shortcut")?,
            groups: row.positive(groups, Some(1), "groups")?,
            expansion: row.number(groups + 1, 0.5, "expansion")?,
        };
        let hidden = config.hidden();
        match hidden > 0 && hidden.is_multiple_of(config.groups) {
            true => Ok(config),
            false => Err(format!(
                "expected {hidden} hidden channels to divide into {} groups",
                config.groups
            )),
        }
    }

    /// Channels of either branch.
    pub fn hidden(&self) -> usize {
        (self.c_out as f64 * self.expansion) as usize
    }

    /// The convolutions into the chain, into the bypass, and out of both.
    pub(super) fn branches(&self) -> [ConvConfig; 3] {
        let hidden = self.hidden();
        [
            ConvConfig::new(self.c_in, hidden, 1, 1),
            ConvConfig::new(self.c_in, hidden, 1, 1),
            ConvConfig::new(2 * hidden, self.c_out, 1, 1),
        ]
    }

    /// One of the chain's blocks, given the sides of its convolutions' kernels.
    pub(super) fn link<L: Link>(&self, kernels: [usize; 2]) -> L {
        let hidden = self.hidden();
        L::new(BottleneckConfig {
            c_in: hidden,
            hidden,
            c_out: hidden,
            kernels: kernels.map(|side| [side; 2]),
            shortcut: self.shortcut,
            groups: self.groups,
        })
    }

    /// The arguments in the order of a printed table.
    pub(super) fn printed(&self) -> String {
        let shortcut = if self.shortcut { "" } else { ", False" };
        format!(
            "[{}, {}, {}{shortcut}]",
            self.c_in, self.c_out, self.bottlenecks
        )
    }
}
