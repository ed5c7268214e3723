//! Every operation against plain sums in double precision, on every set of instructions that the
//! machine has.

#[path = "operations/attention.rs"]
mod attention;
mod reference;
#[path = "operations/sides.rs"]
mod sides;

use ablate_engine::{
    Activation, Attention, Binary, Builder, Conv2d, Isa, Options, Order, Pool, PoolKind, Value,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reference::Map;

type Build = dyn Fn(&mut Builder, Value) -> Vec<Value>;

/// The outputs on each set of instructions, with one thread and three, with memory reused and not, a batch at once and
/// image by image:
/// the same bytes for each set.
fn run_all(input: &Map, build: &Build) -> Vec<(Isa, Vec<Map>)> {
    let run = |isa: Isa, threads: usize, reuse: bool| {
        let (mut builder, x) = Builder::new(input.shape);
        let outputs = build(&mut builder, x);
        let options = Options {
            isa,
            threads,
            reuse,
            winograd: true,
            images: Some(if reuse { usize::MAX } else { 1 }),
        };
        let mut plan = builder.compile(&outputs, &options).expect("a plan");
        let first = plan.run(&input.numbers).expect("runs");
        let shapes = plan.output_shapes().to_vec();
        // What one run leaves behind changes nothing in the next, nor where memory lies.
        assert_eq!(bits(&plan.run(&input.numbers).expect("runs")), bits(&first));
        plan.relocate();
        assert_eq!(bits(&plan.run(&input.numbers).expect("runs")), bits(&first));
        (first, shapes)
    };
    let all = Isa::available().into_iter().map(|isa| {
        let (found, shapes) = run(isa, 1, true);
        for (threads, reuse) in [(3, true), (1, false)] {
            let (other, _) = run(isa, threads, reuse);
            assert_eq!(
                bits(&other),
                bits(&found),
                "{isa}, {threads} threads, reuse: {reuse}"
            );
        }
        let maps = found.into_iter().zip(shapes);
        let maps = maps.map(|(numbers, shape)| Map { shape, numbers });
        (isa, maps.collect())
    });
    all.collect()
}

fn bits(outputs: &[Vec<f32>]) -> Vec<Vec<u32>> {
    let bits = |out: &Vec<f32>| out.iter().map(|x| x.to_bits()).collect();
    outputs.iter().map(bits).collect()
}

fn check(input: &Map, build: &Build, expected: &[Map], what: &str) {
    for (isa, found) in run_all(input, build) {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (found, expected) in found.iter().zip(expected) {
            found.assert_close(expected, 1e-5, &format!("{what} on {isa}"));
        }
    }
}

fn pick(random: &mut ChaCha8Rng, from: &[usize]) -> usize {
    from[random.random_range(0..from.len())]
}

fn random_conv(random: &mut ChaCha8Rng, [c_out, c_in]: [usize; 2], groups: usize) -> Conv2d {
    let kernel = [
        pick(random, &[1, 2, 3, 5, 6]),
        pick(random, &[1, 3, 3, 6, 7]),
    ];
    conv_of(random, [c_out, c_in], groups, kernel)
}

fn conv_of(
    random: &mut ChaCha8Rng,
    [c_out, c_in]: [usize; 2],
    groups: usize,
    [tall, wide]: [usize; 2],
) -> Conv2d {
    let shape = [c_out, c_in / groups, tall, wide];
    let mut numbers =
        |count: usize| -> Vec<f32> { (0..count).map(|_| random.random_range(-1.0..1.0)).collect() };
    let weights = numbers(shape.iter().product());
    let bias = numbers(c_out);
    Conv2d {
        stride: pick(random, &[1, 1, 2, 3]),
        padding: [pick(random, &[0, 1, 2, 3]), pick(random, &[0, 1, 2])],
        dilation: pick(random, &[1, 1, 2]),
        groups,
        ..Conv2d::new(weights, shape, bias)
    }
}

fn random_input(random: &mut ChaCha8Rng, channels: usize) -> Map {
    let shape = [
        pick(random, &[1, 1, 2, 3]),
        channels,
        random.random_range(13..24),
        random.random_range(13..24),
    ];
    Map::random(shape, random)
}

#[test]
fn convolutions() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for case in 0..60 {
        let channels = [
            pick(&mut random, &[1, 5, 8, 16, 19, 33, 70]),
            pick(&mut random, &[1, 3, 4, 8, 12, 17, 32, 80]),
        ];
        let conv = random_conv(&mut random, channels, 1);
        let input = random_input(&mut random, channels[1]);
        let expected = reference::conv2d(&input, &conv);
        let what = format!("case {case}: {:?} of {:?}", conv.shape, input.shape);
        let build = move |b: &mut Builder, x| vec![b.conv2d(x, conv.clone()).unwrap()];
        check(&input, &build, &[expected], &what);
    }
}

