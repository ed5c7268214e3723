//! What tests expect: the sums as they are written down.

use super::Dense;

/// Numbers within ±0.5.
pub fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i + seed) * 7919 % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}

/// Calls `f` with the places of an output, an input and a weight that meet.
fn meet(of: &Dense, mut f: impl FnMut(usize, usize, usize)) {
    let [tall, wide] = of.output_sides();
    let source = |out: usize, tap: usize, side: usize| {
        (out * of.stride + tap)
            .checked_sub(of.padding)
            .filter(|at| *at < side)
    };
    for image in 0..of.batch {
        for (out, channel) in (0..of.c_out).flat_map(|o| (0..of.c_in).map(move |c| (o, c))) {
            for (y, x) in (0..tall).flat_map(|y| (0..wide).map(move |x| (y, x))) {
                for (v, u) in (0..of.kernel).flat_map(|v| (0..of.kernel).map(move |u| (v, u))) {
                    let Some((row, column)) = source(y, v, of.height).zip(source(x, u, of.width))
                    else {
                        continue;
                    };
                    f(
                        ((image * of.c_out + out) * tall + y) * wide + x,
                        ((image * of.c_in + channel) * of.height + row) * of.width + column,
                        ((out * of.c_in + channel) * of.kernel + v) * of.kernel + u,
                    );
                }
            }
        }
    }
}

/// To a hundred-thousandth of the largest.
#[track_caller]
fn assert_close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= 1e-5 * largest, "{what}, {i}: {found}, {expected}");
    }
}

/// Numbers for a convolution, and what it and its gradients make of them.
pub struct Sums {
    pub x: Vec<f32>,
    pub weight: Vec<f32>,
    pub gradient: Vec<f32>,
    pub y: Vec<f64>,
    pub dx: Vec<f64>,
    pub dw: Vec<f64>,
}

impl Sums {
    pub fn of(of: &Dense) -> Self {
        let x = numbers(of.inputs(), 1);
        let weight = numbers(of.weights(), 2);
        let gradient = numbers(of.outputs(), 3);
        let mut y = vec![0.0; of.outputs()];
        let mut dx = vec![0.0; of.inputs()];
        let mut dw = vec![0.0; of.weights()];
        meet(of, |out, input, tap| {
            let [x, w, g] = [x[input], weight[tap], gradient[out]].map(f64::from);
            y[out] += x * w;
            dx[input] += g * w;
            dw[tap] += g * x;
        });
        Self {
            x,
            weight,
            gradient,
            y,
            dx,
            dw,
        }
    }

    /// The output and both gradients, as they were found.
    #[track_caller]
    pub fn assert_close(&self, found: [&[f32]; 3], what: &str) {
        for (found, expected) in found.into_iter().zip([&self.y, &self.dx, &self.dw]) {
            assert_close(found, expected, what);
        }
    }
}
