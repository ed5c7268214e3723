//! What a graph says of a pool.

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

    pub(crate) fn output(
        &self,
        [batch, channels, height, width]: [usize; 4],
    ) -> Result<[usize; 4], String> {
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
