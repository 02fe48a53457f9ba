#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/model/config.h"

namespace winnow {

// Several experts made into one.
struct ExpertMerge {
  enum class Router { kMean, kFirst, kKeep };
  int into = 0;              // new index
  std::vector<int> members;  // indices before this plan
  std::vector<double> weights;
  Router router = Router::kMean;
};

struct SubsetLoss {
  std::vector<int> dropped;
  double loss = 0;
};

// What happens to one MoE layer. What a method does not have stays empty.
struct LayerPlan {
  int layer = 0;
  std::vector<int> kept;  // ascending; indices before this plan
  std::vector<std::vector<int>> clusters;
  std::vector<int> representatives;
  bool merged = false;
  std::vector<ExpertMerge> merges;
  std::vector<double> scores;
  std::vector<SubsetLoss> losses;
  std::optional<double> beta;      // skip threshold
  std::optional<double> sparsity;  // of this layer's linears
};

struct MaskRecord {
  std::string name;  // tensor of the pruned model
  std::vector<std::int64_t> shape;
  std::int64_t kept = 0;
  std::string sha256;  // of the packed bits
};

struct RealisedSparsity {
  double experts = 0;  // share of expert weights removed or zero
  double linears = 0;  // share of all decoder linears
  std::int64_t bytes = 0;  // stored in the format executed
};

// What to remove: data that can be printed, stored, compared, replayed, applied, exported.
struct PrunePlan {
  std::string model;         // header_sha256 of the checkpoint it was made for
  std::vector<Json> steps;   // {"pruner", "version", settings…} in order
  std::optional<double> total_sparsity;
  std::string scope;         // "linears" or "experts"; empty where no weight is masked
  std::vector<LayerPlan> layers;
  std::vector<MaskRecord> masks;
  std::vector<std::pair<double, std::int64_t>> search;  // [threshold, total]
  RealisedSparsity realised;

  // Beside PLAN.json, in PLAN.safetensors; names and shapes are those of the pruned model.
  std::map<std::string, at::Tensor> mask_bits;  // U8, row-major, most significant bit first, 1 = kept
  std::map<std::string, at::Tensor> weights;    // updated or merged
};

Json plan_to_json(const PrunePlan& plan);
// Throws Error(kInput) naming `source` and what is wrong.
PrunePlan plan_from_json(const Json& json, const std::string& source);

// Throws Error(kInput) unless the plan fits the model: layers and experts exist, top-k experts stay in every layer, shapes match.
void check_plan(const PrunePlan& plan, const ModelConfig& config);

}  // namespace winnow
