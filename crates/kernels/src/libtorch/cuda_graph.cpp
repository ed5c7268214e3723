// A CUDA graph: work that is captured once and launched as one. Its class in LibTorch needs CUDA's headers; a build without them
// (no ABLATE_CUDA) has the functions all the same, which say so.

#include "tried.h"

#include <ATen/core/Tensor.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#ifdef ABLATE_CUDA

#include <ATen/cuda/CUDAGraph.h>

#include <memory>
#include <optional>

struct AblateGraph {
    explicit AblateGraph(c10::Device device) : device(device) {}

    c10::Device device;
    at::cuda::CUDAGraph graph;
    // A stream beside the default one, on which nothing else waits, while work is captured.
    std::optional<c10::StreamGuard> aside;
    bool captures = false;

    void end() {
        captures = false;
        graph.capture_end();
    }

    ~AblateGraph() {
        // What failed in the midst of a capture.
        if (captures) ablate_tried(nullptr, 0, [&] { end(); });
    }
};

// A graph of nothing yet. From here to the end of the capture, work goes to a stream of its own.
extern "C" bool ablate_graph_new(int index, AblateGraph **found, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        c10::Device device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index));
        c10::impl::VirtualGuardImpl guard(device.type());
        guard.synchronizeDevice(device.index());
        auto graph = std::make_unique<AblateGraph>(device);
        graph->aside.emplace(guard.getStreamFromGlobalPool(device));
        *found = graph.release();
    });
}

extern "C" bool ablate_graph_begin(AblateGraph *graph, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        c10::impl::VirtualGuardImpl(graph->device.type()).synchronizeDevice(graph->device.index());
        // Other threads may go on with what a capture forbids to its own.
        graph->graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
        graph->captures = true;
    });
}

extern "C" bool ablate_graph_end(AblateGraph *graph, char *error, size_t room) {
    bool worked = ablate_tried(error, room, [&] { graph->end(); });
    graph->aside.reset();
    return worked;
}

// On the stream that is the current one then.
extern "C" bool ablate_graph_replay(AblateGraph *graph, char *error, size_t room) {
    return ablate_tried(error, room, [&] { graph->graph.replay(); });
}

extern "C" void ablate_graph_free(AblateGraph *graph) { delete graph; }

extern "C" bool ablate_graph_is_built() { return true; }

#else

struct AblateGraph;

static bool lacking(char *error, size_t room) {
    std::snprintf(error, room, "this build has no CUDA graphs");
    return false;
}

extern "C" bool ablate_graph_new(int, AblateGraph **, char *error, size_t room) { return lacking(error, room); }
extern "C" bool ablate_graph_begin(AblateGraph *, char *error, size_t room) { return lacking(error, room); }
extern "C" bool ablate_graph_end(AblateGraph *, char *error, size_t room) { return lacking(error, room); }
extern "C" bool ablate_graph_replay(AblateGraph *, char *error, size_t room) { return lacking(error, room); }
extern "C" void ablate_graph_free(AblateGraph *) {}
extern "C" bool ablate_graph_is_built() { return false; }

#endif