/// Those that Winograd's way suits, of even and odd sides.
#[test]
fn convolutions_in_another_basis() {
    let mut random = ChaCha8Rng::seed_from_u64(10);
    for channels in [[16, 16], [48, 32], [17, 64], [33, 16], [80, 80]] {
        let mut conv = conv_of(&mut random, channels, 1, [3, 3]);
        (conv.stride, conv.padding, conv.dilation) = (1, [1, 1], 1);
        for _ in 0..3 {
            let input = random_input(&mut random, channels[1]);
            let expected = reference::conv2d(&input, &conv);
            let what = format!("{:?} of {:?}", conv.shape, input.shape);
            let conv = conv.clone();
            let build = move |b: &mut Builder, x| vec![b.conv2d(x, conv.clone()).unwrap()];
            check(&input, &build, &[expected], &what);
        }
    }
}

/// So few tiles that threads share out the channels of their outputs, halo included: a second
/// convolution reads it.
#[test]
fn many_channels_of_a_small_map_in_another_basis() {
    let mut random = ChaCha8Rng::seed_from_u64(12);
    for [channels, side] in [[160, 3], [200, 6], [256, 10]] {
        let mut conv = conv_of(&mut random, [channels, 48], 1, [3, 3]);
        (conv.stride, conv.padding, conv.dilation) = (1, [1, 1], 1);
        let input = Map::random([1, 48, side, side], &mut random);
        let mut next = conv_of(&mut random, [48, channels], 1, [3, 3]);
        (next.stride, next.padding, next.dilation) = (1, [1, 1], 1);
        let expected = reference::conv2d(&reference::conv2d(&input, &conv), &next);
        let what = format!("{:?} of {:?}", conv.shape, input.shape);
        let build = move |b: &mut Builder, x| {
            let y = b.conv2d(x, conv.clone()).unwrap();
            vec![b.conv2d(y, next.clone()).unwrap()]
        };
        check(&input, &build, &[expected], &what);
    }
}

/// The same numbers, in another order.
#[test]
fn outputs_by_pixels() {
    let mut random = ChaCha8Rng::seed_from_u64(13);
    let input = Map::random([2, 21, 5, 7], &mut random);
    let conv = conv_of(&mut random, [40, 21], 1, [1, 1]);
    let conv = Conv2d {
        stride: 1,
        padding: [0, 0],
        ..conv
    };
    for isa in Isa::available() {
        let outputs = [Order::Planes, Order::Pixels].map(|order| {
            let (mut b, x) = Builder::new(input.shape);
            let y = b.conv2d(x, conv.clone()).unwrap();
            // Blocks that are whole, and some that are not.
            let parts = [
                b.channels(y, (3..23).collect()).unwrap(),
                x,
                b.channels(y, (16..32).collect()).unwrap(),
            ];
            let z = b.concat(&parts).unwrap();
            let options = Options {
                isa,
                ..Options::new().unwrap()
            };
            let mut plan = b.compile_in(&[z], &[order], &options).unwrap();
            (
                plan.output_shapes()[0],
                plan.run(&input.numbers).unwrap().remove(0),
            )
        });
        let [(shape, planes), (same, pixels)] = outputs;
        assert_eq!(shape, same);
        let [batch, channels, height, width] = shape;
        for (i, x) in planes.iter().enumerate() {
            let (image, channel) = (
                i / (channels * height * width),
                i / (height * width) % channels,
            );
            let pixel = image * height * width + i % (height * width);
            assert_eq!(
                *x,
                pixels[pixel * channels + channel],
                "{isa}, {i} of {batch} images"
            );
        }
    }
    let (b, x) = Builder::new(input.shape);
    let error = b
        .compile_in(&[x], &[], &Options::new().unwrap())
        .err()
        .unwrap();
    assert_eq!(error, "expected an order for each of 1 outputs, found 0");
}

