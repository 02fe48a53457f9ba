#include "pruners/shared/weight_methods.h"

#include <ATen/ATen.h>

namespace winnow {
namespace {

std::int64_t columns_to_go(const Amount& amount, std::int64_t columns) { return static_cast<std::int64_t>(static_cast<double>(columns) * amount.sparsity); }

at::Tensor read_checked(const PruneInputs& inputs, const TensorSpec& tensor) { return inputs.weights.read(tensor).to(inputs.walk.device).to(at::kFloat); }

}  // namespace

void mask_by_magnitude(const PruneInputs& inputs, int layer, const Amount& amount, MagnitudeCut cut, PrunePlan& plan) {
  for (const TensorSpec* tensor : maskable(inputs, layer)) {
    const at::Tensor size = read_checked(inputs, *tensor).abs();
    inputs.weights.release(*tensor);
    if (amount.m > 0) {
      add_mask(plan, *tensor, keep_all_but_lowest_of_groups(size, amount.n, amount.m));
    } else if (cut == MagnitudeCut::kRow) {
      add_mask(plan, *tensor, keep_all_but_lowest_of_rows(size, columns_to_go(amount, size.size(1))));
    } else {
      const std::int64_t place = std::min(static_cast<std::int64_t>(static_cast<double>(size.numel()) * amount.sparsity), size.numel() - 1);
      add_mask(plan, *tensor, size > lowest(size, place));
    }
  }
}

void mask_by_wanda(const PruneInputs& inputs, int layer, const Amount& amount, const std::map<std::string, InputNorm>& norms, std::int64_t sequences,
                   bool counts_empty_calls, PrunePlan& plan) {
  for (const TensorSpec* tensor : maskable(inputs, layer)) {
    const at::Tensor weight = read_checked(inputs, *tensor);
    const auto seen = norms.find(tensor->name);
    // An expert that no token reached has only zero scores, and loses its first columns, as in the reference.
    const at::Tensor norm = seen == norms.end() ? at::zeros({weight.size(1)}) : wanda_norms(seen->second, sequences, counts_empty_calls);
    const at::Tensor scores = wanda_scores(weight, norm.to(weight.device()));
    inputs.weights.release(*tensor);
    add_mask(
        plan, *tensor,
        amount.m > 0 ? keep_all_but_lowest_of_groups(scores, amount.n, amount.m) : keep_all_but_lowest_of_rows(scores, columns_to_go(amount, scores.size(1))));
  }
}

std::vector<Setting> WandaRule::settings() {
  return AmountSetting::with({
      {.name = "statistics",
       .types = {SettingType::kString},
       .default_value = "sequential",
       .summary = "input norms of each layer after the layers before it were pruned (exact), or of the dense model (one pass for all ratios)",
       .choices = {"sequential", "dense"}},
      empty_calls_setting(),
  });
}

WandaRule::WandaRule(const std::string& pruner, const Params& params, Norms norms)
    : amount_(AmountSetting::from(pruner, params)),
      is_sequential_(params.get<std::string>("statistics") == "sequential"),
      counts_empty_calls_(params.find<bool>("count_empty_calls")),
      norms_(norms) {}

PrunePlan WandaRule::plan(const PruneInputs& inputs) const {
  const std::set<Observed> observed = {norms_ == Norms::kInputs ? Observed::kInputNorms : Observed::kGateInputNorms};
  const Amount amount = amount_.of(inputs);
  const bool counts_empty = counts_empty_calls(counts_empty_calls_, inputs);
  const auto mask = [&](int layer, const LayerStats& stats, std::int64_t sequences, PrunePlan& of_layer) {
    mask_by_wanda(inputs, layer, amount, norms_ == Norms::kInputs ? stats.inputs : stats.gated_inputs, sequences, counts_empty, of_layer);
  };
  PrunePlan plan{.scope = inputs.scope};
  if (is_sequential_) {
    mask_layer_by_layer(inputs, plan, [&](LayerWalk& walk, PrunePlan& of_layer) {
      mask(walk.layer(), collect_layer_stats(walk, inputs.config, inputs.tensors, observed), walk.sequences(), of_layer);
    });
    return plan;
  }
  const CalibrationStats stats = inputs.observe(observed);
  for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) mask(layer, stats.layers[layer], stats.sequences, plan);
  return plan;
}

}  // namespace winnow
