//! Other hues, saturations and brightness.

use image::RgbImage;
use rand::RngCore;

use super::AugmentConfig;
use crate::dataset::random::Draw;
use crate::vector::vectorized;

/// Multiplies hue, saturation and value by random factors within 1 ± their gains; the hue wraps
/// around, the others stop at their ends. As YOLOv5 does, but without rounding the three to bytes
/// on the way.
pub fn random_hsv(image: &mut RgbImage, config: &AugmentConfig, rng: &mut impl RngCore) {
    let gains = [config.hsv_h, config.hsv_s, config.hsv_v];
    let [hue, saturation, value] = gains.map(|gain| (1.0 + rng.uniform(-gain, gain)) as f32);
    if gains == [0.0; 3] {
        return;
    }
    let pixels = image.as_chunks_mut::<3>().0;
    let (blocks, rest) = pixels.as_chunks_mut::<BLOCK>();
    vectorized(
        #[inline(always)]
        || {
            for block in blocks {
                shift(block, hue, saturation, value);
            }
        },
    );
    let mut last = [[0; 3]; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    shift(&mut last, hue, saturation, value);
    rest.copy_from_slice(&last[..rest.len()]);
}

/// Pixels at a time, so that the compiler works on several at once.
const BLOCK: usize = 64;

/// Pixels with their hue, saturation and value multiplied. Without a branch, for the same reason.
#[inline(always)]
fn shift(pixels: &mut [[u8; 3]; BLOCK], hue_gain: f32, saturation_gain: f32, value_gain: f32) {
    // Channel by channel and counted by an index: other forms come out a pixel at a time.
    let [mut red, mut green, mut blue] = [[0; BLOCK]; 3];
    for i in 0..BLOCK {
        [red[i], green[i], blue[i]] = pixels[i];
    }
    for i in 0..BLOCK {
        let [r, g, b] = [red[i], green[i], blue[i]].map(f32::from);
        let max = larger(larger(r, g), b);
        let delta = max - smaller(smaller(r, g), b);
        // The hue in sixths of a turn, 0 at red; any for grey.
        let (difference, offset) = if max == g { (b - r, 2.0) } else { (r - g, 4.0) };
        let (difference, offset) = if max == r {
            (g - b, 0.0)
        } else {
            (difference, offset)
        };
        let sixths = difference / larger(delta, 1.0) + offset;
        let turned = if sixths < 0.0 { sixths + 6.0 } else { sixths } * hue_gain;
        let hue = if turned >= 6.0 { turned - 6.0 } else { turned };
        let saturation = smaller(delta / larger(max, 1.0) * saturation_gain, 1.0);
        let value = smaller(max * value_gain, 255.0);
        // Each channel is a trapezium over the colour circle, shifted by a third of a turn.
        let channel = |offset: f32| {
            let k = hue + offset;
            let k = if k >= 6.0 { k - 6.0 } else { k };
            let height = larger(smaller(smaller(k, 4.0 - k), 1.0), 0.0);
            whole(value - value * saturation * height + 0.5)
        };
        [red[i], green[i], blue[i]] = [channel(5.0), channel(3.0), channel(1.0)];
    }
    for i in 0..BLOCK {
        pixels[i] = [red[i], green[i], blue[i]];
    }
}

/// The whole part of 0 to less than 256. `as u8` would be that, but comes out a value at a time.
#[inline(always)]
fn whole(value: f32) -> u8 {
    // Floats of this size have no digits after the point, so that adding it rounds; the last bits
    // are the nearest whole number.
    const ROUNDS: f32 = (1 << 23) as f32;
    let nearest = value + ROUNDS;
    (nearest.to_bits() as i32 - i32::from(nearest - ROUNDS > value)) as u8
}

/// `f32::max` without its handling of NaN, which does not occur here.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parts_are_those_of_a_cast() {
        for step in 0..=(256 << 12) {
            let value = step as f32 / 4096.0;
            for value in [value.next_down().max(0.0), value, value.next_up()] {
                if value < 256.0 {
                    assert_eq!(whole(value), value as u8, "{value:?}");
                }
            }
        }
    }
}
