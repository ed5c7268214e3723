//! Convolution and batch normalisation as one operation of Burn's each, with the gradients that LibTorch has of them.

use std::{ffi::c_char, ptr};

use burn::{
    backend::{
        Autodiff, LibTorch,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        libtorch::TchTensor,
    },
    tensor::Tensor,
};
use torch_sys::C_tensor;

use super::{called::called, recorded::Input};

/// The gradients of an operation's inputs, given that of its output; None for those that are not wanted.
pub trait Gradient<const N: usize> {
    fn gradients(&self, gradient: &tch::Tensor, wanted: [bool; N]) -> [Option<tch::Tensor>; N];
}

/// Puts an output into Burn's graph, with what its gradient needs.
fn put<const N: usize, const D: usize, G>(
    inputs: [Input; N],
    output: tch::Tensor,
    gradient: impl FnOnce([TchTensor; N]) -> G,
) -> Tensor<D>
where
    G: Gradient<N> + Clone + std::fmt::Debug + Send + 'static,
{
    let mut leaves = Vec::with_capacity(N);
    let nodes = inputs.map(|input| {
        let (leaf, node) = input.into_parts();
        leaves.push(leaf);
        node
    });
    let output = TchTensor::new(output);
    let output = match (Put(std::marker::PhantomData::<G>))
        .prepare::<NoCheckpointing>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let leaves: [TchTensor; N] = leaves.try_into().expect("a leaf for each input");
            prep.finish(gradient(leaves), output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive::<Autodiff<LibTorch, NoCheckpointing>>(output)
}

#[derive(Debug)]
struct Put<G>(std::marker::PhantomData<G>);

impl<G, const N: usize> Backward<LibTorch, N> for Put<G>
where
    G: Gradient<N> + Clone + std::fmt::Debug + Send + 'static,
{
    type State = G;

    fn backward(self, ops: Ops<G, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<LibTorch>(&ops.node);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = ops.state.gradients(&gradient.tensor, wanted);
        for (parent, found) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(found)) = (parent, found) {
                gradients.register::<LibTorch>(parent.id, TchTensor::new(found));
            }
        }
    }
}

/// A convolution without dilation; of input, kernel and, if there is one, bias.
pub fn convolution<const N: usize>(
    inputs: [Input; N],
    output: tch::Tensor,
    kernel: tch::Tensor,
    geometry: [i64; 3],
) -> Tensor<4>
where
    Convolution: Gradient<N>,
{
    put(inputs, output, |leaves: [TchTensor; N]| Convolution {
        x: leaves[0].clone(),
        // It may share the memory of the kernel that came in.
        kernel: TchTensor {
            tensor: kernel,
            storage: leaves[1].storage.clone(),
        },
        geometry,
    })
}

#[derive(Clone, Debug)]
pub struct Convolution {
    x: TchTensor,
    /// In the order in memory in which it was used.
    kernel: TchTensor,
    /// Stride, padding, groups.
    geometry: [i64; 3],
}

impl Convolution {
    fn all(&self, gradient: &tch::Tensor, wanted: [bool; 3]) -> [Option<tch::Tensor>; 3] {
        let [stride, padding, groups] = self.geometry;
        made(|found, error, room| {
            // SAFETY: the pointers are to tensors that live until the return; there is room for
            // three, and for the text as much as is said.
            #[allow(unsafe_code)]
            unsafe {
                ablate_convolution_backward(
                    gradient.as_ptr(),
                    self.x.tensor.as_ptr(),
                    self.kernel.tensor.as_ptr(),
                    stride,
                    padding,
                    groups,
                    wanted.as_ptr(),
                    found,
                    error,
                    room,
                )
            }
        })
    }
}

impl Gradient<3> for Convolution {
    fn gradients(&self, gradient: &tch::Tensor, wanted: [bool; 3]) -> [Option<tch::Tensor>; 3] {
        self.all(gradient, wanted)
    }
}

impl Gradient<2> for Convolution {
    fn gradients(
        &self,
        gradient: &tch::Tensor,
        [x, kernel]: [bool; 2],
    ) -> [Option<tch::Tensor>; 2] {
        let [of_x, of_kernel, _] = self.all(gradient, [x, kernel, false]);
        [of_x, of_kernel]
    }
}

/// An activation, and the gradient of its input, given that of its output and the input.
#[derive(Clone, Copy, Debug)]
pub struct Activate {
    pub forward: fn(&tch::Tensor) -> tch::Tensor,
    pub backward: fn(&tch::Tensor, &tch::Tensor) -> tch::Tensor,
}

