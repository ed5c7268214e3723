//! Against the sums as they are written down, for every set of instructions.

use super::*;

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i + seed) * 7919 % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}

/// Calls `f` with the places of an output, an input and a weight that meet.
fn meet(of: &Planar3x3, mut f: impl FnMut(usize, usize, usize)) {
    let (height, width) = (of.height as isize, of.width as isize);
    for image in 0..of.batch {
        for (out, channel) in (0..of.c_out).flat_map(|o| (0..of.c_in).map(move |c| (o, c))) {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                for tap in 0..9 {
                    let (v, u) = (y + tap / 3 - 1, x + tap % 3 - 1);
                    if (0..height).contains(&v) && (0..width).contains(&u) {
                        let place = |plane: usize, y: isize, x: isize| {
                            plane * of.area() + (y * width + x) as usize
                        };
                        f(
                            place(image * of.c_out + out, y, x),
                            place(image * of.c_in + channel, v, u),
                            (out * of.c_in + channel) * 9 + tap as usize,
                        );
                    }
                }
            }
        }
    }
}

fn assert_close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= 1e-5 * largest, "{what}, {i}: {found}, {expected}");
    }
}

#[test]
fn convolutions_and_gradients_are_their_sums() {
    for [batch, c_in, c_out, height, width] in [
        [1, 1, 1, 1, 1],
        [3, 2, 5, 5, 5],
        [2, 16, 8, 6, 10],
        [5, 3, 4, 7, 2],
        [1, 5, 7, 2, 61],
        [2, 4, 6, 40, 34],
    ] {
        let of = Planar3x3 {
            batch,
            c_in,
            c_out,
            height,
            width,
        };
        let x = numbers(of.inputs(), 1);
        let weight = numbers(c_out * c_in * 9, 2);
        let gradient = numbers(of.outputs(), 3);
        let mut y = vec![0.0; of.outputs()];
        let mut dx = vec![0.0; of.inputs()];
        let mut dw = vec![0.0; weight.len()];
        meet(&of, |out, input, tap| {
            let [x, w, g] = [x[input], weight[tap], gradient[out]].map(f64::from);
            y[out] += x * w;
            dx[input] += g * w;
            dw[tap] += g * x;
        });
        for isa in Isa::available() {
            let what = format!("{isa}, {of:?}");
            assert_close(&of.forward(isa, &x, &weight), &y, &what);
            assert_close(&of.input_gradient(isa, &weight, &gradient), &dx, &what);
            assert_close(&of.weight_gradient(isa, &x, &gradient), &dw, &what);
        }
    }
}

/// Runs with the same threads give the same bytes; what came before in a thread's memory is not
/// seen, be it no number.
#[test]
fn what_was_computed_before_changes_nothing() {
    let [small, large] = [[5, 5], [9, 24]].map(|[height, width]| Planar3x3 {
        batch: 3,
        c_in: 5,
        c_out: 6,
        height,
        width,
    });
    let isa = Isa::Scalar;
    let run = |of: &Planar3x3| {
        let (x, weight) = (numbers(of.inputs(), 1), numbers(5 * 6 * 9, 2));
        let gradient = numbers(of.outputs(), 3);
        [
            of.forward(isa, &x, &weight),
            of.input_gradient(isa, &weight, &gradient),
            of.weight_gradient(isa, &x, &gradient),
        ]
    };
    let first = run(&small);
    let nothing = vec![f32::NAN; large.inputs().max(large.outputs())];
    large.forward(isa, &nothing[..large.inputs()], &nothing[..5 * 6 * 9]);
    large.weight_gradient(isa, &nothing[..large.inputs()], &nothing[..large.outputs()]);
    assert_eq!(run(&small), first);
}

#[test]
#[should_panic(expected = "inputs")]
fn a_short_input_is_refused() {
    let of = Planar3x3 {
        batch: 1,
        c_in: 1,
        c_out: 1,
        height: 2,
        width: 2,
    };
    of.forward(Isa::Scalar, &[0.0; 3], &[0.0; 9]);
}
