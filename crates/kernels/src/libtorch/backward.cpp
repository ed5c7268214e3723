// Convolution and batch normalisation with the gradients that LibTorch's own automatic differentiation calls for them. Called by
// themselves they wait for no other thread: for a GPU, LibTorch's automatic differentiation has one, and each question to it is two
// changes of threads.

#include "tried.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_batch_norm_impl_index.h>
#include <ATen/ops/_batch_norm_impl_index_backward.h>
#include <ATen/ops/convolution_backward.h>

#include <array>

static at::Tensor *made(at::Tensor tensor) { return tensor.defined() ? new at::Tensor(std::move(tensor)) : nullptr; }

// The gradients of input, kernel and bias, those that are `wanted`; null for others.
extern "C" bool ablate_convolution_backward(const at::Tensor *gradient, const at::Tensor *x, const at::Tensor *weight, int64_t stride,
                                            int64_t padding, int64_t groups, const bool *wanted, at::Tensor **found, char *error,
                                            size_t room) {
    return ablate_tried(error, room, [&] {
        at::NoGradGuard guard;
        const std::array<int64_t, 1> biases{weight->size(0)};
        const std::array<int64_t, 2> strides{stride, stride}, paddings{padding, padding}, dilations{1, 1}, none{0, 0};
        auto [of_x, of_weight, of_bias] =
            at::convolution_backward(*gradient, *x, *weight, at::OptionalIntArrayRef(biases), strides, paddings, dilations, false, none,
                                     groups, {wanted[0], wanted[1], wanted[2]});
        found[0] = made(of_x);
        found[1] = made(of_weight);
        found[2] = made(of_bias);
    });
}

// Normalisation by the batch's own statistics: the output, what the gradient needs (two statistics and a reserve), and the new running
// mean and variance. `kind` is which of its ways LibTorch chose.
extern "C" bool ablate_norm(const at::Tensor *x, const at::Tensor *weight, const at::Tensor *bias, const at::Tensor *mean,
                            const at::Tensor *variance, double momentum, double epsilon, at::Tensor **found, int64_t *kind, char *error,
                            size_t room) {
    return ablate_tried(error, room, [&] {
        at::NoGradGuard guard;
        // They are changed in place; the old ones are not ours alone.
        at::Tensor new_mean = mean->clone(), new_variance = variance->clone();
        auto [y, saved_mean, saved_variance, reserve, which] =
            at::_batch_norm_impl_index(*x, *weight, *bias, new_mean, new_variance, true, momentum, epsilon, true);
        const std::array<at::Tensor, 6> all{y, saved_mean, saved_variance, reserve, new_mean, new_variance};
        for (size_t i = 0; i < all.size(); i++) found[i] = made(all[i]);
        *kind = which;
    });
}

// The gradients of input, weight and bias, those that are `wanted`; null for others.
extern "C" bool ablate_norm_backward(int64_t kind, const at::Tensor *gradient, const at::Tensor *x, const at::Tensor *weight,
                                     const at::Tensor *mean, const at::Tensor *variance, const at::Tensor *const *saved,
                                     double epsilon, const bool *wanted, at::Tensor **found, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        at::NoGradGuard guard;
        // As the forward pass took them.
        const at::Tensor input = x->contiguous(x->suggest_memory_format());
        const at::Tensor of_output = gradient->contiguous(x->suggest_memory_format());
        auto [of_x, of_weight, of_bias] = at::_batch_norm_impl_index_backward(
            kind, input, of_output, *weight, *mean, *variance, *saved[0], *saved[1], true, epsilon,
            {wanted[0], wanted[1], wanted[2]}, *saved[2]);
        found[0] = made(of_x);
        found[1] = made(of_weight);
        found[2] = made(of_bias);
    });
}
