//! Binary cross-entropy on logits in one pass, and one back; and its sum.

use burn::backend::{
    Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, NodeGuard, Ops, OpsKind},
    },
    flex::FlexTensor,
};
use burn::tensor::Tensor;

use super::autodiff::{Training, contiguous, elements, tensor, tracked};
use super::vector::{exp, ln_1p, sigmoid, sum_of_pairs, vectorized};
use super::{CURVE, GRAIN, filled, map_parts};

/// As [`crate::bce_with_logits`]; None if this module does not cover it.
pub fn bce_with_logits<const D: usize>(
    logits: &Tensor<D>,
    targets: &Tensor<D>,
    positive_weight: f32,
) -> Option<Tensor<D>> {
    let (state, nodes) = State::of(logits, targets, positive_weight)?;
    let output = by_element([&state.logits, &state.targets], |[x, t]| state.loss(x, t));
    let output = match CrossEntropy
        .prepare::<NoCheckpointing>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(state, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training>(output))
}

/// As [`crate::bce_with_logits_sum`]; None if this module does not cover it.
pub fn bce_with_logits_sum<const D: usize>(
    logits: &Tensor<D>,
    targets: &Tensor<D>,
    positive_weight: f32,
) -> Option<Tensor<1>> {
    let (state, nodes) = State::of(logits, targets, positive_weight)?;
    let (all_x, all_t) = (elements(&state.logits), elements(&state.targets));
    let sums = map_parts(all_x.len().div_ceil(PART), PART * CURVE, |part| {
        let place = part * PART..all_x.len().min((part + 1) * PART);
        let (x, t) = (&all_x[place.clone()], &all_t[place]);
        vectorized!({ sum_of_pairs(x, t, |x, t| state.loss(x, t)) })
    });
    let sum: f64 = sums.into_iter().map(f64::from).sum();
    let output = tensor(vec![sum as f32], [1]);
    let output = match Sum
        .prepare::<NoCheckpointing>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(state, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training>(output))
}

/// log σ(-x).
#[inline(always)]
fn negative(x: f32) -> f32 {
    -(x.max(0.0) + ln_1p(exp(-x.abs())))
}

/// Elements that a thread takes at once.
const PART: usize = GRAIN / CURVE;

/// `f` of the elements of tensors of one shape, place by place.
fn by_element<const N: usize>(
    from: [&FlexTensor; N],
    f: impl Fn([f32; N]) -> f32 + Sync,
) -> FlexTensor {
    let all = from.map(elements);
    let found = filled(all[0].len(), PART, CURVE, |part, out| {
        let from = all.map(|all| &all[part * PART..][..out.len()]);
        vectorized!({
            for (i, out) in out.iter_mut().enumerate() {
                *out = f(from.map(|from| from[i]));
            }
        });
    });
    tensor(found, from[0].layout().shape().clone())
}

#[derive(Clone, Debug)]
struct State {
    logits: FlexTensor,
    targets: FlexTensor,
    positive_weight: f32,
}

impl State {
    fn of<const D: usize>(
        logits: &Tensor<D>,
        targets: &Tensor<D>,
        positive_weight: f32,
    ) -> Option<(Self, [NodeGuard; 2])> {
        if logits.dims() != targets.dims() {
            return None;
        }
        let (logits, logits_node) = tracked(logits)?;
        let (targets, targets_node) = tracked(targets)?;
        let state = Self {
            logits,
            targets,
            positive_weight,
        };
        Some((state, [logits_node, targets_node]))
    }

    #[inline(always)]
    fn loss(&self, x: f32, t: f32) -> f32 {
        let weight = 1.0 + (self.positive_weight - 1.0) * t;
        -(weight * negative(x) + self.positive_weight * t * x)
    }

    /// Of the loss by the logit.
    #[inline(always)]
    fn slope(&self, x: f32, t: f32) -> f32 {
        let weight = 1.0 + (self.positive_weight - 1.0) * t;
        weight * sigmoid(x) - self.positive_weight * t
    }

    /// Of the loss by the target.
    #[inline(always)]
    fn slope_of_target(&self, x: f32) -> f32 {
        -((self.positive_weight - 1.0) * negative(x) + self.positive_weight * x)
    }
}

#[derive(Debug)]
struct CrossEntropy;

impl Backward<Flex, 2> for CrossEntropy {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let state = ops.state;
        let from = [&state.logits, &state.targets, &gradient];
        let [logits_parent, targets_parent] = ops.parents;
        if let Some(parent) = logits_parent {
            let found = by_element(from, |[x, t, gradient]| state.slope(x, t) * gradient);
            gradients.register::<Flex>(parent.id, found);
        }
        if let Some(parent) = targets_parent {
            let found = by_element(from, |[x, _, gradient]| state.slope_of_target(x) * gradient);
            gradients.register::<Flex>(parent.id, found);
        }
    }
}

#[derive(Debug)]
struct Sum;

impl Backward<Flex, 2> for Sum {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let (state, gradient) = (ops.state, elements(&gradient)[0]);
        let from = [&state.logits, &state.targets];
        let [logits_parent, targets_parent] = ops.parents;
        if let Some(parent) = logits_parent {
            let found = by_element(from, |[x, t]| state.slope(x, t) * gradient);
            gradients.register::<Flex>(parent.id, found);
        }
        if let Some(parent) = targets_parent {
            let found = by_element(from, |[x, _]| state.slope_of_target(x) * gradient);
            gradients.register::<Flex>(parent.id, found);
        }
    }
}
