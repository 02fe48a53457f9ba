#include "pruners/shared/weight_masks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>

#include "harness/engine/device_path.h"
#include "harness/pruning/apply.h"
#include "harness/pruning/mask.h"
#include "harness/pruning/plan_files.h"

namespace winnow {
namespace {

constexpr std::size_t kUpdatedBytesHeld = std::size_t{64} << 20;  // updated weights may be twice as large as the model: what is beyond becomes pages of a file

std::optional<Amount> parse_pattern(const std::string& text) {
  Amount amount;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, amount.n);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ':') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, amount.m);
  if (second.ec != std::errc{} || second.ptr != end || amount.n <= 0 || amount.n >= amount.m) return std::nullopt;
  amount.sparsity = static_cast<double>(amount.n) / static_cast<double>(amount.m);
  return amount;
}

}  // namespace

std::vector<Setting> AmountSetting::with(std::vector<Setting> own) {
  own.push_back({.name = "sparsity",
                 .types = {SettingType::kNumber},
                 .summary = "share of the weights to remove; left out under the variant's total_sparsity",
                 .minimum = 0,
                 .maximum = 1});
  own.push_back({.name = "pattern", .types = {SettingType::kString}, .summary = "N:M, as \"2:4\": N of every M consecutive inputs go"});
  return own;
}

AmountSetting AmountSetting::from(const std::string& pruner, const Params& params) {
  AmountSetting setting;
  setting.pruner_ = pruner;
  const auto sparsity = params.find<double>("sparsity");
  const auto pattern = params.find<std::string>("pattern");
  if (sparsity && pattern) throw input_error("{}: found both sparsity and pattern; give one", pruner);
  if (sparsity) setting.amount_ = Amount{.sparsity = *sparsity};
  if (!pattern) return setting;
  setting.amount_ = parse_pattern(*pattern);
  if (!setting.amount_) throw input_error("{}: found pattern \"{}\", expected N:M with 0 < N < M, as \"2:4\"", pruner, *pattern);
  return setting;
}

Amount AmountSetting::of(const PruneInputs& inputs) const {
  if (inputs.sparsity && amount_)
    throw input_error("{}: it has an amount of its own under total_sparsity, which decides it; leave out sparsity and pattern", pruner_);
  if (inputs.sparsity) return {.sparsity = *inputs.sparsity};
  if (!amount_) throw input_error("{}: found neither sparsity nor pattern; give one, or total_sparsity on the variant", pruner_);
  return *amount_;
}

at::Tensor lowest(const at::Tensor& scores, std::int64_t place) {
  const at::Tensor flat = scores.flatten();
  return takes_device_path(flat) ? std::get<0>(flat.sort())[place] : std::get<0>(flat.kthvalue(place + 1));
}

at::Tensor keep_all_but_lowest_of_rows(const at::Tensor& scores, std::int64_t count) {
  if (count <= 0) return at::ones(scores.sizes(), scores.options().dtype(at::kBool));
  if (count >= scores.size(1)) return at::zeros(scores.sizes(), scores.options().dtype(at::kBool));
  // The count-th lowest score of each row by selection; of those equal to it the leftmost go until the count is full.
  const at::Tensor cut = std::get<0>(at::kthvalue(scores, count, 1, /*keepdim=*/true));
  const at::Tensor below = scores < cut, equal = scores == cut;
  const at::Tensor still_to_go = count - below.sum(1, /*keepdim=*/true);
  return (below | (equal & (equal.cumsum(1) <= still_to_go))).logical_not();
}

at::Tensor keep_all_but_lowest_of_groups(const at::Tensor& scores, std::int64_t n, std::int64_t m) {
  const std::int64_t rows = scores.size(0), whole = scores.size(1) / m * m;
  at::Tensor kept = at::empty(scores.sizes(), scores.options().dtype(at::kBool));
  kept.narrow(1, 0, whole).copy_(keep_all_but_lowest_of_rows(scores.narrow(1, 0, whole).reshape({-1, m}), n).view({rows, whole}));
  const std::int64_t left = scores.size(1) - whole;
  if (left > 0) kept.narrow(1, whole, left).copy_(keep_all_but_lowest_of_rows(scores.narrow(1, whole, left).contiguous(), std::min(n, left)));
  return kept;
}

std::vector<const TensorSpec*> maskable(const PruneInputs& inputs, int layer) {
  std::vector<const TensorSpec*> linears;
  for (const TensorSpec& tensor : inputs.tensors) {
    if (tensor.layer != layer || tensor.shape.size() != 2) continue;
    if (inputs.scope == "experts" && tensor.expert < 0) continue;
    if (shares_storage(inputs.config, tensor)) continue;
    if (inputs.is_left_out && inputs.is_left_out(tensor)) continue;
    linears.push_back(&tensor);
  }
  return linears;
}

void add_mask(PrunePlan& plan, const TensorSpec& tensor, const at::Tensor& kept) {
  const at::Tensor bits = pack_mask(kept);
  plan.masks.push_back(describe_mask(tensor.name, kept.sizes(), bits));
  plan.mask_bits[tensor.name] = bits;
}

void mask_layer_by_layer(const PruneInputs& inputs, PrunePlan& plan, const std::function<void(LayerWalk& walk, PrunePlan& of_layer)>& decide) {
  LayerWalk walk(inputs.config, inputs.tensors, inputs.weights, *inputs.calibration, inputs.walk);
  std::size_t updated_bytes = 0;
  while (walk.enter_next_layer()) {
    if (inputs.on_progress) inputs.on_progress("pruning weights", static_cast<double>(walk.layer()) / static_cast<double>(inputs.config.layers.size()));
    PrunePlan of_layer;
    decide(walk, of_layer);
    const PrunedCheckpoint view = apply_plan(of_layer, inputs.config, inputs.tensors, inputs.weights);
    walk.reload(view.config, view.tensors, *view.weights);
    walk.run();
    std::ranges::move(of_layer.layers, std::back_inserter(plan.layers));
    std::ranges::move(of_layer.masks, std::back_inserter(plan.masks));
    plan.mask_bits.merge(of_layer.mask_bits);
    for (const auto& [name, weight] : of_layer.weights) updated_bytes += weight.nbytes();
    if (updated_bytes > kUpdatedBytesHeld) of_layer.weights = as_pages(of_layer.weights);
    plan.weights.merge(of_layer.weights);
  }
}

at::Tensor wanda_norms(const InputNorm& norm, std::int64_t sequences, bool counts_empty_calls) {
  const std::int64_t calls = counts_empty_calls ? sequences : norm.calls;
  return (norm.square_sum / static_cast<double>(std::max<std::int64_t>(calls, 1))).to(at::kFloat);
}

Setting empty_calls_setting() {
  return {.name = "count_empty_calls",
          .types = {SettingType::kBoolean},
          .summary = "sequences that bring an expert no token count as calls; default: only after stun"};
}

bool counts_empty_calls(const std::optional<bool>& setting, const PruneInputs& inputs) {
  return setting.value_or(std::ranges::any_of(inputs.steps_before, [](const Json& step) { return step.at("pruner") == "stun"; }));
}

at::Tensor wanda_scores(const at::Tensor& weight, const at::Tensor& norms) { return weight.to(at::kFloat).abs() * norms.sqrt().unsqueeze(0); }

}  // namespace winnow
