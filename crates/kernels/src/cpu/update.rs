//! Steps of optimizers and the moving average, in place and in one pass. The same numbers, to the last bit,
//! as Burn's operations one by one: each product and sum is rounded on its own.

use burn::backend::{DType, Flex, flex::FlexTensor};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::GRAIN;
use super::autodiff::{elements, tensor};
use super::vector::vectorized;
use crate::{Adam, Sgd};

/// As [`crate::sgd`], of tensors that are covered.
pub fn sgd<const D: usize>(
    value: Tensor<D>,
    gradient: Tensor<D>,
    buffer: Option<Tensor<D>>,
    by: Sgd,
) -> [Tensor<D>; 2] {
    tensors(sgd_of(
        floats(value),
        floats(gradient),
        buffer.map(floats),
        by,
    ))
}

/// As [`crate::adam`], of tensors that are covered.
pub fn adam<const D: usize>(
    value: Tensor<D>,
    gradient: Tensor<D>,
    averages: Option<[Tensor<D>; 2]>,
    by: Adam,
) -> [Tensor<D>; 3] {
    let averages = averages.map(|both| both.map(floats));
    tensors(adam_of(floats(value), floats(gradient), averages, by))
}

/// As [`crate::moving_average`], of tensors that are covered.
pub fn moving_average<const D: usize>(
    average: Tensor<D>,
    value: Tensor<D>,
    decay: f64,
) -> Tensor<D> {
    let [average] = tensors(average_of(floats(average), floats(value), decay));
    average
}

/// Whether these are floats of the CPU backend, off its training device: what this module takes.
pub fn covers<'a, const D: usize>(mut tensors: impl Iterator<Item = &'a Tensor<D>>) -> bool {
    tensors.all(|tensor| {
        tensor.dtype() == DType::F32 && tensor.clone().try_into_primitive::<Flex>().is_ok()
    })
}

// What loops over floats is of no rank: a function of every rank would be compiled by the crate that calls it, as well or
// badly as that one is optimised.

fn sgd_of(
    value: FlexTensor,
    gradient: FlexTensor,
    buffer: Option<FlexTensor>,
    by: Sgd,
) -> [FlexTensor; 2] {
    let [decay, momentum, lr] = [by.weight_decay, by.momentum, by.lr].map(|factor| factor as f32);
    let decayed = |p: f32, gradient: f32| match decay {
        0.0 => gradient,
        decay => p * decay + gradient,
    };
    match buffer {
        Some(buffer) => changed([value, buffer], gradient, |[p, b], gradient| {
            let g = decayed(p, gradient);
            let b = b * momentum + g;
            [p - (b * momentum + g) * lr, b]
        }),
        None => {
            let buffer = gradient.clone();
            changed([value, buffer], gradient, |[p, _], gradient| {
                let g = decayed(p, gradient);
                [p - (g * momentum + g) * lr, g]
            })
        }
    }
}

fn adam_of(
    value: FlexTensor,
    gradient: FlexTensor,
    averages: Option<[FlexTensor; 2]>,
    by: Adam,
) -> [FlexTensor; 3] {
    let [decay, shrink, epsilon] =
        [by.weight_decay, by.shrink, by.epsilon].map(|factor| factor as f32);
    let [beta1, beta2] = by.betas.map(|beta| beta as f32);
    let [new1, new2] = by.betas.map(|beta| (1.0 - beta) as f32);
    let [correction1, correction2] = by.corrections();
    let (lr, root) = ((by.lr / correction1) as f32, correction2.sqrt() as f32);
    let decayed = |p: f32, gradient: f32| match decay {
        0.0 => gradient,
        decay => gradient + p * decay,
    };
    let stepped = |p: f32, average: f32, square: f32| {
        let step = average / (square.sqrt() / root + epsilon) * lr;
        [p * shrink - step, average, square]
    };
    match averages {
        Some([average, square]) => {
            let given = [value, average, square];
            changed(given, gradient, |[p, average, square], gradient| {
                let g = decayed(p, gradient);
                let average = average * beta1 + g * new1;
                stepped(p, average, square * beta2 + g * g * new2)
            })
        }
        None => {
            let given = [value, gradient.clone(), gradient.clone()];
            changed(given, gradient, |[p, ..], gradient| {
                let g = decayed(p, gradient);
                stepped(p, g * new1, g * g * new2)
            })
        }
    }
}

fn average_of(average: FlexTensor, value: FlexTensor, decay: f64) -> [FlexTensor; 1] {
    let [old, new] = [decay, 1.0 - decay].map(|share| share as f32);
    changed([average], value, |[average], value| {
        [average * old + value * new]
    })
}

/// What `f` makes of the elements of some tensors, given those of another. Memory that nobody else holds is
/// changed in place.
fn changed<const N: usize>(
    mut tensors: [FlexTensor; N],
    other: FlexTensor,
    f: impl Fn([f32; N], f32) -> [f32; N] + Sync,
) -> [FlexTensor; N] {
    let mut rest = tensors.each_mut().map(FlexTensor::storage_mut::<f32>);
    let mut parts = Vec::new();
    for read in elements(&other).chunks(GRAIN) {
        let part = rest.each_mut().map(|rest| {
            rest.split_off_mut(..read.len())
                .expect("tensors of one shape")
        });
        parts.push((part, read));
    }
    parts.into_par_iter().for_each(|(mut part, read)| {
        vectorized!({
            let mut part = part.each_mut().map(|part| &mut part[..read.len()]);
            for (i, read) in read.iter().enumerate() {
                let new = f(part.each_ref().map(|part| part[i]), *read);
                for (part, new) in part.iter_mut().zip(new) {
                    part[i] = new;
                }
            }
        });
    });
    tensors
}

