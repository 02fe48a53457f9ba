#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/json.h"
#include "harness/model/config.h"

namespace winnow {

// Several experts made into one: Σ weights[i] · W(members[i]) for each of their three matrices.
struct ExpertMerge {
  // kMean, kFirst: one router row is left, at `into`: the mean of the members' rows, or the first member's.
  // kKeep: all members keep their rows and places and share the merged expert; `into` is the first member.
  enum class Router { kMean, kFirst, kKeep };
  int into = 0;              // index after this plan
  std::vector<int> members;  // indices before this plan
  std::vector<double> weights;
  Router router = Router::kMean;
  bool operator==(const ExpertMerge&) const = default;
};

struct SubsetLoss {
  std::vector<int> dropped;
  double loss = 0;
  bool operator==(const SubsetLoss&) const = default;
};

// What happens to one MoE layer; what a method does not have stays empty. Indices are those before the plan.
struct LayerPlan {
  int layer = 0;
  std::vector<int> kept;                   // ascending; with no representatives also the new order. Empty: experts stay or are merged
  std::vector<std::vector<int>> clusters;  // in the order of their first members, each ascending
  std::vector<int> representatives;        // of each cluster: the new order
  bool merged = false;                     // clusters became means instead of representatives
  std::vector<ExpertMerge> merges;
  std::vector<double> scores;  // by expert
  std::vector<SubsetLoss> losses;
  std::optional<double> beta;      // skip threshold
  std::optional<double> sparsity;  // asked of this layer's linears
  bool operator==(const LayerPlan&) const = default;
};

struct MaskRecord {
  std::string name;                 // tensor of the pruned model
  std::vector<std::int64_t> shape;  // of the tensor
  std::int64_t kept = 0;            // ones
  std::string sha256;               // of the packed bits
  bool operator==(const MaskRecord&) const = default;
};

struct RealisedSparsity {
  double experts = 0;      // share of the original model's expert weights that is gone or zero
  double linears = 0;      // share of the original decoder's linear weights that is gone or zero
  std::int64_t bytes = 0;  // of the weights as stored and executed (zeros in a dense tensor save none)
  bool operator==(const RealisedSparsity&) const = default;
};

// What to remove: data that can be printed, stored, compared, replayed, applied, exported.
struct PrunePlan {
  std::string model;        // header_sha256 of the checkpoint it was made for
  std::vector<Json> steps;  // {"pruner", "version", settings…} in order
  std::optional<double> total_sparsity;
  std::string scope;  // "linears" or "experts"; empty where no weight is masked
  std::vector<LayerPlan> layers;
  std::vector<MaskRecord> masks;
  std::vector<std::pair<double, std::int64_t>> search;  // [threshold, experts in total]
  std::optional<RealisedSparsity> realised;

  // In PLAN.safetensors beside PLAN.json, as mask/<tensor> and weight/<tensor>; names and shapes are those of the pruned model.
  std::map<std::string, at::Tensor> mask_bits;  // U8, bits row-major, most significant first, 1 = kept, last byte filled with 0
  std::map<std::string, at::Tensor> weights;    // updated
};

Json plan_to_json(const PrunePlan& plan);
// Everything but the tensors. Throws Error(kInput) naming `source`, the place in it and what was expected.
PrunePlan plan_from_json(const Json& json, const std::string& source);

// Experts of a layer after the plan, when it had `experts` before.
std::int64_t experts_after(const LayerPlan& plan, std::int64_t experts);

// Throws Error(kInput) unless the plan fits the model: MoE layers and experts exist, none twice, at least top-k stay in every layer.
void check_plan(const PrunePlan& plan, const ModelConfig& config);

}  // namespace winnow
