//! Images on a grey ground that is drawn only as far as it is looked at.

use std::borrow::Cow;

use image::RgbImage;

use super::GREY;

/// Images side by side on grey. A mosaic has four times as many pixels as what the affine step takes
/// of it, so that step asks for lines instead of a picture.
pub(super) struct Canvas<'a> {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    image: &'a RgbImage,
    left: i64,
    top: i64,
}

impl<'a> Canvas<'a> {
    /// All grey.
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            parts: Vec::new(),
        }
    }

    /// Just this image.
    pub fn of(image: &'a RgbImage) -> Self {
        let mut canvas = Self::new(image.width() as usize, image.height() as usize);
        canvas.paste(image, 0, 0);
        canvas
    }

    /// Puts an image with its corner at (left, top). What does not fit is cut off.
    pub fn paste(&mut self, image: &'a RgbImage, left: i64, top: i64) {
        self.parts.push(Part { image, left, top });
    }

    /// Fills `pixels` with those of line `y` from column `first` on; outside it is grey, too.
    pub fn line(&self, y: i64, first: i64, pixels: &mut [[u8; 3]]) {
        pixels.fill(GREY.0);
        if !(0..self.height as i64).contains(&y) {
            return;
        }
        let (from, to) = (
            first.max(0),
            (first + pixels.len() as i64).min(self.width as i64),
        );
        for Part { image, left, top } in &self.parts {
            let width = i64::from(image.width());
            let (from, to) = (from.max(*left), to.min(left + width));
            if from >= to || !(*top..top + i64::from(image.height())).contains(&y) {
                continue;
            }
            let line = &image.as_chunks::<3>().0[((y - top) * width) as usize..][..width as usize];
            pixels[(from - first) as usize..(to - first) as usize]
                .copy_from_slice(&line[(from - left) as usize..(to - left) as usize]);
        }
    }

    /// The whole picture.
    pub fn draw(&self) -> RgbImage {
        let mut image = RgbImage::new(self.width as u32, self.height as u32);
        let lines = image.as_chunks_mut::<3>().0;
        for (y, line) in lines.chunks_exact_mut(self.width.max(1)).enumerate() {
            self.line(y as i64, 0, line);
        }
        image
    }

    /// The same, without a copy if it is just one image.
    pub fn picture(&self) -> Cow<'a, RgbImage> {
        let size = (self.width as u32, self.height as u32);
        match &self.parts[..] {
            [
                Part {
                    image,
                    left: 0,
                    top: 0,
                },
            ] if image.dimensions() == size => Cow::Borrowed(image),
            _ => Cow::Owned(self.draw()),
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn lines_are_those_of_the_parts_and_grey_elsewhere() {
        let image = RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8, y as u8, 7]));
        let mut canvas = Canvas::new(5, 4);
        canvas.paste(&image, -1, 1);
        canvas.paste(&image, 4, 3);
        let line = |y: i64| {
            let mut pixels = [[0; 3]; 8];
            canvas.line(y, -2, &mut pixels);
            pixels
        };
        let grey = GREY.0;
        assert_eq!(line(-1), [grey; 8]);
        assert_eq!(line(0), [grey; 8]);
        let inside = [grey, grey, [1, 1, 7], [2, 1, 7], grey, grey, grey, grey];
        assert_eq!(line(2), inside);
        // Cut off at the right of the canvas.
        let corner = [grey, grey, grey, grey, grey, grey, [0, 0, 7], grey];
        assert_eq!(line(3), corner);
        assert_eq!(line(4), [grey; 8]);
        let drawn = canvas.draw();
        assert_eq!(drawn.dimensions(), (5, 4));
        assert_eq!(drawn.as_chunks::<3>().0[10..15], inside[2..7]);
        assert!(matches!(Canvas::of(&image).picture(), Cow::Borrowed(_)));
        assert!(matches!(canvas.picture(), Cow::Owned(_)));
    }
}
