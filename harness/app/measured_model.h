#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/measure.h"
#include "harness/engine/model.h"
#include "harness/pruning/plan.h"
#include "harness/text/tokenizer.h"

namespace winnow {

// What a measured model is made of. The references must outlive it.
struct MeasuredParts {
  const ModelConfig& config;
  const std::vector<TensorSpec>& tensors;
  WeightSource& weights;
  std::int64_t file_bytes = 0;           // 0: no files
  std::unique_ptr<Tokenizer> tokenizer;  // null where there is none
  LoadOptions load;
  std::int64_t token_budget = 8192;
  std::size_t variants = 0;
  std::function<PrunePlan(VariantNumber variant)> make_plan;
};

// A model and its variants over engine and plans. One variant is in memory at a time but for what open() returned and the layers that walk together.
class EngineMeasuredModel : public MeasuredModel {
 public:
  // Makes the variant's plan; its JSON, empty where it has no step. Before any other use of the variant.
  virtual std::string plan(VariantNumber variant) = 0;
};
std::unique_ptr<EngineMeasuredModel> make_measured_model(MeasuredParts parts);

}  // namespace winnow
