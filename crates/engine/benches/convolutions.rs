//! Single convolutions by shape, on one thread, as shares of the machine's peak of multiply-adds.
//! Words after `--` choose shapes by name.

use std::{hint::black_box, time::Instant};

use ablate_engine::{Activation, Builder, Conv2d, Isa, Options};

/// Name, channels in, channels out, kernel, stride, side of the input, groups.
const SHAPES: [(&str, usize, usize, usize, usize, usize, usize); 16] = [
    ("stem 6x6/2", 3, 16, 6, 2, 320, 1),
    ("stem 3x3/2", 3, 16, 3, 2, 320, 1),
    ("3x3/2", 16, 32, 3, 2, 160, 1),
    ("3x3/2", 64, 128, 3, 2, 40, 1),
    ("3x3", 16, 16, 3, 1, 80, 1),
    ("3x3", 32, 32, 3, 1, 40, 1),
    ("3x3", 64, 64, 3, 1, 20, 1),
    ("3x3", 64, 64, 3, 1, 80, 1),
    ("3x3", 128, 128, 3, 1, 40, 1),
    ("3x3", 128, 128, 3, 1, 10, 1),
    ("3x3", 256, 256, 3, 1, 20, 1),
    ("1x1", 32, 32, 1, 1, 80, 1),
    ("1x1", 128, 128, 1, 1, 40, 1),
    ("1x1", 512, 256, 1, 1, 20, 1),
    ("depthwise 3x3", 96, 96, 3, 1, 40, 96),
    ("depthwise 5x5", 64, 64, 5, 1, 40, 64),
];

/// The quickest of runs within a fifth of a second, in seconds.
fn quickest(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut best = f64::INFINITY;
    while start.elapsed().as_secs_f64() < 0.2 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count)
        .map(|i| (i * 7919 % 1000) as f32 / 1000.0 - 0.5)
        .collect()
}

/// Seconds of a convolution: a plan with it, less one without it.
fn seconds(conv: &Conv2d, channels: usize, side: usize, options: &Options) -> f64 {
    let (mut b, x) = Builder::new([1, channels, side, side]);
    let y = b.conv2d(x, conv.clone()).expect("a convolution");
    let mean = b.mean(y);
    let mut plan = b.compile(&[mean], options).expect("a plan");
    let input = numbers(channels * side * side);
    let times: Vec<f64> = plan
        .profile(black_box(&input), 0.2)
        .expect("runs")
        .into_iter()
        .filter(|(name, _)| ["conv", "depthwise", "winograd"].contains(name))
        .map(|(_, seconds)| seconds)
        .collect();
    times.iter().sum()
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let options = Options {
        threads: 1,
        winograd: false,
        ..Options::new().expect("instructions")
    };
    let peak = peak(options.isa);
    println!(
        "{}: {:.1} GFLOP/s of multiply-adds in registers",
        options.isa,
        peak / 1e9
    );
    for (name, c_in, c_out, kernel, stride, side, groups) in SHAPES {
        if !wanted.is_empty() && !wanted.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let shape = [c_out, c_in / groups, kernel, kernel];
        let conv = Conv2d {
            stride,
            padding: [if kernel == 6 { 2 } else { kernel / 2 }; 2],
            groups,
            activation: Activation::Identity,
            ..Conv2d::new(numbers(shape.iter().product()), shape, numbers(c_out))
        };
        let side_out = side / stride;
        let flops = 2.0 * (shape.iter().product::<usize>() * side_out * side_out) as f64;
        let plain = seconds(&conv, c_in, side, &options);
        let with_silu = Conv2d {
            activation: Activation::Silu,
            ..conv.clone()
        };
        let silu = seconds(&with_silu, c_in, side, &options);
        print!(
            "{name:14} {c_in:4} → {c_out:4} at {side:3}: {:8.1} µs, {:5.1} GFLOP/s, {:3.0} % of peak; with SiLU {:8.1} µs",
            plain * 1e6,
            flops / plain / 1e9,
            100.0 * flops / plain / peak,
            silu * 1e6,
        );
        match (kernel, stride, groups) {
            (3, 1, 1) => {
                let options = Options {
                    winograd: true,
                    ..options
                };
                println!(
                    ", by Winograd {:8.1} µs",
                    seconds(&conv, c_in, side, &options) * 1e6
                );
            }
            _ => println!(),
        }
    }
}

/// FLOP/s of a convolution that stays in the first cache.
fn peak(isa: Isa) -> f64 {
    let best = quickest(|| {
        black_box(ablate_engine::multiply_adds(isa, 100_000));
    });
    ablate_engine::multiply_adds(isa, 100_000) as f64 / best
}