/// Reading the weights again would cost more than maps that leave the caches.
#[test]
fn a_batch_runs_at_once_where_weights_are_many() {
    let memory = |images: Option<usize>| {
        let (mut b, x) = Builder::new([16, 2048, 12, 12]);
        let shape = [1024, 2048, 1, 1];
        let conv = Conv2d::new(vec![0.5; 1024 * 2048], shape, vec![0.0; 1024]);
        let y = b.conv2d(x, conv).unwrap();
        let options = Options {
            images,
            ..Options::new().unwrap()
        };
        b.compile(&[y], &options).unwrap().memory()
    };
    // 8 MiB of weights, and 1.7 of maps for each image.
    assert_eq!(memory(None), memory(Some(4)));
    assert!(memory(None) < memory(Some(16)));
    assert!(memory(None) > memory(Some(2)));
}

/// The rounding of the direct way and of Winograd's, in shares of the outputs' standard deviation.
#[test]
fn another_basis_keeps_float_precision() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    for channels in [16, 64, 256] {
        let mut conv = conv_of(&mut random, [16, channels], 1, [3, 3]);
        (conv.stride, conv.padding, conv.dilation) = (1, [1, 1], 1);
        let input = Map::random([1, channels, 24, 24], &mut random);
        let exact = reference::conv2d(&input, &conv);
        let squares = exact
            .numbers
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>();
        let deviation = (squares / exact.numbers.len() as f64).sqrt();
        for isa in Isa::available() {
            let [direct, winograd] = [false, true].map(|winograd| {
                let (mut b, x) = Builder::new(input.shape);
                let y = b.conv2d(x, conv.clone()).unwrap();
                let options = Options {
                    isa,
                    threads: 1,
                    reuse: true,
                    winograd,
                    images: None,
                };
                let found = b
                    .compile(&[y], &options)
                    .unwrap()
                    .run(&input.numbers)
                    .unwrap();
                let off = found[0]
                    .iter()
                    .zip(&exact.numbers)
                    .map(|(a, b)| (a - b).abs());
                f64::from(off.fold(0.0, f32::max)) / deviation
            });
            println!(
                "{channels} channels on {isa}: {direct:.1e} directly, {winograd:.1e} by Winograd"
            );
            assert!(direct < 1e-5 && winograd < 1e-5 && winograd != direct);
        }
    }
}

/// Between other operations: the input of these is blocked, not the image.
#[test]
fn grouped_and_depthwise_convolutions() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let cases = [
        (2, [6, 10]),
        (3, [24, 12]),
        (4, [32, 64]),
        (7, [7, 7]),
        (12, [12, 12]),
        (16, [16, 16]),
        (5, [10, 5]),
        (33, [33, 33]),
        (2, [80, 64]),
    ];
    for (groups, channels) in cases {
        for _ in 0..4 {
            let conv = random_conv(&mut random, channels, groups);
            let input = random_input(&mut random, channels[1]);
            let doubled = reference::unary(&input, |x| 2.0 * x);
            let expected = reference::conv2d(&doubled, &conv);
            let what = format!("{groups} groups: {:?} of {:?}", conv.shape, input.shape);
            let build = move |b: &mut Builder, x| {
                let x = b.activation(
                    x,
                    Activation::Affine {
                        scale: 2.0,
                        shift: 0.0,
                    },
                );
                vec![b.conv2d(x, conv.clone()).unwrap()]
            };
            check(&input, &build, &[expected], &what);
        }
    }
}