fn tensors<const D: usize, const N: usize>(floats: [FlexTensor; N]) -> [Tensor<D>; N] {
    floats.map(Tensor::from_primitive::<Flex>)
}

/// The tensor with its elements one after the other, and no others in its memory.
fn floats<const D: usize>(of: Tensor<D>) -> FlexTensor {
    let of = of
        .try_into_primitive::<Flex>()
        .expect("it was seen to be the CPU's");
    match of.as_slice::<f32>() {
        Some(all) if all.len() == of.storage::<f32>().len() => of,
        Some(part) => tensor(part.to_vec(), of.layout().shape().clone()),
        None => of.to_contiguous(),
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    /// Of more elements than a part, and of fewer.
    const SIDES: [usize; 2] = [7, 150];

    fn random(side: usize, low: f64) -> Tensor<2> {
        Tensor::random(
            [side, side],
            Distribution::Uniform(low, 1.0),
            &Device::flex(),
        )
    }

    /// Bit for bit.
    #[track_caller]
    fn assert_same<const N: usize>(found: [Tensor<2>; N], expected: [Tensor<2>; N]) {
        for (found, expected) in found.into_iter().zip(expected) {
            assert_eq!(found.into_data(), expected.into_data());
        }
    }

    #[test]
    fn sgd_is_burns_operations() {
        Device::flex().seed(3);
        for (side, weight_decay) in SIDES.into_iter().zip([0.0, 0.03]) {
            let by = Sgd {
                weight_decay,
                momentum: 0.9,
                lr: 0.1,
            };
            let [p, g, b] = [(); 3].map(|()| random(side, -1.0));
            let decayed = p.clone() * weight_decay + g.clone();
            let moved = |b: Tensor<2>| p.clone() - (b * 0.9 + decayed.clone()) * 0.1;
            let buffer = b.clone() * 0.9 + decayed.clone();
            let found = sgd(p.clone(), g.clone(), Some(b.clone()), by);
            assert_same(found, [moved(buffer.clone()), buffer]);
            // What others hold is left alone, and what lies across is read as it is meant.
            let found = sgd(p.clone(), g.clone().transpose().transpose(), None, by);
            assert_same(found, [moved(decayed.clone()), decayed.clone()]);
            let (turned, upright) = (g.clone().transpose(), g.clone().transpose() * 1.0);
            let found = sgd(turned, b.clone(), None, by);
            assert_same(found, sgd(upright, b, None, by));
        }
    }

    /// Rows of a larger tensor are contiguous, but not all of its memory.
    #[test]
    fn parts_of_a_tensor_are_changed_alone() {
        let [p, g] = [(); 2].map(|()| random(9, -1.0));
        let by = Sgd {
            weight_decay: 0.0,
            momentum: 0.9,
            lr: 0.1,
        };
        let rows = |of: &Tensor<2>| of.clone().narrow(0, 3, 2);
        let whole = sgd(p.clone(), g.clone(), None, by).map(|of| rows(&of));
        assert_same(sgd(rows(&p), rows(&g), None, by), whole);
        assert_same(
            [moving_average(rows(&p), rows(&g), 0.7)],
            [rows(&moving_average(p, g, 0.7))],
        );
    }

    #[test]
    fn adam_is_burns_operations() {
        Device::flex().seed(4);
        for (side, (weight_decay, shrink)) in SIDES.into_iter().zip([(0.0, 0.97), (0.02, 1.0)]) {
            let by = Adam {
                weight_decay,
                shrink,
                betas: [0.9, 0.999],
                epsilon: 1e-8,
                lr: 0.01,
                steps: 3,
            };
            let [p, g, average] = [(); 3].map(|()| random(side, -1.0));
            let square = random(side, 0.0);
            let decayed = g.clone() + p.clone() * weight_decay;
            let stepped = |average: Tensor<2>, square: Tensor<2>| {
                let scale = square.clone().sqrt() / (1.0 - 0.999f64.powf(3.0)).sqrt() + 1e-8;
                let step = average.clone() / scale * (0.01 / (1.0 - 0.9f64.powf(3.0)));
                [p.clone() * shrink - step, average, square]
            };
            let news = [
                decayed.clone() * (1.0 - 0.9),
                decayed.square() * (1.0 - 0.999),
            ];
            let found = adam(p.clone(), g.clone(), None, by);
            let [new1, new2] = news.clone();
            assert_same(found, stepped(new1, new2));
            let given = [average.clone(), square.clone()];
            let found = adam(p.clone(), g, Some(given), by);
            let [new1, new2] = news;
            assert_same(found, stepped(average * 0.9 + new1, square * 0.999 + new2));
        }
    }

    #[test]
    fn averages_are_burns_operations() {
        Device::flex().seed(5);
        for side in SIDES {
            let [average, value] = [(); 2].map(|()| random(side, -1.0));
            let found = moving_average(average.clone(), value.clone(), 0.7);
            assert_same([found], [average * 0.7 + value * (1.0 - 0.7)]);
        }
    }

    #[test]
    fn a_training_device_is_left_to_burn() {
        let tensor = Tensor::<1>::ones([2], &Device::flex().autodiff());
        assert!(!covers([&tensor].into_iter()));
        assert!(covers([&tensor.inner()].into_iter()));
    }
}
