#include "pruners/shared/expert_count.h"

namespace winnow {

ExpertCount ExpertCount::from(const Params& params) {
  ExpertCount count;
  count.kept_ = params.find<std::int64_t>("experts_kept");
  count.ratio_ = params.find<double>("ratio");
  if (count.kept_.has_value() == count.ratio_.has_value()) {
    throw input_error("pruner: found {} of experts_kept and ratio, expected exactly one; give experts_kept (a number) or ratio (the share to drop)",
                      count.kept_ ? "both" : "neither");
  }
  return count;
}

std::int64_t ExpertCount::kept_of(std::int64_t experts) const {
  return kept_ ? *kept_ : experts - static_cast<std::int64_t>(static_cast<double>(experts) * *ratio_);
}

void ExpertCount::check(std::string_view pruner, const ModelConfig& config) const {
  bool has_experts = false;
  for (std::size_t layer = 0; layer < config.layers.size(); ++layer) {
    const LayerConfig& of_model = config.layers[layer];
    if (of_model.mlp != LayerConfig::Mlp::kMoe) continue;
    has_experts = true;
    const std::int64_t kept = kept_of(of_model.experts);
    if (kept > of_model.experts) {
      throw input_error("{}: experts_kept is {}, but layer {} has {} experts; keep at most that many", pruner, kept, layer, of_model.experts);
    }
    if (kept < config.router.experts_per_token) {
      throw input_error("{}: layer {} would keep {} of {} experts, but the router picks {} per token; {}", pruner, layer, kept, of_model.experts,
                        config.router.experts_per_token, kept_ ? "raise experts_kept" : "lower ratio");
    }
  }
  if (!has_experts) throw input_error("{}: the model ({}) has no experts to drop; choose a Mixture-of-Experts model", pruner, config.model_type);
}

std::vector<Setting> with_expert_count(std::vector<Setting> own) {
  own.push_back({.name = "experts_kept", .types = {SettingType::kInteger}, .summary = "experts that stay in every layer", .minimum = 1});
  own.push_back({.name = "ratio",
                 .types = {SettingType::kNumber},
                 .summary = "share of the experts to drop: int(experts · ratio) of every layer",
                 .minimum = 0,
                 .maximum = 1});
  return own;
}

}  // namespace winnow