/// Kernels of each image, of channels in order and of shuffled ones, with an activation after them.
#[test]
fn convolutions_with_kernels_mixed_for_each_image() {
    let mut random = ChaCha8Rng::seed_from_u64(14);
    let cases = [
        (1, [8, 16], 4),
        (1, [19, 33], 4),
        (1, [80, 70], 1),
        (2, [24, 12], 3),
        (16, [16, 16], 4),
        (33, [33, 33], 18),
    ];
    for (groups, channels, experts) in cases {
        for case in 0..4 {
            let mut conv = match case {
                0 => conv_of(&mut random, channels, groups, [1, 1]),
                _ => random_conv(&mut random, channels, groups),
            };
            let count = experts * conv.weights.len();
            conv.weights = (0..count).map(|_| random.random_range(-1.0..1.0)).collect();
            let batch = [1, 2, 3, 5][case];
            let shape = [batch, channels[1] + experts, 13 + case, 17];
            let input = Map::random(shape, &mut random);
            let order: Vec<usize> = (experts..channels[1] + experts).rev().collect();
            let firsts: Vec<usize> = (0..experts).collect();
            let shares = reference::mean(&input.channels(&firsts));
            let shares = reference::unary(&shares, |x| x.tanh());
            let y = reference::mixed_conv2d(&input.channels(&order), &shares, &conv);
            let expected = [reference::unary(&y, |x| x.max(0.0)), y];
            let what = format!("{groups} groups, {experts} experts: {:?}", conv.shape);
            let build = move |b: &mut Builder, x| {
                let shares = b.slice(x, 0, experts).unwrap();
                let shares = b.mean(shares);
                let shares = b.activation(shares, Activation::Tanh);
                let x = b.channels(x, order.clone()).unwrap();
                let activated = Conv2d {
                    activation: Activation::Relu,
                    ..conv.clone()
                };
                [activated, conv.clone()]
                    .map(|conv| b.mixed_conv2d(x, shares, conv).unwrap())
                    .to_vec()
            };
            check(&input, &build, &expected, &what);
        }
    }
}

#[test]
fn activations() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut input = Map::random([1, 3, 17, 23], &mut random);
    for (i, x) in input.numbers.iter_mut().enumerate() {
        *x = i as f32 * 0.02 - 12.0;
    }
    input.numbers[0] = -1e4;
    input.numbers[1] = 1e4;
    input.numbers[2] = -0.0;
    for (activation, exact) in reference::activations() {
        let expected = reference::unary(&input, exact);
        let build = move |b: &mut Builder, x| vec![b.activation(x, activation)];
        check(&input, &build, &[expected], &format!("{activation:?}"));
    }
}

/// A number that is none comes out of every activation as one, as it does of PyTorch's.
#[test]
fn no_number_stays_none() {
    let input = Map {
        shape: [1, 1, 1, 2],
        numbers: vec![f32::NAN, 1.0],
    };
    for (activation, _) in reference::activations() {
        let build = move |b: &mut Builder, x| vec![b.activation(x, activation)];
        for (isa, found) in run_all(&input, &build) {
            assert!(found[0].numbers[0].is_nan(), "{activation:?} on {isa}");
        }
    }
}

#[test]
fn an_activation_and_a_sum_after_a_convolution() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    for (activation, exact) in reference::activations() {
        for channels in [12, 24] {
            let mut conv = conv_of(&mut random, [channels, channels], 1, [3, 3]);
            (conv.stride, conv.padding, conv.dilation) = (1, [1, 1], 1);
            let input = random_input(&mut random, channels);
            let y = reference::unary(&reference::conv2d(&input, &conv), exact);
            let expected = reference::binary(&y, &input, |x, y| x + y);
            let build = move |b: &mut Builder, x| {
                let y = b.conv2d(x, conv.clone()).unwrap();
                let y = b.activation(y, activation);
                vec![b.binary(Binary::Add, x, y).unwrap()]
            };
            check(
                &input,
                &build,
                &[expected],
                &format!("{activation:?}, {channels} channels"),
            );
        }
    }
}

#[test]
fn pools() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for (kind, count_padding) in [
        (PoolKind::Max, false),
        (PoolKind::Mean, false),
        (PoolKind::Mean, true),
    ] {
        for (kernel, stride, padding) in [
            ([2, 2], [2, 2], [0, 0]),
            ([5, 5], [1, 1], [2, 2]),
            ([3, 3], [2, 2], [1, 1]),
            ([1, 2], [1, 2], [0, 1]),
        ] {
            let pool = Pool {
                kind,
                kernel,
                stride,
                padding,
                count_padding,
            };
            let input = random_input(&mut random, 11);
            let expected = reference::pool(&input, pool);
            let build = move |b: &mut Builder, x| vec![b.pool(x, pool).unwrap()];
            check(&input, &build, &[expected], &format!("{pool:?}"));
        }
    }
}

