//! Upsampling: bilinear, and by transposed convolutions.

use ablate_engine::{Activation, Builder, Conv2d};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    check, pick, random_input,
    reference::{Map, unary},
};

fn bilinear(x: &Map, [tall, wide]: [usize; 2], align_corners: bool) -> Map {
    let [batch, channels, height, width] = x.shape;
    let place = |i: usize, from: usize, to: usize| match align_corners {
        true if to == 1 => 0.0,
        true => i as f64 * (from - 1) as f64 / (to - 1) as f64,
        false => (from as f64 / to as f64 * (i as f64 + 0.5) - 0.5).max(0.0),
    };
    Map::of([batch, channels, tall, wide], |[n, c, y, x_out]| {
        let (y, x_in) = (place(y, height, tall), place(x_out, width, wide));
        let mut sum = 0.0;
        for (row, down) in [(y.floor(), 1.0 - y.fract()), (y.floor() + 1.0, y.fract())] {
            let columns = [
                (x_in.floor(), 1.0 - x_in.fract()),
                (x_in.floor() + 1.0, x_in.fract()),
            ];
            for (column, across) in columns {
                let at = |place: f64, side: usize| (place as usize).min(side - 1);
                sum += down * across * x.at([n, c, at(row, height), at(column, width)]);
            }
        }
        sum
    })
}

#[test]
fn bilinear_upsampling() {
    let mut random = ChaCha8Rng::seed_from_u64(30);
    for align_corners in [false, true] {
        for sides in [[40, 46], [7, 9], [1, 1], [13, 100]] {
            let channels = pick(&mut random, &[3, 16, 19]);
            let input = random_input(&mut random, channels);
            let expected = bilinear(&input, sides, align_corners);
            let build =
                move |b: &mut Builder, x| vec![b.bilinear(x, sides, align_corners).unwrap()];
            let what = format!("{:?} to {sides:?}, {align_corners}", input.shape);
            check(&input, &build, &[expected], &what);
        }
    }
}

/// Followed by a convolution that reads its halo.
#[test]
fn transposed_convolutions() {
    let mut random = ChaCha8Rng::seed_from_u64(31);
    for (c_in, c_out, side) in [(3, 5, 2), (16, 16, 2), (33, 48, 2), (20, 7, 3), (8, 8, 1)] {
        let input = random_input(&mut random, c_in);
        let shape = [c_in, c_out, side, side];
        let weights = Map::random(shape, &mut random);
        let bias = Map::random([1, c_out, 1, 1], &mut random);
        let doubled = unary(&input, |x| 2.0 * x);
        let [batch, _, height, width] = input.shape;
        let large = [batch, c_out, height * side, width * side];
        let expected = Map::of(large, |[n, c, y, x]| {
            let product = |i: usize| {
                doubled.at([n, i, y / side, x / side]) * weights.at([i, c, y % side, x % side])
            };
            bias.at([0, c, 0, 0]) + (0..c_in).map(product).sum::<f64>()
        });
        let blur = Conv2d {
            padding: [1; 2],
            ..Conv2d::new(vec![0.1; c_out * 9], [1, c_out, 3, 3], vec![0.0])
        };
        let blurred = super::reference::conv2d(&expected, &blur);
        let what = format!("{shape:?} of {:?}", input.shape);
        let build = move |b: &mut Builder, x| {
            let scale = Activation::Affine {
                scale: 2.0,
                shift: 0.0,
            };
            let x = b.activation(x, scale);
            let y = b
                .conv_transpose2d(x, &weights.numbers, shape, &bias.numbers)
                .unwrap();
            vec![y, b.conv2d(y, blur.clone()).unwrap()]
        };
        check(&input, &build, &[expected, blurred], &what);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (mut b, x) = Builder::new([1, 2, 4, 4]);
    let errors = [
        b.bilinear(x, [0, 3], false).unwrap_err(),
        b.conv_transpose2d(x, &[0.0; 12], [3, 1, 2, 2], &[0.0])
            .unwrap_err(),
        b.conv_transpose2d(x, &[0.0; 4], [2, 1, 2, 1], &[0.0])
            .unwrap_err(),
        b.conv_transpose2d(x, &[0.0; 7], [2, 1, 2, 2], &[0.0])
            .unwrap_err(),
    ];
    let expected = [
        "upsampling: expected sides above 0, found 4×4 and 0×3",
        "transposed convolution: expected 2 channels in and a square kernel, found weights of [3, 1, 2, 2]",
        "transposed convolution: expected 2 channels in and a square kernel, found weights of [2, 1, 2, 1]",
        "transposed convolution: expected 8 weights and 1 biases, found 7 and 1",
    ];
    assert_eq!(errors, expected);
}
