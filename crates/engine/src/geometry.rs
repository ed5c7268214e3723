//! Where a map's numbers are in memory.

/// A plane: one block of channels of a map, all images of the batch, row by row; each pixel is
/// `lanes` floats. A halo of zeros around each image spares convolutions the question whether a tap
/// is within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    /// Pixels of zeros at each side.
    pub halo: usize,
    /// Floats in a pixel.
    pub lanes: usize,
}

/// Between planes, so that the same pixel of several planes isn't in the same set of a cache.
const GAP: usize = 16;

impl Geometry {
    /// Floats from a row to the next.
    pub fn row(&self) -> usize {
        (self.width + 2 * self.halo) * self.lanes
    }

    /// Floats from an image to the next.
    pub fn image(&self) -> usize {
        (self.height + 2 * self.halo) * self.row()
    }

    /// Floats from a plane to the next: a multiple of 16.
    pub fn plane(&self) -> usize {
        (self.batch * self.image()).next_multiple_of(16) + GAP
    }

    /// A pixel's first float within its plane.
    pub fn pixel(&self, image: usize, y: usize, x: usize) -> usize {
        image * self.image() + (y + self.halo) * self.row() + (x + self.halo) * self.lanes
    }

    /// Pixels of a plane without its halo.
    pub fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }

    /// Where each pixel begins, in steps of `stride` from the first, `height × width` in each image;
    /// the last is repeated `spare` times.
    pub fn table(&self, [height, width]: [usize; 2], stride: usize, spare: usize) -> Vec<u32> {
        let mut table = Vec::with_capacity(self.batch * height * width + spare);
        for image in 0..self.batch {
            for y in 0..height {
                for x in 0..width {
                    table.push(self.pixel(image, y * stride, x * stride) as u32);
                }
            }
        }
        let last = table.last().copied().unwrap_or(0);
        table.resize(table.len() + spare, last);
        table
    }

    /// The same for each image, the last of its pixels repeated `spare` times.
    pub fn tables(&self, size: [usize; 2], stride: usize, spare: usize) -> Vec<u32> {
        let one = Self { batch: 1, ..*self }.table(size, stride, spare);
        let of = |image: usize| (image * self.image()) as u32;
        let tables = (0..self.batch).flat_map(|image| one.iter().map(move |at| at + of(image)));
        tables.collect()
    }

    /// The parts of a plane that are halo, as ranges of floats.
    pub fn borders(&self) -> Vec<std::ops::Range<usize>> {
        let (row, side) = (self.row(), self.halo * self.lanes);
        if side == 0 {
            return Vec::new();
        }
        let mut ranges = Vec::new();
        for image in 0..self.batch {
            let start = image * self.image();
            // Above, with the left of the first row; then right and left of each row together.
            let mut from = start;
            for y in 0..self.height {
                let inner = start + (y + self.halo) * row + side;
                ranges.push(from..inner);
                from = inner + self.width * self.lanes;
            }
            ranges.push(from..start + self.image());
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_and_pixels_are_the_whole_plane() {
        for halo in 0..3 {
            let geometry = Geometry {
                batch: 2,
                height: 3,
                width: 4,
                halo,
                lanes: 4,
            };
            let mut seen = vec![0; geometry.batch * geometry.image()];
            for range in geometry.borders() {
                seen[range].iter_mut().for_each(|times| *times += 1);
            }
            for start in geometry.table([3, 4], 1, 0) {
                seen[start as usize..][..4]
                    .iter_mut()
                    .for_each(|times| *times += 1);
            }
            assert!(
                seen.iter().all(|times| *times == 1),
                "halo {halo}: {seen:?}"
            );
        }
    }
}