#[test]
fn means_and_what_is_made_of_two_maps() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    for (binary, exact) in reference::binaries() {
        let input = random_input(&mut random, 21);
        let [first, second] =
            [0, 7].map(|start| input.channels(&(start..start + 13).collect::<Vec<_>>()));
        let mean = reference::mean(&first);
        let one = input.channels(&[20]);
        let expected = [
            mean.clone(),
            reference::binary(&first, &second, exact),
            reference::binary(&first, &mean, exact),
            reference::binary(&first, &one, exact),
        ];
        let build = move |b: &mut Builder, x| {
            let first = b.slice(x, 0, 13).unwrap();
            let second = b.slice(x, 7, 13).unwrap();
            let one = b.slice(x, 20, 1).unwrap();
            let mean = b.mean(first);
            let mut outputs = vec![mean];
            outputs.extend([second, mean, one].map(|y| b.binary(binary, first, y).unwrap()));
            outputs
        };
        check(&input, &build, &expected, &format!("{binary:?}"));
    }
}

/// Concatenations, slices and shuffles of any channels, read by whatever reads.
#[test]
fn views() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for channels in [8, 12, 16, 21] {
        let convs = [0, 1, 2].map(|_| {
            let mut conv = conv_of(&mut random, [channels, channels], 1, [3, 3]);
            (conv.stride, conv.padding, conv.dilation) = (1, [1, 1], 1);
            conv
        });
        let mut last = conv_of(&mut random, [10, 3 * channels], 1, [3, 3]);
        (last.stride, last.padding, last.dilation) = (2, [1, 1], 1);
        let mut cheap = conv_of(
            &mut random,
            [2 * channels, 2 * channels],
            2 * channels,
            [5, 5],
        );
        (cheap.stride, cheap.padding, cheap.dilation) = (1, [2, 2], 1);
        let input = random_input(&mut random, channels);
        let reference = {
            let convs = convs.clone();
            let [a, b] = [0, 1].map(|i| reference::conv2d(&input, &convs[i]));
            let c = reference::conv2d(&a, &convs[2]);
            let joined = Map::concat(&[&a, &b]);
            let shuffled: Vec<usize> = (0..2 * channels)
                .map(|i| i % 2 * channels + i / 2)
                .collect();
            let shuffled = joined.channels(&shuffled);
            let cheap = reference::conv2d(&shuffled, &cheap);
            let half = cheap.channels(&(3..channels + 3).collect::<Vec<_>>());
            let sum = reference::binary(&half, &c, |x, y| x + y);
            let all = Map::concat(&[&sum, &a, &sum]);
            [
                reference::conv2d(&all, &last),
                shuffled,
                reference::unary(&half, |x| x.max(0.0)),
            ]
        };
        let build = move |b: &mut Builder, x| {
            let first = b.conv2d(x, convs[0].clone()).unwrap();
            let second = b.conv2d(x, convs[1].clone()).unwrap();
            let third = b.conv2d(first, convs[2].clone()).unwrap();
            let joined = b.concat(&[first, second]).unwrap();
            let shuffled = b.shuffle(joined, 2).unwrap();
            let cheap = b.conv2d(shuffled, cheap.clone()).unwrap();
            let half = b.slice(cheap, 3, channels).unwrap();
            let sum = b.binary(Binary::Add, half, third).unwrap();
            let all = b.concat(&[sum, first, sum]).unwrap();
            let end = b.conv2d(all, last.clone()).unwrap();
            vec![end, shuffled, b.activation(half, Activation::Relu)]
        };
        check(&input, &build, &reference, &format!("{channels} channels"));
    }
}

#[test]
fn enlarged_maps() {
    let mut random = ChaCha8Rng::seed_from_u64(8);
    for factor in [1, 2, 4] {
        let input = random_input(&mut random, 9);
        let expected = reference::enlarge(&input, factor);
        let build = move |b: &mut Builder, x| vec![b.enlarge(x, factor).unwrap()];
        check(&input, &build, &[expected], &format!("factor {factor}"));
    }
}

