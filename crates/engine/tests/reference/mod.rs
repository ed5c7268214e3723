//! The operations in double precision, as plain as they are defined.

use ablate_engine::{Activation, Binary, Conv2d, Pool, PoolKind};
use rand::Rng;

/// A map, `[batch, channels, height, width]`.
#[derive(Clone, Debug)]
pub struct Map {
    pub shape: [usize; 4],
    pub numbers: Vec<f32>,
}

impl Map {
    pub fn random(shape: [usize; 4], random: &mut impl Rng) -> Self {
        let count = shape.iter().product();
        let numbers = (0..count).map(|_| random.random_range(-1.0..1.0)).collect();
        Self { shape, numbers }
    }

    pub fn of(shape: [usize; 4], f: impl Fn([usize; 4]) -> f64) -> Self {
        let [batch, channels, height, width] = shape;
        let mut numbers = Vec::new();
        for n in 0..batch {
            for c in 0..channels {
                for y in 0..height {
                    numbers.extend((0..width).map(|x| f([n, c, y, x]) as f32));
                }
            }
        }
        Self { shape, numbers }
    }

    pub fn at(&self, [n, c, y, x]: [usize; 4]) -> f64 {
        let [_, channels, height, width] = self.shape;
        self.numbers[((n * channels + c) * height + y) * width + x].into()
    }

    /// The number at a place that may be outside.
    fn get(&self, n: usize, c: usize, y: isize, x: isize) -> Option<f64> {
        let [.., height, width] = self.shape;
        let inside = |at: isize, side: usize| (0..side as isize).contains(&at);
        (inside(y, height) && inside(x, width)).then(|| self.at([n, c, y as usize, x as usize]))
    }

    pub fn image(&self, number: usize) -> Self {
        let [batch, channels, height, width] = self.shape;
        let len = self.numbers.len() / batch;
        Self {
            shape: [1, channels, height, width],
            numbers: self.numbers[number * len..][..len].to_vec(),
        }
    }

    pub fn channels(&self, order: &[usize]) -> Self {
        let [batch, _, height, width] = self.shape;
        Self::of([batch, order.len(), height, width], |[n, c, y, x]| {
            self.at([n, order[c], y, x])
        })
    }

    pub fn concat(parts: &[&Self]) -> Self {
        let [batch, _, height, width] = parts[0].shape;
        let of = parts
            .iter()
            .flat_map(|part| (0..part.shape[1]).map(move |c| (part, c)));
        let of: Vec<_> = of.collect();
        Self::of([batch, of.len(), height, width], |[n, c, y, x]| {
            of[c].0.at([n, of[c].1, y, x])
        })
    }

    /// Within `tolerance` of the largest number.
    pub fn assert_close(&self, expected: &Self, tolerance: f64, what: &str) {
        assert_eq!(self.shape, expected.shape, "{what}");
        let finite = expected.numbers.iter().filter(|x| x.abs() < 1e20);
        let largest = finite.fold(1.0_f64, |largest, x| largest.max(f64::from(x.abs())));
        for (i, (found, expected)) in self.numbers.iter().zip(&expected.numbers).enumerate() {
            let off = (f64::from(*found) - f64::from(*expected)).abs();
            let allowed = tolerance * largest.max(f64::from(expected.abs()));
            assert!(
                off <= allowed,
                "{what}: {found} instead of {expected} at {i}"
            );
        }
    }
}

pub fn conv2d(input: &Map, conv: &Conv2d) -> Map {
    let [batch, _, height, width] = input.shape;
    let [c_out, c_in, tall, wide] = conv.shape;
    let side = |side: usize, padding: usize, kernel: usize| {
        (side + 2 * padding - (kernel - 1) * conv.dilation - 1) / conv.stride + 1
    };
    let [down, across] = conv.padding;
    let shape = [
        batch,
        c_out,
        side(height, down, tall),
        side(width, across, wide),
    ];
    Map::of(shape, |[n, o, y, x]| {
        let mut sum = f64::from(conv.bias[o]);
        let group = o / (c_out / conv.groups);
        for i in 0..c_in {
            for ky in 0..tall {
                for kx in 0..wide {
                    let weight = conv.weights[((o * c_in + i) * tall + ky) * wide + kx];
                    let y = (y * conv.stride + ky * conv.dilation) as isize - down as isize;
                    let x = (x * conv.stride + kx * conv.dilation) as isize - across as isize;
                    let x = input.get(n, group * c_in + i, y, x).unwrap_or(0.0);
                    sum += f64::from(weight) * x;
                }
            }
        }
        // Activations have a reference of their own.
        assert_eq!(conv.activation, Activation::Identity);
        sum
    })
}

/// With the kernels of experts, by shares of each image.
pub fn mixed_conv2d(input: &Map, shares: &Map, conv: &Conv2d) -> Map {
    let each: usize = conv.shape.iter().product();
    let images = (0..input.shape[0]).map(|image| {
        let share = |expert: usize| shares.at([image, expert, 0, 0]);
        let weight = |at: usize| {
            let experts = conv.weights.iter().skip(at).step_by(each);
            let terms = experts.enumerate().map(|(e, w)| share(e) * f64::from(*w));
            terms.sum::<f64>() as f32
        };
        let conv = Conv2d {
            weights: (0..each).map(weight).collect(),
            ..conv.clone()
        };
        conv2d(&input.image(image), &conv)
    });
    let images: Vec<Map> = images.collect();
    let [_, channels, height, width] = images[0].shape;
    Map {
        shape: [images.len(), channels, height, width],
        numbers: images.into_iter().flat_map(|map| map.numbers).collect(),
    }
}

