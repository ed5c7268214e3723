//! Against the sums as they are written down, for every set of instructions.

use super::{
    sums::{Sums, numbers},
    *,
};

/// Batch, channels in and out, height, width, kernel, stride, padding.
fn sizes([batch, c_in, c_out, height, width, kernel, stride, padding]: [usize; 8]) -> Dense {
    Dense {
        batch,
        c_in,
        c_out,
        height,
        width,
        kernel,
        stride,
        padding,
    }
}

#[test]
fn convolutions_and_gradients_are_their_sums() {
    for threads in 1..=3 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(all_are_their_sums);
    }
}

fn all_are_their_sums() {
    for of in [
        [1, 1, 1, 1, 1, 3, 1, 1],
        [3, 2, 5, 5, 5, 3, 1, 1],
        [2, 16, 8, 6, 10, 3, 1, 1],
        [5, 3, 4, 7, 2, 3, 1, 1],
        [1, 5, 7, 2, 61, 3, 1, 1],
        [2, 4, 70, 40, 34, 3, 1, 1],
        // Steps, with the last row and column under a kernel or not.
        [2, 3, 5, 8, 9, 3, 2, 1],
        [1, 6, 3, 20, 13, 6, 2, 2],
        [2, 2, 3, 9, 9, 5, 3, 0],
        // A kernel that is less than its step: pixels that no output has seen.
        [2, 3, 4, 7, 8, 1, 2, 0],
        [2, 3, 4, 8, 8, 2, 3, 0],
        [3, 33, 17, 5, 4, 1, 1, 0],
        [1, 2, 2, 6, 6, 4, 4, 0],
        [1, 8, 129, 8, 8, 2, 3, 0],
        // More weights than pixels.
        [2, 3, 200, 3, 3, 3, 1, 1],
        [1, 70, 140, 4, 4, 3, 2, 1],
        // A step that is more than the map, zeros that are more than the kernel, no image.
        [2, 9, 5, 4, 3, 3, 1000, 1],
        [2, 9, 5, 4, 3, 3, 2, 3],
        [0, 9, 5, 4, 3, 3, 1, 1],
        // Images of which a chunk has some lines only.
        [1, 64, 3, 60, 70, 3, 1, 1],
        [2, 32, 2, 61, 64, 3, 2, 1],
    ]
    .map(sizes)
    {
        let sums = Sums::of(&of);
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
    let small = sizes([3, 5, 6, 5, 5, 3, 1, 1]);
    let large = sizes([3, 5, 6, 9, 24, 3, 1, 1]);
    let isa = Isa::Scalar;
    let run = |of: &Dense| {
        let (x, weight) = (numbers(of.inputs(), 1), numbers(of.weights(), 2));
        let gradient = numbers(of.outputs(), 3);
        [
            of.forward(isa, &x, &weight),
            of.input_gradient(isa, &weight, &gradient),
            of.weight_gradient(isa, &x, &gradient),
        ]
    };
    // On one thread, so that it is the same memory.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.expect("a thread").install(|| {
        let first = run(&small);
        let nothing = vec![f32::NAN; large.inputs().max(large.outputs())];
        let (inputs, outputs) = (&nothing[..large.inputs()], &nothing[..large.outputs()]);
        large.forward(isa, inputs, &nothing[..large.weights()]);
        large.weight_gradient(isa, inputs, outputs);
        assert_eq!(run(&small), first);
    });
}

#[test]
#[should_panic(expected = "inputs")]
fn a_short_input_is_refused() {
    sizes([1, 1, 1, 2, 2, 3, 1, 1]).forward(Isa::Scalar, &[0.0; 3], &[0.0; 9]);
}

#[test]
#[should_panic(expected = "the kernel is larger than its input")]
fn a_kernel_beyond_its_input_is_refused() {
    sizes([1, 1, 8, 1, 1, 5, 1, 1]).weight_gradient(Isa::Scalar, &[0.0], &[0.0; 8]);
}

#[test]
#[should_panic(expected = "too large")]
fn sizes_that_no_memory_has_are_refused() {
    sizes([1, 1, 8, 1, 1, 1, 1 << 63, 0]).forward(Isa::Scalar, &[0.0], &[0.0; 8]);
}
