//! What LibTorch computes and records for its own automatic differentiation, as one operation of
//! Burn's.

use std::{ffi::c_char, ptr};

use burn::backend::{
    Autodiff, DType, LibTorch,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, NodeGuard, Ops, OpsKind},
    },
    libtorch::TchTensor,
};
use burn::tensor::Tensor;
use torch_sys::C_tensor;

use super::called::called;

/// A training device of LibTorch.
type Training = Autodiff<LibTorch, NoCheckpointing>;

/// A tensor of a training device of LibTorch, as a leaf of LibTorch's own graph.
pub struct Input {
    leaf: TchTensor,
    node: NodeGuard,
}

impl Input {
    /// As it is, outside of any graph.
    pub fn tensor(&self) -> &tch::Tensor {
        &self.leaf.tensor
    }

    /// For an operation that knows its gradient by itself.
    pub fn into_parts(self) -> (TchTensor, NodeGuard) {
        let Self { leaf, node } = self;
        let leaf = TchTensor {
            tensor: leaf.tensor.detach(),
            storage: leaf.storage,
        };
        (leaf, node)
    }
}

/// The tensor as an input of [`record`]; None on another device.
pub fn input<const D: usize>(tensor: &Tensor<D>) -> Option<Input> {
    if ![DType::F32, DType::F16, DType::BF16].contains(&tensor.dtype()) {
        return None;
    }
    let tensor = tensor.clone().try_into_primitive::<Training>().ok()?;
    let wanted = tensor.is_tracked();
    let (TchTensor { tensor, storage }, node) = tensor.into_parts();
    Some(Input {
        leaf: TchTensor {
            tensor: tensor.detach().set_requires_grad(wanted),
            storage,
        },
        node,
    })
}

/// The tensor as LibTorch holds it off a training device; None on another device.
pub fn untracked<const D: usize>(tensor: &Tensor<D>) -> Option<TchTensor> {
    tensor.clone().try_into_primitive::<LibTorch>().ok()
}

/// `f` of the inputs, which knows its gradient.
pub fn record<const N: usize, const D: usize>(
    inputs: [Input; N],
    f: impl FnOnce([&tch::Tensor; N]) -> tch::Tensor,
) -> Tensor<D> {
    let mut leaves = Vec::with_capacity(N);
    let nodes = inputs.map(|Input { leaf, node }| {
        leaves.push(leaf);
        node
    });
    let compute = || f(std::array::from_fn(|i| &leaves[i].tensor));
    let output = match Recorded
        .prepare::<NoCheckpointing>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let mut recorded = tch::with_grad(compute);
            let output = TchTensor::new(recorded.detach());
            // The maps that the gradient needs are recorded; the output need not be one of them.
            recorded.set_data(&tch::Tensor::empty(
                [0],
                (recorded.kind(), recorded.device()),
            ));
            let storage = output.storage.clone();
            prep.finish(
                Record {
                    inputs: leaves,
                    output: TchTensor {
                        tensor: recorded,
                        storage,
                    },
                },
                output,
            )
        }
        OpsKind::UnTracked(prep) => prep.finish(TchTensor::new(compute())),
    };
    Tensor::from_primitive::<Training>(output)
}

#[derive(Debug)]
struct Recorded;

/// Each tensor comes with its storage, so that Burn sees it in use and changes nothing in place.
#[derive(Clone, Debug)]
struct Record {
    inputs: Vec<TchTensor>,
    output: TchTensor,
}

impl<const N: usize> Backward<LibTorch, N> for Recorded {
    type State = Record;

    fn backward(self, ops: Ops<Record, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<LibTorch>(&ops.node);
        let Record { inputs, output } = ops.state;
        let wanted = inputs
            .iter()
            .zip(&ops.parents)
            .filter_map(|(input, parent)| Some((&input.tensor, parent.as_ref()?)));
        let (inputs, parents): (Vec<_>, Vec<_>) = wanted.unzip();
        for (parent, found) in
            parents
                .into_iter()
                .zip(differentiate(&output.tensor, &gradient.tensor, &inputs))
        {
            gradients.register::<LibTorch>(parent.id, TchTensor::new(found));
        }
    }
}

/// The gradients of leaves, given that of what was recorded from them.
fn differentiate(
    output: &tch::Tensor,
    gradient: &tch::Tensor,
    inputs: &[&tch::Tensor],
) -> Vec<tch::Tensor> {
    let inputs: Vec<*const C_tensor> = inputs.iter().map(|input| input.as_ptr()).collect();
    let mut found = vec![ptr::null_mut(); inputs.len()];
    let asked = called(|error, room| {
        // SAFETY: every pointer is to a tensor that lives until the return; there is room for as
        // many gradients as there are inputs, and for the text as much as is said.
        #[allow(unsafe_code)]
        unsafe {
            ablate_gradients(
                output.as_ptr(),
                gradient.as_ptr(),
                inputs.as_ptr(),
                inputs.len(),
                found.as_mut_ptr(),
                error,
                room,
            )
        }
    });
    asked.unwrap_or_else(|error| panic!("LibTorch's gradient failed: {error}"));
    // SAFETY: it worked, so each gradient is a new tensor that nothing else owns.
    #[allow(unsafe_code)]
    let own = |found| unsafe { tch::Tensor::from_ptr(found) };
    found.into_iter().map(own).collect()
}

#[allow(unsafe_code)]
unsafe extern "C" {
    /// See `gradient.cpp`.
    fn ablate_gradients(
        output: *const C_tensor,
        gradient: *const C_tensor,
        inputs: *const *const C_tensor,
        count: usize,
        found: *mut *mut C_tensor,
        error: *mut c_char,
        room: usize,
    ) -> bool;
}