pub fn pool(input: &Map, pool: Pool) -> Map {
    let [batch, channels, height, width] = input.shape;
    let side = |axis: usize, side: usize| {
        (side + 2 * pool.padding[axis] - pool.kernel[axis]) / pool.stride[axis] + 1
    };
    Map::of(
        [batch, channels, side(0, height), side(1, width)],
        |[n, c, y, x]| {
            let mut seen = Vec::new();
            for i in 0..pool.kernel[0] {
                for j in 0..pool.kernel[1] {
                    let y = (y * pool.stride[0] + i) as isize - pool.padding[0] as isize;
                    let x = (x * pool.stride[1] + j) as isize - pool.padding[1] as isize;
                    seen.extend(input.get(n, c, y, x));
                }
            }
            let count = match pool.count_padding {
                true => pool.kernel[0] * pool.kernel[1],
                false => seen.len(),
            };
            match pool.kind {
                PoolKind::Max => seen.into_iter().fold(f64::NEG_INFINITY, f64::max),
                PoolKind::Mean => seen.into_iter().sum::<f64>() / count as f64,
            }
        },
    )
}

pub fn mean(input: &Map) -> Map {
    let [batch, channels, height, width] = input.shape;
    Map::of([batch, channels, 1, 1], |[n, c, ..]| {
        let all = (0..height * width).map(|i| input.at([n, c, i / width, i % width]));
        all.sum::<f64>() / (height * width) as f64
    })
}

pub fn enlarge(input: &Map, factor: usize) -> Map {
    let [batch, channels, height, width] = input.shape;
    Map::of(
        [batch, channels, height * factor, width * factor],
        |[n, c, y, x]| input.at([n, c, y / factor, x / factor]),
    )
}

pub fn pixels(input: &Map, rows: &[Option<usize>], columns: &[Option<usize>]) -> Map {
    let [batch, channels, ..] = input.shape;
    Map::of(
        [batch, channels, rows.len(), columns.len()],
        |[n, c, y, x]| match (rows[y], columns[x]) {
            (Some(y), Some(x)) => input.at([n, c, y, x]),
            _ => 0.0,
        },
    )
}

pub fn largest(input: &Map) -> Map {
    let [batch, channels, height, width] = input.shape;
    Map::of([batch, 1, height, width], |[n, _, y, x]| {
        let all = (0..channels).map(|c| input.at([n, c, y, x]));
        all.fold(f64::NEG_INFINITY, f64::max)
    })
}

pub fn unary(input: &Map, f: impl Fn(f64) -> f64) -> Map {
    Map::of(input.shape, |at| f(input.at(at)))
}

/// `y` may have one channel or one pixel.
pub fn binary(x: &Map, y: &Map, f: impl Fn(f64, f64) -> f64) -> Map {
    Map::of(x.shape, |at| {
        let of_y = std::array::from_fn(|i| if y.shape[i] == 1 { 0 } else { at[i] });
        f(x.at(at), y.at(of_y))
    })
}

/// A function of two numbers.
type OfTwo = fn(f64, f64) -> f64;

/// A function of one.
type OfOne = fn(f64) -> f64;

pub fn binaries() -> [(Binary, OfTwo); 4] {
    [
        (Binary::Add, |x, y| x + y),
        (Binary::Subtract, |x, y| x - y),
        (Binary::Multiply, |x, y| x * y),
        (Binary::Divide, |x, y| x / y),
    ]
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The series of Abramowitz and Stegun, 7.1.6, all of whose terms are positive.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let mut term = 2.0 * x / std::f64::consts::PI.sqrt() * (-x * x).exp();
    let mut sum = term;
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    sum
}

pub fn activations() -> Vec<(Activation, OfOne)> {
    vec![
        (Activation::Identity, |x| x),
        (Activation::Silu, |x| x * sigmoid(x)),
        (Activation::Relu, |x| x.max(0.0)),
        (Activation::Relu6, |x| x.clamp(0.0, 6.0)),
        (Activation::LeakyRelu(0.1), |x| {
            if x < 0.0 { f64::from(0.1_f32) * x } else { x }
        }),
        (Activation::Gelu, |x| {
            0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt()))
        }),
        (Activation::Hardswish, |x| {
            x * (x + 3.0).clamp(0.0, 6.0) / 6.0
        }),
        (Activation::Hardsigmoid, |x| (x + 3.0).clamp(0.0, 6.0) / 6.0),
        (Activation::Mish, |x| {
            x * if x > 30.0 {
                1.0
            } else {
                x.exp().ln_1p().tanh()
            }
        }),
        (Activation::Elu(0.5), |x| {
            if x < 0.0 { 0.5 * x.exp_m1() } else { x }
        }),
        (Activation::Sigmoid, sigmoid),
        (Activation::Tanh, f64::tanh),
        (
            Activation::Affine {
                scale: -1.5,
                shift: 2.0,
            },
            |x| 2.0 - 1.5 * x,
        ),
    ]
}
