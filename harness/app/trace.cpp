#include "harness/app/trace.h"

#include <ATen/ATen.h>

#include <numeric>

#include "harness/core/error.h"
#include "harness/engine/forward.h"

namespace winnow {
namespace {

at::Tensor stored(const at::Tensor& tensor, at::ScalarType dtype) {
  return tensor.detach().to(at::TensorOptions(at::kCPU).dtype(dtype), false, true).contiguous();
}

class PromptTrace {
 public:
  PromptTrace(const Model& model, const std::string& prefix, std::map<std::string, at::Tensor>& out) : model_(model), prefix_(prefix), out_(out) {}

  void run(const std::vector<std::int32_t>& prompt, int tokens_to_generate) {
    put("input_ids", at::tensor(prompt, at::kLong), at::kLong);
    Observer observer;
    observer.layer_output = [&](int layer, const at::Tensor& hidden) { put(fmt::format("hidden.{}", layer), hidden, at::kFloat); };
    observer.routing = [&](int layer, const Routing& routing) { put_routing(layer, routing); };
    std::vector<std::int64_t> rows(prompt.size());
    std::iota(rows.begin(), rows.end(), 0);
    KvBlock block;
    const PackedBatch batch{prompt, {{.first_row = 0, .rows = static_cast<std::int64_t>(prompt.size()), .kept = &block}}};
    const at::Tensor normed = forward(model_, batch, rows, observer);
    const at::Tensor scores = logits(model_, normed);
    put("final_norm", normed, at::kFloat);
    put("logits", scores, at::kFloat);
    if (model_.dtype == at::kBFloat16) put("logits_bf16", scores, at::kBFloat16);
    if (tokens_to_generate > 0) generate(block, scores[-1], tokens_to_generate);
  }

 private:
  void put(const std::string& name, const at::Tensor& tensor, at::ScalarType dtype) { out_[prefix_ + name] = stored(tensor, dtype); }

  void put_routing(int layer, const Routing& routing) {
    const std::string name = fmt::format("router.{}.", layer);
    put(name + "logits", routing.logits, at::kFloat);
    put(name + "experts", routing.experts, at::kLong);
    put(name + "weights", routing.weights, at::kFloat);
    if (model_.dtype == at::kBFloat16) put(name + "experts_bf16", routing.experts, at::kLong);
  }

  void generate(KvBlock& block, at::Tensor last_logits, int count) {
    std::vector<std::int64_t> tokens;
    std::vector<float> top_logits, margins;
    while (true) {
      const at::Tensor scores = last_logits.to(at::kFloat).cpu();
      const at::Tensor best = std::get<0>(at::topk(scores, 2));
      tokens.push_back(scores.argmax().item<std::int64_t>());
      top_logits.push_back(best[0].item<float>());
      margins.push_back((best[0] - best[1]).item<float>());
      if (static_cast<int>(tokens.size()) == count) break;
      const PackedBatch step{{static_cast<std::int32_t>(tokens.back())}, {{.first_row = 0, .rows = 1, .context = {{&block, block.length}}, .kept = &block}}};
      last_logits = logits(model_, forward(model_, step, {0}))[0];
    }
    put("generated", at::tensor(tokens, at::kLong), at::kLong);
    put("generated_top_logit", at::tensor(top_logits), at::kFloat);
    put("generated_margin", at::tensor(margins), at::kFloat);
  }

  const Model& model_;
  const std::string prefix_;
  std::map<std::string, at::Tensor>& out_;
};

}  // namespace

std::vector<std::vector<std::int32_t>> parse_token_lists(const Json& json, const std::string& source, const ModelConfig& config) {
  if (!json.is_array() || json.empty()) throw input_error("{}: expected a list of lists of token ids, such as [[1, 2, 3], [4]]", source);
  std::vector<std::vector<std::int32_t>> prompts;
  for (const Json& list : json) {
    if (!list.is_array() || list.empty()) throw input_error("{}: prompt {} is not a list of at least one token id", source, prompts.size());
    std::vector<std::int32_t>& prompt = prompts.emplace_back();
    for (const Json& id : list) {
      if (!id.is_number_integer() || id < 0 || id >= config.vocabulary) {
        throw input_error("{}: prompt {} holds {} where a token id from 0 to {} was expected", source, prompts.size() - 1, id.dump(), config.vocabulary - 1);
      }
      prompt.push_back(id.get<std::int32_t>());
    }
  }
  return prompts;
}

std::map<std::string, at::Tensor> trace_model(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts, int tokens_to_generate) {
  const c10::InferenceMode no_gradients;
  std::map<std::string, at::Tensor> tensors;
  for (std::size_t index = 0; index < prompts.size(); ++index) {
    PromptTrace(model, fmt::format("prompt.{}.", index), tensors).run(prompts[index], tokens_to_generate);
  }
  return tensors;
}

}  // namespace winnow
