//! The size of the network's input.

use serde::{Deserialize, Serialize};

/// Width and height of the network's input, in pixels. A number is a square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSize {
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl InputSize {
    /// Whether both sides are the same.
    pub fn is_square(self) -> bool {
        self.width == self.height
    }

    /// Width and height of an image that is scaled to fit in: one of its sides is the input's, the
    /// other is rounded up, as in YOLOv5.
    pub(crate) fn fitted(self, width: usize, height: usize) -> (usize, usize) {
        // The side that is the larger share of the input's.
        let (of, to) = match width * self.height >= height * self.width {
            true => (width.max(1), self.width),
            false => (height.max(1), self.height),
        };
        let fit = |side: usize| (side * to).div_ceil(of).max(1);
        (fit(width), fit(height))
    }
}

impl From<usize> for InputSize {
    fn from(side: usize) -> Self {
        Self {
            width: side,
            height: side,
        }
    }
}

impl From<(usize, usize)> for InputSize {
    /// Width and height.
    fn from((width, height): (usize, usize)) -> Self {
        Self { width, height }
    }
}

impl From<InputSize> for (usize, usize) {
    /// Width and height.
    fn from(size: InputSize) -> Self {
        (size.width, size.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_fits_in_and_fills_one_side() {
        let square = InputSize::from(640);
        assert_eq!(square.fitted(1280, 720), (640, 360));
        assert_eq!(square.fitted(427, 640), (427, 640));
        let wide = InputSize::from((640, 384));
        assert_eq!(wide.fitted(1280, 720), (640, 360));
        assert_eq!(wide.fitted(500, 500), (384, 384));
        assert_eq!(wide.fitted(100, 200), (192, 384));
        for (width, height) in [(1, 9), (9, 1), (640, 639), (1000, 333), (37, 11)] {
            let (w, h) = wide.fitted(width, height);
            assert!(w <= 640 && h <= 384 && (w == 640 || h == 384), "{w}×{h}");
        }
    }
}
