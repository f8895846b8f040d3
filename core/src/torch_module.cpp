#include "torch_module.h"

#include <torch/csrc/jit/ir/ir.h>

#include <string>
#include <vector>

namespace dlf {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// aten::conv2d leaves it to the process's settings whether cuDNN may compute float32 in TF32 (it
// may by default), try out algorithms for every new shape, or take one that sums in no fixed order.
// aten::_convolution is the same with all that as arguments, so the host's settings stay as they
// are.
void exact_convolutions(Block* block) {
  std::vector<Node*> found;
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) exact_convolutions(inner);
    // Padding given by name ("same") is another overload.
    if (node->kind() == c10::aten::conv2d &&
        node->input(4)->type()->kind() == c10::ListType::Kind) {
      found.push_back(node);
    }
  }
  for (Node* node : found) {
    Graph* graph = node->owningGraph();
    torch::jit::WithInsertPoint here(node);
    Value* const no = graph->insertConstant(false);
    Value* const yes = graph->insertConstant(true);
    Value* const none = graph->insertConstant(std::vector<int64_t>{0, 0});
    std::vector<Value*> inputs;
    for (size_t i = 0; i < 6; ++i) inputs.push_back(node->input(i));  // up to the dilation
    inputs.insert(inputs.end(), {no, none, node->input(6)});  // transposed, its padding, groups
    inputs.insert(inputs.end(), {no, yes, yes, no});  // benchmark, deterministic, cuDNN, TF32
    Node* const exact = graph->insertNode(graph->create(c10::aten::_convolution, inputs));
    exact->output()->setType(node->output()->type());
    node->output()->replaceAllUsesWith(exact->output());
    node->destroy();
  }
}

bool multiplies(const torch::jit::Module& module) {
  const auto& name = module.type()->name();
  if (!name) return false;
  const std::string path = name->qualifiedName();
  return path.find("torch.nn.modules.conv.") != std::string::npos ||
         path.find("torch.nn.modules.linear.") != std::string::npos;
}

void narrow_weights(torch::jit::Module& module) {
  for (torch::jit::Module part : module.modules()) {
    if (!multiplies(part)) continue;
    for (const char* name : {"weight", "bias"}) {
      if (!part.hasattr(name) || !part.attr(name).isTensor()) continue;
      part.setattr(name, part.attr(name).toTensor().to(at::kBFloat16));
    }
  }
}

}  // namespace

void prepare_module(torch::jit::Module& module, Precision precision) {
  module.eval();
  if (!module.hasattr(kWidensItself)) {
    module.to(at::kFloat);
    if (precision == Precision::kBFloat16) narrow_weights(module);
  }
  // Autocast, for its part, knows aten::conv2d on every device.
  if (precision == Precision::kFloat32) {
    for (const torch::jit::Module& part : module.modules()) {
      for (const torch::jit::Method& method : part.get_methods()) {
        exact_convolutions(method.graph()->block());
      }
    }
  }
}

}  // namespace dlf
