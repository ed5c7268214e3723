// How LibTorch uses a GPU: the precision of 32-bit products, the memory that it holds, uploads that nothing waits for. tch has none of
// them.

#include "tried.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/version.h>

// Whether products of 32-bit numbers may be rounded to TF32's 10 bits, in cuDNN and in cuBLAS.
extern "C" bool ablate_allow_tf32(bool allow, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        at::globalContext().setAllowTF32CuDNN(allow);
        at::globalContext().setAllowTF32CuBLAS(allow);
    });
}

// Forgets the peak, after what is kept for reuse has been given back.
extern "C" bool ablate_forget_peak_memory(int index, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        auto *allocator = c10::getDeviceAllocator(c10::DeviceType::CUDA);
        if (!allocator->initialized()) return;
        allocator->emptyCache();
        allocator->resetPeakStats(static_cast<c10::DeviceIndex>(index));
    });
}

// The most bytes that the allocator had reserved of the device at once.
extern "C" bool ablate_peak_memory(int index, size_t *bytes, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        auto *allocator = c10::getDeviceAllocator(c10::DeviceType::CUDA);
        if (!allocator->initialized()) {
            *bytes = 0;
            return;
        }
        const auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(index));
        const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
        *bytes = static_cast<size_t>(stats.reserved_bytes[all].peak);
    });
}

// A tensor of these values, 32-bit floats or 64-bit integers, copied to pages that stay in memory, from where the device fetches them while the caller goes on.
extern "C" bool ablate_upload(const void *values, bool floats, const int64_t *shape, size_t rank, int index, at::Tensor **found,
                              char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        at::NoGradGuard guard;
        const at::IntArrayRef sizes(shape, rank);
        const auto options = at::TensorOptions().dtype(floats ? at::kFloat : at::kLong);
        at::Tensor pinned = at::empty(sizes, options.pinned_memory(true));
        pinned.copy_(at::from_blob(const_cast<void *>(values), sizes, options));
        const c10::Device device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index));
        *found = new at::Tensor(pinned.to(device, pinned.scalar_type(), /*non_blocking=*/true));
    });
}

// LibTorch's version, as its headers had it: 2.9.0.
extern "C" const char *ablate_libtorch_version() { return TORCH_VERSION; }
