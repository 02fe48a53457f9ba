#pragma once
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace winnow {

// A model under one way of pruning; of a variant that ran with several calibration draws, all of them.
struct Side {
  std::string model, label;
  std::vector<std::string> variants;
  bool operator==(const Side&) const = default;
};

using ModelVariant = std::pair<std::string, std::string>;

// "frequency" of "frequency seed=3", as a sweep's "seeds" name replicates; empty where the label is none.
std::string replicated_label(const std::string& variant);

// The pairs that two names mean: a variant's label, the label its replicates share, a model, or MODEL/VARIANT; as second also "all", every
// other variant. Two variants are compared on each model that has both, two models under each variant. Throws Error(kUsage) for a name that
// is nobody's (with the nearest one) or that could mean several.
std::vector<std::pair<Side, Side>> choose_sides(const std::set<ModelVariant>& known, const std::string& first, const std::string& second);

// The sides a name means, one per model; for rules that judge variants. Same errors.
std::vector<Side> sides_named(const std::set<ModelVariant>& known, const std::string& name);

// Every side there is, replicates together.
std::vector<Side> all_sides(const std::set<ModelVariant>& known);

}  // namespace winnow
