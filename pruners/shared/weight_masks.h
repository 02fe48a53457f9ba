#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/api/pruner.h"

namespace winnow {

// How much of a matrix goes: a share, or N of every M consecutive inputs of a row.
struct Amount {
  double sparsity = 0;
  std::int64_t n = 0, m = 0;  // m > 0: N:M
};

// The settings `sparsity` and `pattern` ("2:4") that weight pruners share.
class AmountSetting {
 public:
  static std::vector<Setting> with(std::vector<Setting> own);
  // Throws Error(kInput) where both were given, or a pattern that is not N:M with 0 < N < M.
  static AmountSetting from(const std::string& pruner, const Params& params);
  // The variant's share where it has a total_sparsity, else the setting; one of them must be there.
  Amount of(const PruneInputs& inputs) const;

 private:
  std::string pruner_;
  std::optional<Amount> amount_;
};

// The score at a place among all, from 0 and the lowest; 0-dim. Devices sort: selection in one long row has a single multiprocessor at work.
at::Tensor lowest(const at::Tensor& scores, std::int64_t place);

// Masks are bool, true = kept, of the scores' shape; ties go from the left, as a stable sort has it.
at::Tensor keep_all_but_lowest_of_rows(const at::Tensor& scores, std::int64_t count);
at::Tensor keep_all_but_lowest_of_groups(const at::Tensor& scores, std::int64_t n, std::int64_t m);

// The linear maps of a layer that the variant's scope and patterns leave to be masked, in checkpoint order; what experts merged in place share is there once.
std::vector<const TensorSpec*> maskable(const PruneInputs& inputs, int layer);

// Adds the mask of one tensor to the plan.
void add_mask(PrunePlan& plan, const TensorSpec& tensor, const at::Tensor& kept);

// Layer after layer: `decide` observes the layer through the walk and adds its masks (and weights) to the plan; the layer so pruned feeds the next.
void mask_layer_by_layer(const PruneInputs& inputs, PrunePlan& plan, const std::function<void(LayerWalk& walk, PrunePlan& of_layer)>& decide);

// Wanda's s_j (2306.11695): squared column norms summed over the tokens, over the number of calls; f32 [in]. `counts_empty_calls`: sequences that bring a
// linear map no token count as calls too.
at::Tensor wanda_norms(const InputNorm& norm, std::int64_t sequences, bool counts_empty_calls);

// The setting `count_empty_calls`.
Setting empty_calls_setting();
// Whether calls without tokens count: as set, else as the reference that this variant follows had it (STUN's modelling code calls every expert).
bool counts_empty_calls(const std::optional<bool>& setting, const PruneInputs& inputs);

// |W| · √s, f32.
at::Tensor wanda_scores(const at::Tensor& weight, const at::Tensor& norms);

}  // namespace winnow
