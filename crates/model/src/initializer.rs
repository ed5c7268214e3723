//! First weights.

use std::cell::Cell;

use ablate_kernels::Activation;
use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws a network's first weights. Each parameter has a generator of its own, numbered in the
/// order of construction, so the same seed gives the same weights on every device and whatever else
/// draws at the same time.
pub struct Initializer {
    device: Device,
    seed: u64,
    drawn: Cell<u64>,
    activation: Activation,
}

impl Initializer {
    /// Draws from `seed` for `device`.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self {
            device: device.clone(),
            seed,
            drawn: Cell::new(0),
            activation: Activation::Silu,
        }
    }

    /// For a table that names the activation of its convolutions.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// The activation of convolutions that name none.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Uniform within ±1/√(fan in), as PyTorch draws a layer's weights and its bias.
    pub fn uniform<const D: usize>(&self, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        self.within(shape, (fan_in as f32).sqrt().recip())
    }

    /// Uniform within ±bound.
    pub fn within<const D: usize>(&self, shape: [usize; D], bound: f32) -> Param<Tensor<D>> {
        self.draw(shape, |rng| bound * (2.0 * rng.random::<f32>() - 1.0))
    }

    /// Normal around zero.
    pub fn normal<const D: usize>(&self, shape: [usize; D], std: f32) -> Param<Tensor<D>> {
        self.draw(shape, |rng| {
            // Box and Muller's transform.
            let (radius, turn) = (1.0 - rng.random::<f32>(), rng.random::<f32>());
            std * (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * turn).cos()
        })
    }

    /// One value everywhere.
    pub fn constant<const D: usize>(&self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::full(shape, value, &self.device))
    }

    /// The device of what it draws.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Two modules of the same draws, and of parameters of their own.
    pub fn twice<T>(&self, make: impl Fn() -> T) -> [T; 2] {
        let start = self.drawn.get();
        let first = make();
        self.drawn.set(start);
        [first, make()]
    }

    fn draw<const D: usize>(
        &self,
        shape: [usize; D],
        mut value: impl FnMut(&mut ChaCha8Rng) -> f32,
    ) -> Param<Tensor<D>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.drawn.replace(self.drawn.get() + 1));
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| value(&mut rng))
            .collect();
        Param::from_tensor(Tensor::from_data(
            TensorData::new(values, shape),
            &self.device,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_every_draw() {
        let device = Device::flex();
        let draws = |seed| {
            let init = Initializer::new(seed, &device);
            [0; 3].map(|_| {
                init.uniform([50], 16)
                    .val()
                    .into_data()
                    .try_to_vec::<f32>()
                    .unwrap()
            })
        };
        let [first, second, third] = draws(1);
        assert_eq!(draws(1), [first.clone(), second.clone(), third]);
        assert_ne!(first, second);
        assert_ne!(first, draws(2)[0]);
    }

    #[test]
    fn weights_are_spread_as_asked() {
        let init = Initializer::new(7, &Device::flex());
        let moments = |weights: Param<Tensor<1>>| {
            let values: Vec<f32> = weights.val().into_data().try_to_vec().unwrap();
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let variance =
                values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
            let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            (mean, variance.sqrt(), largest)
        };
        // A uniform law has the deviation bound/√3.
        let (mean, std, largest) = moments(init.uniform([40_000], 25));
        assert!(
            mean.abs() < 2e-3
                && (std - 0.2 / 3f32.sqrt()).abs() < 2e-3
                && (0.199..=0.2).contains(&largest),
            "{mean} {std} {largest}"
        );
        let (mean, std, largest) = moments(init.normal([40_000], 0.02));
        assert!(
            mean.abs() < 4e-4 && (std - 0.02).abs() < 4e-4 && (0.07..=0.12).contains(&largest),
            "{mean} {std} {largest}"
        );
    }
}
