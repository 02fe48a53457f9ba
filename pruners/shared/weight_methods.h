#pragma once
#include <string>
#include <vector>

#include "pruners/shared/weight_masks.h"

namespace winnow {

// How a weight method masks the linear maps of one layer; OWL runs under any of them with its own amount for each layer.

// |W| per row, or per matrix as the reference cuts: everything up to sorted(|W|)[int(n · sparsity)], which is one entry more than asked.
enum class MagnitudeCut { kMatrix, kRow };
void mask_by_magnitude(const PruneInputs& inputs, int layer, const Amount& amount, MagnitudeCut cut, PrunePlan& plan);

// Wanda: the lowest int(columns · sparsity) scores |W| · √s of every row, or N of M.
void mask_by_wanda(const PruneInputs& inputs, int layer, const Amount& amount, const std::map<std::string, InputNorm>& norms, std::int64_t sequences,
                   bool counts_empty_calls, PrunePlan& plan);

// Wanda over a whole model, as it and its kin with other input norms decide. Settings: AmountSetting's, `statistics` and `count_empty_calls`.
class WandaRule {
 public:
  enum class Norms { kInputs, kGatedInputs };
  static std::vector<Setting> settings();
  WandaRule(const std::string& pruner, const Params& params, Norms norms);
  PrunePlan plan(const PruneInputs& inputs) const;

 private:
  AmountSetting amount_;
  bool is_sequential_;
  std::optional<bool> counts_empty_calls_;
  Norms norms_;
};

// SparseGPT (2301.00774): masks and updates weights block of columns by block, against the inverse of H = 2/calls · Σ x xᵀ of the layer the walk stands in.
struct SparseGptSettings {
  std::int64_t block = 128;
  double damping = 0.01;
  bool counts_empty_calls = false;
};
void mask_by_sparsegpt(const PruneInputs& inputs, LayerWalk& walk, const Amount& amount, const SparseGptSettings& settings, PrunePlan& plan);

}  // namespace winnow