/// Zeros around a map, every other pixel, and pixels in another order.
#[test]
fn rows_and_columns() {
    let mut random = ChaCha8Rng::seed_from_u64(15);
    let input = Map::random([2, 21, 8, 10], &mut random);
    let cases: [[Vec<Option<usize>>; 2]; 3] = [
        [
            [None, None].into_iter().chain((0..8).map(Some)).collect(),
            (0..10).map(Some).chain([None]).collect(),
        ],
        [1, 0].map(|first| (first..8).step_by(2).map(Some).collect()),
        [
            vec![Some(7), Some(3), Some(3)],
            vec![Some(9), None, Some(0)],
        ],
    ];
    for [rows, columns] in cases {
        let expected = reference::pixels(&input, &rows, &columns);
        let what = format!("{rows:?} and {columns:?}");
        let build =
            move |b: &mut Builder, x| vec![b.pixels(x, rows.clone(), columns.clone()).unwrap()];
        check(&input, &build, &[expected], &what);
    }
}

/// Of channels that fill their blocks, and of others, all below zero.
#[test]
fn largest_channels() {
    let mut random = ChaCha8Rng::seed_from_u64(16);
    for channels in [1, 16, 21, 40] {
        let input = random_input(&mut random, channels);
        let below = reference::unary(&input, |x| x - 2.0);
        let expected = reference::largest(&below);
        let build = move |b: &mut Builder, x| {
            let below = b.activation(
                x,
                Activation::Affine {
                    scale: 1.0,
                    shift: -2.0,
                },
            );
            vec![b.largest(below)]
        };
        check(&input, &build, &[expected], &format!("{channels} channels"));
    }
}

#[test]
fn constants() {
    let mut random = ChaCha8Rng::seed_from_u64(17);
    let input = Map::random([3, 5, 6, 7], &mut random);
    let one = Map::random([1, 19, 6, 7], &mut random);
    let all = Map {
        shape: [3, 19, 6, 7],
        numbers: one.numbers.repeat(3),
    };
    let joined = Map::concat(&[&input, &all]);
    let mut conv = conv_of(&mut random, [8, 24], 1, [3, 3]);
    (conv.stride, conv.padding, conv.dilation) = (1, [1, 1], 1);
    let expected = [reference::conv2d(&joined, &conv), all];
    let build = move |b: &mut Builder, x| {
        let constant = b.constant([19, 6, 7], one.numbers.clone()).unwrap();
        let joined = b.concat(&[x, constant]).unwrap();
        vec![b.conv2d(joined, conv.clone()).unwrap(), constant]
    };
    check(&input, &build, &expected, "a constant");
}

#[test]
fn the_input_and_a_value_given_twice() {
    let input = Map::random([2, 5, 4, 3], &mut ChaCha8Rng::seed_from_u64(9));
    let build = |b: &mut Builder, x| vec![x, b.channels(x, vec![4, 4, 0]).unwrap(), x];
    let expected = [input.clone(), input.channels(&[4, 4, 0]), input.clone()];
    check(&input, &build, &expected, "the input");
}

#[test]
fn what_does_not_fit_is_refused() {
    let (mut b, x) = Builder::new([1, 4, 8, 8]);
    let conv = |shape: [usize; 4]| {
        Conv2d::new(
            vec![0.0; shape.iter().product()],
            shape,
            vec![0.0; shape[0]],
        )
    };
    let errors = [
        b.conv2d(x, conv([2, 3, 1, 1])).unwrap_err(),
        b.conv2d(x, conv([2, 4, 9, 9])).unwrap_err(),
        b.conv2d(
            x,
            Conv2d {
                bias: vec![0.0; 3].into(),
                ..conv([2, 4, 1, 1])
            },
        )
        .unwrap_err(),
        b.mixed_conv2d(x, x, conv([2, 4, 1, 1])).unwrap_err(),
        {
            let shares = b.mean(x);
            b.mixed_conv2d(x, shares, conv([2, 4, 1, 1])).unwrap_err()
        },
        b.pool(x, Pool::square(PoolKind::Max, 3, 1, 2)).unwrap_err(),
        b.pixels(x, vec![Some(0)], vec![Some(8)]).unwrap_err(),
        b.enlarge(x, 0).unwrap_err(),
        b.constant([1, 2, 2], vec![0.0; 3]).unwrap_err(),
        b.channels(x, vec![4]).unwrap_err(),
        b.shuffle(x, 3).unwrap_err(),
        b.concat(&[]).unwrap_err(),
        b.clone()
            .compile(&[], &Options::new().unwrap())
            .err()
            .unwrap(),
        b.clone()
            .compile(&[x], &Options::new().unwrap())
            .unwrap()
            .run(&[0.0; 3])
            .unwrap_err(),
    ];
    let expected = [
        "convolution: expected 3 channels in each of 1 groups, and 2 outputs to divide into them, found 4 channels",
        "convolution: expected a side of at least 9, found 8",
        "convolution: expected 8 weights and 2 biases, found 8 and 3",
        "mixed convolution: expected shares [1, experts, 1, 1], found [1, 4, 8, 8]",
        "mixed convolution: expected 32 weights and 2 biases, found 8 and 2",
        "pool: expected a padding of at most half the window, 3, found 2",
        "pixels: expected some of 8 rows and 8 columns, found [Some(0)] and [Some(8)]",
        "pixels: expected some of 8 rows and 8 columns, found [] and []",
        "constant: expected the numbers of [1, 2, 2], found 3",
        "channels: expected some of 4, found [4]",
        "shuffle: expected 4 channels to divide into 3 groups",
        "concat: expected at least one map",
        "expected at least one output",
        "expected an input of 256 floats and outputs of [256], found 3 and [256]",
    ];
    assert_eq!(errors, expected);
}

