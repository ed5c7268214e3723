// A forward pass as TorchScript, on a CPU: its operations are recorded while they run, and oneDNN Graph takes over those that it has,
// several as one, each map in the order of memory that its convolutions are fastest with.

#include "tried.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/normalize_ops.h>
#include <torch/csrc/jit/passes/pass_manager.h>
#include <torch/csrc/jit/passes/remove_mutation.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace jit = torch::jit;

// LibTorch's pass over a graph. A LibTorch for other processors than x86-64 lacks it.
#ifdef __linux__
namespace torch::jit::fuser::onednn {
__attribute__((weak)) void fuseGraph(std::shared_ptr<Graph> &graph);
}
static auto *const fuse = jit::fuser::onednn::fuseGraph;
#else
static void (*const fuse)(std::shared_ptr<jit::Graph> &) = nullptr;
#endif

struct AblateScript {
    // Of the network, and of what comes after its last convolution: one's outputs are the other's inputs.
    std::optional<jit::GraphExecutor> network, decoding;
    // The network's inputs after the images.
    std::vector<at::Tensor> operands;
};

// The place after the last convolution; 0 where there is none.
static size_t end_of_convolutions(const jit::Graph &graph) {
    size_t place = 0, end = 0;
    for (const jit::Node *node : graph.nodes()) {
        place++;
        if (node->kind() == c10::aten::_convolution) end = place;
    }
    return end;
}

// The inputs, and values of nodes before a place, that are read from there on.
static std::vector<jit::Value *> crossing(const std::shared_ptr<jit::Graph> &graph, size_t place) {
    auto nodes = graph->nodes();
    const auto cut = std::next(nodes.begin(), place);
    // Of the whole graph, what returns its outputs.
    const jit::Node *first = *cut;
    const auto is_after = [&](const jit::Use &use) { return use.user == first || use.user->isAfter(first); };
    std::vector<jit::Value *> found;
    const auto look_at = [&](jit::Value *value) {
        if (std::any_of(value->uses().begin(), value->uses().end(), is_after)) found.push_back(value);
    };
    for (jit::Value *input : graph->inputs()) look_at(input);
    for (auto node = nodes.begin(); node != cut; ++node)
        if (node->kind() != c10::prim::Constant)
            for (jit::Value *value : node->outputs()) look_at(value);
    return found;
}

// The graph up to a place, and the rest. oneDNN Graph would take over sums and products of the rest as well, with broadcasts that it
// has in its slow form alone.
static std::pair<std::shared_ptr<jit::Graph>, std::shared_ptr<jit::Graph>> split(const std::shared_ptr<jit::Graph> &graph, size_t place) {
    auto until = graph->copy(), rest = graph->copy();
    while (!until->outputs().empty()) until->eraseOutput(0);
    for (jit::Value *value : crossing(until, place)) until->registerOutput(value);
    for (jit::Value *value : crossing(rest, place)) {
        jit::Value *input = rest->addInput();
        input->setType(jit::TensorType::get());
        value->replaceAllUsesWith(input);
    }
    jit::EliminateDeadCode(until);
    jit::EliminateDeadCode(rest);
    // The images.
    rest->eraseInput(0);
    return {until, rest};
}

// Makes inputs of the constant tensors that sums and products read, and returns them: on those oneDNN Graph's search fails.
static std::vector<at::Tensor> operands(jit::Graph &graph) {
    std::vector<at::Tensor> found;
    for (jit::Node *node : graph.nodes()) {
        if (node->kind() != c10::aten::add && node->kind() != c10::aten::sub && node->kind() != c10::aten::mul &&
            node->kind() != c10::aten::div)
            continue;
        for (size_t i = 0; i < node->inputs().size(); i++) {
            const auto constant = jit::toIValue(node->input(i));
            if (!constant || !constant->isTensor()) continue;
            jit::Value *input = graph.addInput();
            input->setType(jit::TensorType::get());
            node->replaceInput(i, input);
            found.push_back(constant->toTensor());
        }
    }
    return found;
}

// The pass for all graphs of the process; there are none but these.
static void fuse_convolutions(std::shared_ptr<jit::Graph> &graph) {
    if (end_of_convolutions(*graph) > 0) fuse(graph);
}

extern "C" bool ablate_script_is_built() { return fuse != nullptr; }

// From here to the end of the recording, operations of this thread are written down too; `input` stands for the pass's input.
extern "C" bool ablate_script_begin(const at::Tensor *input, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        if (jit::tracer::isTracing()) throw std::logic_error("another pass is being recorded");
        auto state = std::make_shared<jit::tracer::TracingState>();
        state->warn = false;
        jit::Value *value = state->graph->addInput("images");
        value->setType(jit::TensorType::get());
        state->setValue(*input, value);
        jit::tracer::setTracingState(std::move(state));
    });
}

// Operations are written down no longer.
extern "C" void ablate_script_abandon() { jit::tracer::abandon(); }

extern "C" bool ablate_script_end(const at::Tensor *output, AblateScript **found, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        auto state = jit::tracer::getTracingState();
        if (!state) throw std::logic_error("no pass is being recorded");
        auto graph = state->graph;
        graph->registerOutput(state->getOutput(*output, 0));
        // What follows may compute: it is no part of the pass.
        jit::tracer::setTracingState(nullptr);
        jit::NormalizeOps(graph);
        // An activation in place is one of its own: only those can be fused.
        jit::RemoveTensorMutation(graph);
        jit::ConstantPropagation(graph);
        jit::EliminateDeadCode(graph);
        static const auto registered = jit::registerPrePass(fuse_convolutions);
        (void)registered;
        auto [network, decoding] = split(graph, end_of_convolutions(*graph));
        auto script = std::make_unique<AblateScript>();
        script->operands = operands(*network);
        jit::EliminateDeadCode(network);
        script->network.emplace(network, "network");
        script->decoding.emplace(decoding, "decoding");
        *found = script.release();
    });
}

// The first run looks at shapes, the second fuses.
extern "C" bool ablate_script_run(AblateScript *script, const at::Tensor *input, at::Tensor **output, char *error, size_t room) {
    return ablate_tried(error, room, [&] {
        at::NoGradGuard guard;
        jit::Stack stack{*input};
        stack.insert(stack.end(), script->operands.begin(), script->operands.end());
        script->network->run(stack);
        script->decoding->run(stack);
        *output = new at::Tensor(std::move(stack.back()).toTensor());
    });
}

extern "C" void ablate_script_free(AblateScript *script) { delete script; }
