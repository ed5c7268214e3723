//! Losses that are read later.

use burn::Tensor;
use burn::tensor::Device;

use crate::pending::{Pending, ReadBatch};

#[test]
fn batches_are_read_in_their_order_each_with_its_norm() {
    let device = Device::flex();
    assert!(!Pending::new(&device).is_due());
    let mut pending = Pending::of(3);
    assert_eq!(pending.read().unwrap(), []);
    for step in 0..3 {
        let first = step as f32 * 10.0;
        assert!(!pending.is_due(), "batch {step}");
        let losses = Tensor::from_floats([first, first + 1.0], &device);
        pending.add(step, 0.1 * step as f64, losses);
        // A batch that made no step has no norm.
        if step != 1 {
            pending.add_norm(Some(Tensor::from_floats([first + 2.0], &device)));
        }
    }
    assert!(pending.is_due());
    let read = |step: usize, losses: [f32; 2], norm| ReadBatch {
        step,
        lr: 0.1 * step as f64,
        losses: losses.into(),
        norm,
    };
    let expected = [
        read(0, [0.0, 1.0], Some(2.0)),
        read(1, [10.0, 11.0], None),
        read(2, [20.0, 21.0], Some(22.0)),
    ];
    assert_eq!(pending.read().unwrap(), expected);
    assert_eq!(pending.read().unwrap(), []);
}

#[test]
fn a_cpu_is_read_at_once() {
    let device = Device::flex();
    let mut pending = Pending::new(&device);
    pending.add(0, 0.1, Tensor::zeros([2], &device));
    assert!(pending.is_due());
}
