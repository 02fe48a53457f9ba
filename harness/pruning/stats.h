#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/pruning/layer_walk.h"

namespace winnow {

// What a pruner may ask to have observed on the calibration tokens, model unpruned.
enum class Observed {
  kCounts,          // tokens per expert, router probability mass
  kGates,           // gate weights of the chosen experts
  kCoactivation,    // pairs chosen by the same token
  kOutputNorms,     // norms of expert outputs, alone and times the gate weight
  kSkipRatios,      // p(2) / p(1) of every token
  kMeanOutputs,     // mean output of every expert over all tokens, routed to it or not (runs every expert on every token)
  kInputNorms,      // squared column norms of every linear's input
  kGateInputNorms,  // the same for experts with each token's input times its renormalised gate weight
  kGrams,           // Σ x xᵀ of every linear's input, with the input norms (large: [in, in] each)
};

// Sums over the calibration tokens of one linear's input.
struct InputNorm {
  at::Tensor square_sum;    // [in], f64: Σ over tokens of x_j²
  at::Tensor gram;          // [in, in], f64: Σ over tokens of x xᵀ; only where grams were asked for
  std::int64_t tokens = 0;  // rows seen
  std::int64_t calls = 0;   // sequences with at least one row: the reference's hook calls at one sequence a call
};

// Sums of one layer; E experts present, X_e the tokens that have e in their top-k, p the softmax over all E, g the top-k weights renormalised to sum 1,
// f_e(x) the expert's output without gate weight. All f64 [E] unless said otherwise; undefined where it was not asked for.
struct LayerStats {
  std::int64_t tokens = 0;
  at::Tensor count;                               // |X_e|, int64
  at::Tensor router_probability;                  // Σ over all tokens of p_e
  at::Tensor gate_probability;                    // Σ over X_e of p_e
  at::Tensor gate_renormalized;                   // Σ over X_e of g_e
  at::Tensor coactivation;                        // int64 [E, E], diagonal 0
  at::Tensor output_norm;                         // Σ over X_e of ‖f_e(x)‖₂
  at::Tensor output_square_norm;                  // Σ over X_e of ‖f_e(x)‖₂²
  at::Tensor probability_norm;                    // Σ over X_e of p_e · ‖f_e(x)‖₂
  at::Tensor renormalized_norm;                   // Σ over X_e of g_e · ‖f_e(x)‖₂
  at::Tensor max_activation;                      // largest (signed) entry of f_e(x) over X_e, at least 0
  at::Tensor skip_ratios;                         // f32 [tokens]: p(k) / p(1)
  at::Tensor mean_output;                         // f64 [E, hidden], over all tokens
  std::map<std::string, InputNorm> inputs;        // by tensor name of the linear; experts merged in place add to the one that stores their weights
  std::map<std::string, InputNorm> gated_inputs;  // experts' linears
};

struct CalibrationStats {
  std::int64_t sequences = 0;
  std::vector<LayerStats> layers;  // dense layers have `inputs` at most
};

// Of the layer that the walk stands in, which it runs. Throws Error(kInput) naming layer and expert if a statistic is not finite.
LayerStats collect_layer_stats(LayerWalk& walk, const ModelConfig& config, const std::vector<TensorSpec>& tensors, const std::set<Observed>& what);

// One pass over the layers.
CalibrationStats collect_stats(LayerWalk& walk, const ModelConfig& config, const std::vector<TensorSpec>& tensors, const std::set<Observed>& what);

// STATS.safetensors: layer.<l>.<field of LayerStats>, layer.<l>.tokens [1], and layer.<l>.input.<tensor>.{square_sum, calls, tokens, gram} (gated_input likewise);
// `metadata` takes what the caller wants to find again.
void write_stats(const std::filesystem::path& path, const CalibrationStats& stats, std::map<std::string, std::string> metadata);
// Throws Error(kInput) naming the file where it holds something else.
CalibrationStats read_stats(const std::filesystem::path& path);

}  // namespace winnow