/// Batch normalisation by the batch's own statistics, and an activation of it, of input, weight and bias; and the new running mean
/// and variance.
pub fn norm(
    inputs: [Input; 3],
    running: [&tch::Tensor; 2],
    [epsilon, momentum]: [f64; 2],
    activate: Option<Activate>,
) -> (Tensor<4>, [tch::Tensor; 2]) {
    let mut kind = 0;
    let [x, weight, bias] = inputs.each_ref().map(|input| input.tensor().as_ptr());
    let [mean, variance] = running.map(tch::Tensor::as_ptr);
    let found: [_; 6] = made(|found, error, room| {
        // SAFETY: as above, with room for six.
        #[allow(unsafe_code)]
        unsafe {
            ablate_norm(
                x, weight, bias, mean, variance, momentum, epsilon, found, &mut kind, error, room,
            )
        }
    });
    let all = found.map(|tensor| tensor.expect("LibTorch gives all of them"));
    let [normed, saved_mean, saved_variance, reserve, mean, variance] = all;
    let statistics = [mean, variance];
    let running = statistics
        .each_ref()
        .map(|s| TchTensor::new(s.shallow_clone()));
    let output = match activate {
        Some(activate) => (activate.forward)(&normed),
        None => normed.shallow_clone(),
    };
    let output = put(inputs, output, |[x, weight, _]| Norm {
        kind,
        x,
        weight,
        running,
        saved: [saved_mean, saved_variance, reserve].map(TchTensor::new),
        epsilon,
        activated: activate.map(|activate| (activate, TchTensor::new(normed))),
    });
    (output, statistics)
}

#[derive(Clone, Debug)]
struct Norm {
    kind: i64,
    x: TchTensor,
    weight: TchTensor,
    running: [TchTensor; 2],
    /// The batch's statistics, and what else LibTorch keeps.
    saved: [TchTensor; 3],
    epsilon: f64,
    /// The activation, and what it was of.
    activated: Option<(Activate, TchTensor)>,
}

impl Gradient<3> for Norm {
    fn gradients(&self, gradient: &tch::Tensor, wanted: [bool; 3]) -> [Option<tch::Tensor>; 3] {
        let before = self
            .activated
            .as_ref()
            .map(|(activate, of)| (activate.backward)(gradient, &of.tensor));
        let gradient = before.as_ref().unwrap_or(gradient);
        let saved = self.saved.each_ref().map(|saved| saved.tensor.as_ptr());
        let saved: Vec<*const C_tensor> = saved.into_iter().collect();
        made(|found, error, room| {
            // SAFETY: as above.
            #[allow(unsafe_code)]
            unsafe {
                ablate_norm_backward(
                    self.kind,
                    gradient.as_ptr(),
                    self.x.tensor.as_ptr(),
                    self.weight.tensor.as_ptr(),
                    self.running[0].tensor.as_ptr(),
                    self.running[1].tensor.as_ptr(),
                    saved.as_ptr(),
                    self.epsilon,
                    wanted.as_ptr(),
                    found,
                    error,
                    room,
                )
            }
        })
    }
}

/// What a call makes.
///
/// # Panics
/// If LibTorch fails, as its operations do elsewhere.
fn made<const N: usize>(
    call: impl FnOnce(*mut *mut C_tensor, *mut c_char, usize) -> bool,
) -> [Option<tch::Tensor>; N] {
    let mut found = [ptr::null_mut(); N];
    if let Err(error) = called(|error, room| call(found.as_mut_ptr(), error, room)) {
        panic!("LibTorch failed: {error}");
    }
    // SAFETY: where the call worked, each is null or a new tensor that nothing else owns.
    #[allow(unsafe_code)]
    found.map(|found| (!found.is_null()).then(|| unsafe { tch::Tensor::from_ptr(found) }))
}

#[allow(unsafe_code)]
unsafe extern "C" {
    // See `backward.cpp`.
    fn ablate_convolution_backward(
        gradient: *const C_tensor,
        x: *const C_tensor,
        weight: *const C_tensor,
        stride: i64,
        padding: i64,
        groups: i64,
        wanted: *const bool,
        found: *mut *mut C_tensor,
        error: *mut c_char,
        room: usize,
    ) -> bool;
    fn ablate_norm(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        mean: *const C_tensor,
        variance: *const C_tensor,
        momentum: f64,
        epsilon: f64,
        found: *mut *mut C_tensor,
        kind: *mut i64,
        error: *mut c_char,
        room: usize,
    ) -> bool;
    fn ablate_norm_backward(
        kind: i64,
        gradient: *const C_tensor,
        x: *const C_tensor,
        weight: *const C_tensor,
        mean: *const C_tensor,
        variance: *const C_tensor,
        saved: *const *const C_tensor,
        epsilon: f64,
        wanted: *const bool,
        found: *mut *mut C_tensor,
        error: *mut c_char,
        room: usize,
    ) -> bool;
}
