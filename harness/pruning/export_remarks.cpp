#include "harness/pruning/export_remarks.h"

#include <fmt/format.h>

#include <algorithm>

namespace winnow {
namespace {

std::string loading_remark(const ModelConfig& pruned) {
  std::int64_t fewest = 0, most = 0;
  for (const LayerConfig& layer : pruned.layers) {
    if (layer.mlp != LayerConfig::Mlp::kMoe) continue;
    fewest = fewest == 0 ? layer.experts : std::min(fewest, layer.experts);
    most = std::max(most, layer.experts);
  }
  if (most == 0) return "Winnow, transformers and engines that read its layout load the folder";
  if (fewest == most)
    return fmt::format("every MoE layer has {} expert{}: Winnow, transformers and engines that read its layout load the folder", most, most == 1 ? "" : "s");
  return fmt::format(
      "MoE layers have {} to {} experts, which config.json says in 'per_layer_config': Winnow loads the folder; transformers does not build layers of "
      "different sizes, and engines that follow it cannot load it",
      fewest, most);
}

bool has_shared_experts(const ModelConfig& config) {
  return std::ranges::any_of(config.layers, [](const LayerConfig& layer) { return !layer.expert_storage.empty(); });
}

}  // namespace

std::vector<std::string> export_remarks(const PrunePlan& plan, const ModelConfig& before, const ModelConfig& pruned) {
  std::vector<std::string> remarks = {loading_remark(pruned)};
  const auto skipping = std::ranges::count_if(pruned.layers, [](const LayerConfig& layer) { return layer.skip_beta.has_value(); });
  if (skipping > 0) {
    remarks.push_back(fmt::format(
        "{} layers skip experts by thresholds, which stand in winnow_plan.json: Winnow skips; transformers does not and computes every chosen expert",
        skipping));
  }
  if (has_shared_experts(pruned))
    remarks.emplace_back("merged experts that share storage in Winnow are written out at each of their places: the folder is as large as before");
  if (!plan.mask_bits.empty()) remarks.emplace_back("masked weights are zeros in dense tensors: neither smaller nor faster");
  const bool has_new_values = !plan.weights.empty() || std::ranges::any_of(plan.layers, [](const LayerPlan& layer) { return !layer.merges.empty(); });
  if (has_new_values && before.dtype != "f32")
    remarks.push_back(fmt::format("merged and updated weights are rounded to {}, the dtype of the model", before.dtype));
  return remarks;
}

std::string pruned_card(std::string_view card, const PrunePlan& plan) {
  std::vector<std::string> names;
  for (const Json& step : plan.steps) names.push_back(step.value("pruner", std::string("?")));
  const std::string notice =
      fmt::format("> Pruned by Winnow ({}); `winnow_plan.json` says what is gone. The card below is the whole model's, and so is every score in it.\n\n",
                  fmt::join(names, ", then "));
  constexpr std::string_view kFence = "---\n";
  const std::size_t end = card.starts_with(kFence) ? card.find("\n---\n", kFence.size() - 1) : std::string_view::npos;
  const std::size_t body = end == std::string_view::npos ? 0 : end + 1 + kFence.size();
  return std::string(card.substr(0, body)) + (body > 0 ? "\n" : "") + notice + std::string(card.substr(body));
}

}  // namespace winnow
