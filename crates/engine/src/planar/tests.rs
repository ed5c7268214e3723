//! Against the sums as they are written down, for every set of instructions.

use super::*;
use crate::dense::{
    Dense,
    sums::{Sums, numbers},
};

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
        let sums = Sums::of(&Dense {
            batch,
            c_in,
            c_out,
            height,
            width,
            kernel: 3,
            stride: 1,
            padding: 1,
        });
        for isa in Isa::available() {
            let what = format!("{isa}, {of:?}");
            let (y, dx, dw) = (
                of.forward(isa, &sums.x, &sums.weight),
                of.input_gradient(isa, &sums.weight, &sums.gradient),
                of.weight_gradient(isa, &sums.x, &sums.gradient),
            );
            sums.assert_close([&y, &dx, &dw], &what);
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
