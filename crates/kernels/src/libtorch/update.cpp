// Steps of optimizers over many parameters at once, with LibTorch's operations on lists of tensors: on a GPU, a launch of each for
// some hundred parameters. The order of the operations is that of the steps of one parameter (`update.rs`), so the values are the
// same, bit for bit. tch has none of these operations.

#include "tried.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/stack.h>

#include <vector>

using List = std::vector<at::Tensor>;

static List list(const at::Tensor *const *tensors, size_t count) {
    List found;
    found.reserve(count);
    for (size_t i = 0; i < count; i++) found.push_back(*tensors[i]);
    return found;
}

static void give(const List &list, at::Tensor **found) {
    for (size_t i = 0; i < list.size(); i++) found[i] = new at::Tensor(list[i]);
}

// `buffers` is null before the first step. The new values and buffers are new tensors.
extern "C" bool ablate_sgd(const at::Tensor *const *values, const at::Tensor *const *gradients, const at::Tensor *const *buffers,
                           size_t count, double weight_decay, double momentum, double lr, at::Tensor **new_values,
                           at::Tensor **new_buffers, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        at::NoGradGuard guard;
        const List value = list(values, count);
        List gradient = list(gradients, count);
        if (weight_decay != 0.0) {
            List decayed = at::_foreach_mul(value, weight_decay);
            at::_foreach_add_(decayed, gradient);
            gradient = decayed;
        }
        List buffer = gradient;
        if (buffers) {
            buffer = at::_foreach_mul(list(buffers, count), momentum);
            at::_foreach_add_(buffer, gradient);
        }
        List step = at::_foreach_mul(buffer, momentum);
        at::_foreach_add_(step, gradient);
        at::_foreach_mul_(step, lr);
        give(at::_foreach_sub(value, step), new_values);
        give(buffer, new_buffers);
    });
}

// Adam and AdamW; `averages` and `squares` are null before the first step. What is found are new tensors.
extern "C" bool ablate_adam(const at::Tensor *const *values, const at::Tensor *const *gradients, const at::Tensor *const *averages,
                            const at::Tensor *const *squares, size_t count, double weight_decay, double shrink, double beta1,
                            double beta2, double epsilon, double root2, double rate, at::Tensor **new_values,
                            at::Tensor **new_averages, at::Tensor **new_squares, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        at::NoGradGuard guard;
        List value = list(values, count);
        List gradient = list(gradients, count);
        if (weight_decay != 0.0) {
            List decay = at::_foreach_mul(value, weight_decay);
            gradient = at::_foreach_add(gradient, decay);
        }
        if (shrink != 1.0) value = at::_foreach_mul(value, shrink);
        List average = at::_foreach_mul(gradient, 1.0 - beta1);
        List square = at::_foreach_mul(gradient, gradient);
        at::_foreach_mul_(square, 1.0 - beta2);
        if (averages) {
            List old = at::_foreach_mul(list(averages, count), beta1);
            at::_foreach_add_(old, average);
            average = old;
            old = at::_foreach_mul(list(squares, count), beta2);
            at::_foreach_add_(old, square);
            square = old;
        }
        List scale = at::_foreach_sqrt(square);
        at::_foreach_div_(scale, root2);
        at::_foreach_add_(scale, epsilon);
        List step = at::_foreach_div(average, scale);
        at::_foreach_mul_(step, rate);
        give(at::_foreach_sub(value, step), new_values);
        give(average, new_averages);
        give(square, new_squares);
    });
}

// `average · decay + value · (1 - decay)`, as new tensors.
extern "C" bool ablate_moving_average(const at::Tensor *const *averages, const at::Tensor *const *values, size_t count, double decay,
                                      at::Tensor **found, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        at::NoGradGuard guard;
        List average = at::_foreach_mul(list(averages, count), decay);
        at::_foreach_add_(average, at::_foreach_mul(list(values, count), 1.0 - decay));
        give(average, found);
    });
}

// The gradients, which are `scale` times too large, scaled down to a norm of at most `most` over all of them, and the norm before,
// `[1]`: nothing is read from the device.
extern "C" bool ablate_clip(const at::Tensor *const *gradients, size_t count, double most, double scale, at::Tensor **found,
                            at::Tensor **norm, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        at::NoGradGuard guard;
        const List gradient = list(gradients, count);
        const at::Tensor whole = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradient, 2)), 2).div(scale);
        const at::Tensor factor = at::clamp_max(at::reciprocal(whole.add(1e-6)).mul(most), 1.0);
        give(at::_foreach_mul(gradient, factor.div(scale)), found);
        *norm = new at::Tensor(whole.reshape({1}));
    });
}
