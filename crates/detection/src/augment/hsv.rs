//! Other hues, saturations and brightness.

use image::RgbImage;
use rand::RngCore;

use super::AugmentConfig;
use crate::dataset::random::Draw;

/// Multiplies hue, saturation and value by random factors within 1 ± their gains; the hue wraps around, the others stop at their ends.
/// As YOLOv5 does, but without rounding the three to bytes on the way.
pub fn random_hsv(image: &mut RgbImage, config: &AugmentConfig, rng: &mut impl RngCore) {
    let gains = [config.hsv_h, config.hsv_s, config.hsv_v];
    let [hue, saturation, value] = gains.map(|gain| (1.0 + rng.uniform(-gain, gain)) as f32);
    if gains != [0.0; 3] {
        for pixel in image.as_chunks_mut::<3>().0 {
            *pixel = shift(*pixel, hue, saturation, value);
        }
    }
}

/// One pixel with its hue, saturation and value multiplied.
#[inline]
fn shift(pixel: [u8; 3], hue_gain: f32, saturation_gain: f32, value_gain: f32) -> [u8; 3] {
    let [r, g, b] = pixel.map(f32::from);
    let max = r.max(g).max(b);
    let delta = max - r.min(g).min(b);
    let value = (max * value_gain).min(255.0);
    if delta == 0.0 {
        return [(value + 0.5) as u8; 3];
    }
    // The hue in sixths of a turn, 0 at red.
    let sixths = if max == r {
        let around = (g - b) / delta;
        if around < 0.0 { around + 6.0 } else { around }
    } else if max == g {
        (b - r) / delta + 2.0
    } else {
        (r - g) / delta + 4.0
    };
    let turned = sixths * hue_gain;
    let hue = if turned >= 6.0 { turned - 6.0 } else { turned };
    let saturation = (delta / max * saturation_gain).min(1.0);
    // Each channel is a trapezium over the colour circle, shifted by a third of a turn.
    [5.0, 3.0, 1.0].map(|offset| {
        let k = hue + offset;
        let k = if k >= 6.0 { k - 6.0 } else { k };
        (value * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0)) + 0.5) as u8
    })
}