/// Every kind of step in one network small enough for Miri: all sets of instructions agree.
#[test]
fn a_small_network_of_every_step() {
    let mut random = ChaCha8Rng::seed_from_u64(12);
    let mut conv = |channels: [usize; 2], groups: usize, kernel: usize, stride: usize| Conv2d {
        stride,
        padding: [kernel / 2; 2],
        dilation: 1,
        ..conv_of(&mut random, channels, groups, [kernel; 2])
    };
    let convs = [
        conv([16, 3], 1, 3, 2),
        conv([16, 16], 1, 3, 1),
        conv([16, 16], 16, 3, 1),
        conv([5, 32], 1, 1, 1),
        conv([32, 5], 1, 3, 1),
    ];
    let input = Map::random([2, 3, 9, 7], &mut ChaCha8Rng::seed_from_u64(13));
    let build = move |b: &mut Builder, image| {
        let [first, second, depthwise, last, mut mixed] = convs.clone();
        let x = b.conv2d(image, first).unwrap();
        let y = b.conv2d(x, second).unwrap();
        let y = b.activation(y, Activation::Silu);
        let y = b.binary(Binary::Add, x, y).unwrap();
        let cheap = b.conv2d(y, depthwise).unwrap();
        let both = b.concat(&[y, cheap]).unwrap();
        let both = b.shuffle(both, 2).unwrap();
        let small = b.pool(both, Pool::square(PoolKind::Max, 2, 2, 0)).unwrap();
        let large = b.enlarge(small, 2).unwrap();
        let odd = b.slice(large, 3, 20).unwrap();
        let [queries, values] = [0, 4].map(|from| b.slice(odd, from, 16).unwrap());
        let attention = Attention {
            heads: 2,
            areas: 1,
            scale: 0.5,
        };
        let odd = b.attention(queries, values, values, attention).unwrap();
        let odd = b.bilinear(odd, [5, 4], false).unwrap();
        let mean = b.mean(odd);
        let weighed = b.binary(Binary::Multiply, odd, mean).unwrap();
        let end = b.conv2d(both, last).unwrap();
        // The weights of two kernels.
        (mixed.shape, mixed.bias) = ([16, 5, 3, 3], [0.5; 16].into());
        let shares = b.slice(mean, 0, 2).unwrap();
        let mixed = b.mixed_conv2d(end, shares, mixed).unwrap();
        let coordinates = b.constant([2, 5, 4], vec![0.25; 40]).unwrap();
        let places = b.concat(&[coordinates, end]).unwrap();
        let places = b.largest(places);
        vec![
            end,
            mixed,
            places,
            weighed,
            b.activation(weighed, Activation::Tanh),
        ]
    };
    let all = run_all(&input, &build);
    for (isa, found) in &all {
        for (found, scalar) in found.iter().zip(&all[0].1) {
            found.assert_close(scalar, 1e-5, &isa.to_string());
        }
    }
}
