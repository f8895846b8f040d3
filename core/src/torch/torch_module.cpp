#include "torch/torch_module.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/ir/subgraph_matcher.h>
#include <torch/csrc/jit/passes/subgraph_rewrite.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace dlf {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// aten::conv2d leaves it to the process's settings whether cuDNN may compute float32 in TF32, which
// it may by default. The same holds for trying out algorithms for every new shape, and for taking
// one that sums in no fixed order. aten::_convolution is the same with all that as arguments, so
// the host's settings stay as they are.
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

// Numbers that become a tensor, and what stands for it. Even where it is told a type, aten::tensor
// makes one of the host's default type first, in which bfloat16 leaves two digits of them.
constexpr char kWrittenTensor[] = R"IR(
graph(%values, %type, %device, %gradient):
  %result = aten::tensor(%values, %type, %device, %gradient)
  return (%result))IR";
constexpr char kExactTensor[] = R"IR(
graph(%values, %type, %device, %gradient):
  %none : NoneType = prim::Constant()
  %yes : bool = prim::Constant[value=1]()
  %first : int = prim::Constant[value=0]()
  %shape : int[] = prim::ListConstruct()
  %scalars : Tensor[] = prim::ListConstruct()
  %count : int = aten::len(%values)
  prim::Loop(%count, %yes)
    block0(%i : int):
      %value : float = aten::__getitem__(%values, %i)
      %scalar : Tensor = aten::full(%shape, %value, %type, %none, %device, %none)
      %all : Tensor[] = aten::append(%scalars, %scalar)
      -> (%yes)
  %result : Tensor = aten::stack(%scalars, %first)
  return (%result))IR";

void exact_tensors(std::shared_ptr<Graph> graph) {
  torch::jit::SubgraphRewriter rewriter;
  rewriter.RegisterRewritePattern(kWrittenTensor, kExactTensor);
  rewriter.runOnGraph(graph, [](const torch::jit::Match& match,
                                const std::unordered_map<std::string, Value*>& names) {
    const auto of = [&](const char* name) { return match.values_map.at(names.at(name)); };
    return of("values")->type()->isSubtypeOf(*c10::ListType::ofFloats()) &&
           !of("type")->mustBeNone();
  });
}

// Attention as packages write it, and the fused kernel that stands for it. On a CPU it takes a
// sixth off analysis and synthesis of a small network. Its windows are short, so much of the time
// of its three calls goes into passing their results on. The kernel is named, because
// aten::scaled_dot_product_attention would choose one by the process's settings.
constexpr char kWrittenAttention[] = R"IR(
graph(%query, %key, %value, %scale, %last, %before, %dimension, %type):
  %scaled = aten::mul(%query, %scale)
  %turned = aten::transpose(%key, %last, %before)
  %scores = aten::matmul(%scaled, %turned)
  %weights = aten::softmax(%scores, %dimension, %type)
  %result = aten::matmul(%weights, %value)
  return (%result))IR";
constexpr char kFusedAttention[] = R"IR(
graph(%query, %key, %value, %scale, %last, %before, %dimension, %type):
  %mask : NoneType = prim::Constant()
  %dropout : float = prim::Constant[value=0.]()
  %no : bool = prim::Constant[value=0]()
  %result : Tensor, %sums : Tensor = aten::_scaled_dot_product_flash_attention_for_cpu(%query, %key, %value, %dropout, %no, %mask, %scale)
  return (%result))IR";

bool is_constant(const Value* value, int64_t wanted) {
  const auto found = torch::jit::toIValue(value);
  return found && found->isInt() && found->toInt() == wanted;
}

void fuse_attention(std::shared_ptr<Graph> graph) {
  torch::jit::SubgraphRewriter rewriter;
  rewriter.RegisterRewritePattern(kWrittenAttention, kFusedAttention);
  rewriter.runOnGraph(graph, [](const torch::jit::Match& match,
                                const std::unordered_map<std::string, Value*>& names) {
    const auto of = [&](const char* name) { return match.values_map.at(names.at(name)); };
    return is_constant(of("last"), -1) && is_constant(of("before"), -2) &&
           is_constant(of("dimension"), -1) &&
           of("scale")->type()->kind() == c10::TypeKind::FloatType && of("type")->mustBeNone();
  });
}

bool multiplies(const torch::jit::Module& module) {
  const auto& name = module.type()->name();
  if (!name) return false;
  const std::string path = name->qualifiedName();
  return path.find("torch.nn.modules.conv.") != std::string::npos ||
         path.find("torch.nn.modules.linear.") != std::string::npos;
}

template <typename Change>
void change_weights(torch::jit::Module& module, Change change) {
  for (torch::jit::Module part : module.modules()) {
    if (!multiplies(part)) continue;
    for (const char* name : {"weight", "bias"}) {
      if (!part.hasattr(name) || !part.attr(name).isTensor()) continue;
      part.setattr(name, change(part.attr(name).toTensor()));
    }
  }
}

at::Tensor narrow(const at::Tensor& weight) { return weight.to(at::kBFloat16); }

at::Tensor channels_last(const at::Tensor& weight) {
  return weight.dim() == 4 ? weight.contiguous(at::MemoryFormat::ChannelsLast) : weight;
}

}  // namespace

void prepare_module(torch::jit::Module& module, Precision precision, c10::Device device) {
  module.eval();
  if (!module.hasattr(kWidensItself)) {
    module.to(at::kFloat);
    if (precision == Precision::kBFloat16) change_weights(module, narrow);
    // Convolutions then need not turn every input and output around: 5 to 8 % of the time.
    change_weights(module, channels_last);
  }
  for (const torch::jit::Module& part : module.modules()) {
    for (const torch::jit::Method& method : part.get_methods()) {
      exact_tensors(method.graph());
    }
  }
  // Autocast, for its part, knows aten::conv2d on every device.
  if (precision == Precision::kFloat32) {
    for (const torch::jit::Module& part : module.modules()) {
      for (const torch::jit::Method& method : part.get_methods()) {
        exact_convolutions(method.graph()->block());
        if (device.is_cpu()) fuse_attention(method.graph());
      }
    }
  }
}

}  // namespace dlf
