//! The whole of a network of YOLOv5's form, folded, with weights of no meaning: the median of its
//! runs, and with `--steps` each step's time. `-- SIDE BATCH THREADS SECONDS WIDTH DEPTH`; by
//! default 320 1 1 1 0.25 0.33, which is scale n.

use std::time::Instant;

use ablate_engine::{Activation, Binary, Builder, Conv2d, Options, Pool, PoolKind, Value};

struct Network {
    builder: Builder,
    width: f64,
    depth: f64,
}

impl Network {
    fn scaled(&self, channels: usize) -> usize {
        ((channels as f64 * self.width) / 8.0).ceil() as usize * 8
    }

    fn bare(&mut self, x: Value, c_out: usize, kernel: usize, stride: usize) -> Value {
        let [_, c_in, ..] = self.builder.shape(x);
        let shape = [c_out, c_in, kernel, kernel];
        let count: usize = shape.iter().product();
        let scale = 2.0 / ((c_in * kernel * kernel) as f32).sqrt();
        let weights = (0..count).map(|i| ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) * 2.0 * scale);
        let conv = Conv2d {
            stride,
            padding: [if kernel == 6 { 2 } else { kernel / 2 }; 2],
            ..Conv2d::new(weights.collect(), shape, vec![0.1; c_out])
        };
        self.builder.conv2d(x, conv).expect("a convolution")
    }

    fn conv(&mut self, x: Value, c_out: usize, kernel: usize, stride: usize) -> Value {
        let y = self.bare(x, c_out, kernel, stride);
        self.builder.activation(y, Activation::Silu)
    }

    fn c3(&mut self, x: Value, c_out: usize, repeats: usize, shortcut: bool) -> Value {
        let hidden = c_out / 2;
        let mut chain = self.conv(x, hidden, 1, 1);
        let repeats = ((repeats as f64 * self.depth).round() as usize).max(1);
        for _ in 0..repeats {
            let y = self.conv(chain, hidden, 1, 1);
            let y = self.conv(y, hidden, 3, 1);
            chain = match shortcut {
                true => self.builder.binary(Binary::Add, chain, y).expect("a sum"),
                false => y,
            };
        }
        let bypass = self.conv(x, hidden, 1, 1);
        let both = self.concat(&[chain, bypass]);
        self.conv(both, c_out, 1, 1)
    }

    fn sppf(&mut self, x: Value, c_out: usize) -> Value {
        let mut steps = vec![self.conv(x, c_out / 2, 1, 1)];
        for _ in 0..3 {
            let pool = Pool::square(PoolKind::Max, 5, 1, 2);
            let last = *steps.last().expect("never empty");
            steps.push(self.builder.pool(last, pool).expect("a pool"));
        }
        let all = self.concat(&steps);
        self.conv(all, c_out, 1, 1)
    }

    fn concat(&mut self, parts: &[Value]) -> Value {
        self.builder.concat(parts).expect("maps of one size")
    }
}

fn network(side: usize, batch: usize, width: f64, depth: f64) -> (Builder, Vec<Value>) {
    let (builder, image) = Builder::new([batch, 3, side, side]);
    let mut n = Network {
        builder,
        width,
        depth,
    };
    let c = [64, 128, 256, 512, 1024].map(|channels| n.scaled(channels));
    let x = n.conv(image, c[0], 6, 2);
    let x = n.conv(x, c[1], 3, 2);
    let x = n.c3(x, c[1], 3, true);
    let x = n.conv(x, c[2], 3, 2);
    let p3 = n.c3(x, c[2], 6, true);
    let x = n.conv(p3, c[3], 3, 2);
    let p4 = n.c3(x, c[3], 9, true);
    let x = n.conv(p4, c[4], 3, 2);
    let x = n.c3(x, c[4], 3, true);
    let x = n.sppf(x, c[4]);
    let h5 = n.conv(x, c[3], 1, 1);
    let x = n.builder.enlarge(h5, 2).expect("a map");
    let x = n.concat(&[x, p4]);
    let x = n.c3(x, c[3], 3, false);
    let h4 = n.conv(x, c[2], 1, 1);
    let x = n.builder.enlarge(h4, 2).expect("a map");
    let x = n.concat(&[x, p3]);
    let o3 = n.c3(x, c[2], 3, false);
    let x = n.conv(o3, c[2], 3, 2);
    let x = n.concat(&[x, h4]);
    let o4 = n.c3(x, c[3], 3, false);
    let x = n.conv(o4, c[3], 3, 2);
    let x = n.concat(&[x, h5]);
    let o5 = n.c3(x, c[4], 3, false);
    let outputs = [o3, o4, o5].map(|level| n.bare(level, 255, 1, 1));
    (n.builder, outputs.to_vec())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<f64> = arguments
        .iter()
        .filter_map(|word| word.parse().ok())
        .collect();
    let number = |i: usize, default: f64| numbers.get(i).copied().unwrap_or(default);
    let (side, batch) = (number(0, 320.0) as usize, number(1, 1.0) as usize);
    let seconds = number(3, 1.0);
    let options = Options {
        threads: number(2, 1.0) as usize,
        ..Options::new().expect("instructions")
    };
    let (builder, outputs) = network(side, batch, number(4, 0.25), number(5, 0.33));
    let mut plan = builder.compile(&outputs, &options).expect("a plan");
    let input: Vec<f32> = (0..batch * 3 * side * side)
        .map(|i| (i * 31 % 256) as f32 / 255.0)
        .collect();
    let lengths = plan
        .output_shapes()
        .iter()
        .map(|shape| shape.iter().product());
    let mut outputs: Vec<Vec<f32>> = lengths.map(|len| vec![0.0; len]).collect();
    let mut outputs: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    if arguments.iter().any(|word| word == "--steps") {
        let mut total = 0.0;
        for (name, seconds) in plan.profile(&input, seconds).expect("runs") {
            println!("{name:12} {:8.1} µs", seconds * 1e6);
            total += seconds;
        }
        println!("{:12} {:8.1} µs", "all", total * 1e6);
        return;
    }
    let mut times = Vec::new();
    plan.run_into(&input, &mut outputs).expect("runs");
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        plan.run_into(&input, &mut outputs).expect("runs");
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{}, {} threads: median {:.3} ms, quickest {:.3} ms, {} runs, {} KiB of maps",
        options.isa,
        options.threads,
        times[times.len() / 2],
        times[0],
        times.len(),
        plan.memory() / 1024,
    );
}
