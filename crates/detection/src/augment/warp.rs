//! Resampling an image through a projective map: the inner loop of augmentation.

use image::RgbImage;

use super::GREY;
use super::canvas::Canvas;
use super::scale::scale;

/// Fractions of a pixel are counted in 2⁻¹⁶ and weights in 2⁻⁸.
const ONE: f64 = 65536.0;

/// Draws what the map `to_source` (row by row, from target to source coordinates) sees of a canvas,
/// bilinearly; grey where there is none.
pub(super) fn warp(
    source: &Canvas,
    to_source: &[[f64; 3]; 3],
    width: usize,
    height: usize,
) -> RgbImage {
    let [[_, across, _], [down, _, _], [g, h, i]] = *to_source;
    let is_affine = g == 0.0 && h == 0.0;
    if is_affine && across == 0.0 && down == 0.0 {
        return scale(source, to_source, width, height);
    }
    let picture = source.picture();
    let sampler = Sampler::new(&picture);
    let mut target = RgbImage::new(width as u32, height as u32);
    for (y, row) in target.chunks_exact_mut(width.max(1) * 3).enumerate() {
        // Coordinates are continuous: pixel n has its centre at n + 0.5.
        let y = y as f64 + 0.5;
        let at = |x: f64| to_source.map(|[a, b, c]| a * (x + 0.5) + b * y + c);
        if is_affine {
            let [u, v, _] = at(0.0);
            let (mut u, mut v) = (fixed(u / i - 0.5), fixed(v / i - 0.5));
            let (du, dv) = (fixed(to_source[0][0] / i), fixed(to_source[1][0] / i));
            for pixel in row.as_chunks_mut::<3>().0 {
                *pixel = sampler.at(u, v);
                (u, v) = (u + du, v + dv);
            }
        } else {
            for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let [u, v, w] = at(x as f64);
                // Out of any image; behind the viewer, or too far for the fixed point.
                let far = |value: f64| !(w > 1e-9 && value.abs() < 1e6);
                let (u, v) = (u / w - 0.5, v / w - 0.5);
                *pixel = if far(u) || far(v) {
                    GREY.0
                } else {
                    sampler.at((u * ONE) as i64, (v * ONE) as i64)
                };
            }
        }
    }
    target
}

/// In fixed point.
pub(super) fn fixed(value: f64) -> i64 {
    (value * ONE).round() as i64
}

struct Sampler<'a> {
    bytes: &'a [u8],
    stride: usize,
    width: i64,
    height: i64,
}

impl<'a> Sampler<'a> {
    fn new(image: &'a RgbImage) -> Self {
        Self {
            bytes: image.as_raw(),
            stride: image.width() as usize * 3,
            width: i64::from(image.width()),
            height: i64::from(image.height()),
        }
    }

    /// The image at fixed-point pixel indices (u, v).
    #[inline]
    fn at(&self, u: i64, v: i64) -> [u8; 3] {
        let (x, y) = (u >> 16, v >> 16);
        let (fx, fy) = ((u >> 8) as u32 & 255, (v >> 8) as u32 & 255);
        // One comparison each for 0 <= x < width - 1, as negative numbers wrap to large ones.
        if (x as u64) < (self.width - 1) as u64 && (y as u64) < (self.height - 1) as u64 {
            let start = y as usize * self.stride + x as usize * 3;
            let next = start + self.stride;
            if let (Some(top), Some(bottom)) = (self.six(start), self.six(next)) {
                return mix(top, bottom, fx, fy);
            }
        }
        if x < -1 || y < -1 || x >= self.width || y >= self.height {
            return GREY.0;
        }
        let (mut top, mut bottom) = ([0; 6], [0; 6]);
        top[..3].copy_from_slice(&self.tap(x, y));
        top[3..].copy_from_slice(&self.tap(x + 1, y));
        bottom[..3].copy_from_slice(&self.tap(x, y + 1));
        bottom[3..].copy_from_slice(&self.tap(x + 1, y + 1));
        mix(&top, &bottom, fx, fy)
    }

    #[inline]
    fn six(&self, start: usize) -> Option<&[u8; 6]> {
        self.bytes.get(start..start + 6)?.try_into().ok()
    }

    fn tap(&self, x: i64, y: i64) -> [u8; 3] {
        if !(0..self.width).contains(&x) || !(0..self.height).contains(&y) {
            return GREY.0;
        }
        let start = y as usize * self.stride + x as usize * 3;
        [
            self.bytes[start],
            self.bytes[start + 1],
            self.bytes[start + 2],
        ]
    }
}

/// Two pixels of a row and the two below, weighted.
#[inline]
fn mix(top: &[u8; 6], bottom: &[u8; 6], fx: u32, fy: u32) -> [u8; 3] {
    let channel = |c: usize| {
        let upper = u32::from(top[c]) * (256 - fx) + u32::from(top[c + 3]) * fx;
        let lower = u32::from(bottom[c]) * (256 - fx) + u32::from(bottom[c + 3]) * fx;
        ((upper * (256 - fy) + lower * fy + (1 << 15)) >> 16) as u8
    };
    // Spelt out, as `[0, 1, 2].map(…)` is not inlined and takes twice the time.
    [channel(0), channel(1), channel(2)]
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// Scaling alone is done another way than the rest: a turn too small to move anything takes
    /// that of the rest.
    #[test]
    fn scaling_is_what_the_general_way_gives() {
        let source = RgbImage::from_fn(37, 23, |x, y| {
            Rgb([(x * 7 + y) as u8, (y * 11) as u8, (x * y) as u8])
        });
        let mut canvas = Canvas::new(50, 40);
        canvas.paste(&source, -3, 4);
        canvas.paste(&source, 20, 25);
        for (scale, [x, y]) in [
            (1.0, [0.0, 0.0]),
            (0.37, [-3.3, 2.7]),
            (1.9, [5.5, -8.1]),
            (2.5, [-40.0, 3.0]),
            (0.9, [60.0, 0.0]),
            (1.3, [0.0, 90.0]),
        ] {
            let straight = [[scale, 0.0, x], [0.0, scale * 1.1, y], [0.0, 0.0, 1.0]];
            let turned = [[scale, 1e-12, x], [1e-12, scale * 1.1, y], [0.0, 0.0, 1.0]];
            for canvas in [&canvas, &Canvas::of(&source)] {
                let [one, other] = [straight, turned].map(|map| warp(canvas, &map, 41, 33));
                assert!(one == other, "scale {scale}, shift {x}, {y}");
            }
        }
    }
}
