//! A measurement waits for the device. This test has a program of its own, so that no other test runs beside it:
//! what is timed here is real.

use std::time::{Duration, Instant};

use ablate::{
    device::{BACKENDS, DeviceName},
    measure::timing::time,
};
use burn::tensor::{Device, Distribution, Tensor, module::conv2d, ops::ConvOptions};

struct Convolution {
    images: Tensor<4>,
    weights: Tensor<4>,
}

impl Convolution {
    /// 64 channels, kernels of 3×3 pixels, over a map of `side` × `side`.
    fn new(side: usize, device: &Device) -> Self {
        let random = |shape| Tensor::random(shape, Distribution::Default, device);
        Self {
            images: random([1, 64, side, side]),
            weights: random([64, 64, 3, 3]),
        }
    }

    fn run(&self) -> Tensor<4> {
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        conv2d(self.images.clone(), self.weights.clone(), None, options)
    }

    fn timed(&self) -> Duration {
        best(|| time(|| self.run()).unwrap())
    }

    /// With all of the result added up on the device, and the sum read.
    fn summed(&self) -> Duration {
        best(|| {
            let start = Instant::now();
            assert!(self.run().sum().into_scalar::<f32>().is_finite());
            start.elapsed()
        })
    }
}

/// The best of so many, that one at least has the cores to itself.
fn best(work: impl Fn() -> Duration) -> Duration {
    (0..20).map(|_| work()).min().unwrap()
}

/// On every backend that this build and this machine have, a convolution's time is that of the same work with all
/// of its result added up, and it grows with the work. A measurement that does not wait gives the same small figure
/// for all.
#[test]
fn a_heavy_convolution_takes_its_time() {
    for backend in BACKENDS {
        let Ok(device) = backend.name.parse::<DeviceName>().unwrap().open() else {
            continue;
        };
        // Large enough on this device that the cost of a launch, and of waking threads, is a small part.
        let (side, light) = [48, 96, 192, 384, 768, 1536]
            .into_iter()
            .map(|side| (side, Convolution::new(side, &device)))
            .find(|(_, convolution)| convolution.timed() > Duration::from_millis(3))
            .unwrap_or_else(|| panic!("{}: no convolution takes 3 ms", backend.name));
        let heavy = Convolution::new(2 * side, &device);
        let (light, heavy, summed) = (light.timed(), heavy.timed(), heavy.summed());
        assert!(
            heavy.as_secs_f64() > 0.3 * summed.as_secs_f64(),
            "{}, {side} pixels: {heavy:?} for {summed:?} of work",
            backend.name
        );
        // Four times the multiplications; other programs and caches blur it, but nothing makes it the same.
        assert!(
            heavy > 2 * light,
            "{}, {side} pixels: {heavy:?} for four times the work of {light:?}",
            backend.name
        );
    }
}
