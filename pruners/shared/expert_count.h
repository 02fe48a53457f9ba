#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "harness/core/settings.h"
#include "harness/model/config.h"

namespace winnow {

// How many experts of a layer a pruner keeps: `experts_kept`, or all but int(experts · ratio).
class ExpertCount {
 public:
  // Throws Error(kInput) unless exactly one of experts_kept and ratio was given.
  static ExpertCount from(const Params& params);

  std::int64_t kept_of(std::int64_t experts) const;

  // Throws Error(kInput) naming the first layer that would keep more experts than it has or fewer than the router picks per token.
  void check(std::string_view pruner, const ModelConfig& config) const;

 private:
  std::optional<std::int64_t> kept_;
  std::optional<double> ratio_;
};

// `own` settings and the two that ExpertCount reads.
std::vector<Setting> with_expert_count(std::vector<Setting> own);

}  // namespace winnow
