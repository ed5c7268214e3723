// Gradients of what LibTorch's own automatic differentiation has recorded. tch asks for those of a scalar only.

#include "tried.h"

#include <torch/csrc/autograd/autograd.h>

// The gradients of `inputs`, given that of `output`, as new tensors in `found`.
extern "C" bool ablate_gradients(const at::Tensor *output, const at::Tensor *gradient, const at::Tensor *const *inputs, size_t count,
                                 at::Tensor **found, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        torch::autograd::variable_list wanted;
        for (size_t i = 0; i < count; i++) wanted.push_back(*inputs[i]);
        auto gradients = torch::autograd::grad({*output}, wanted, {*gradient});
        for (size_t i = 0; i < count; i++) found[i] = new at::Tensor(std::move(gradients[i]));
    });
}
