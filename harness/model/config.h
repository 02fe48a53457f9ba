#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

// An architecture as few orthogonal parts. Families fill it in from config.json; the engine knows parts, never families.

struct RopeConfig {
  enum class Kind { kDefault, kLinear, kLlama3 };
  Kind kind = Kind::kDefault;
  double theta = 10000;
  double factor = 1;                                 // linear, llama3
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  std::int64_t original_max_positions = 0;           // llama3
};

struct AttentionConfig {
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
  bool qkv_bias = false, output_bias = false;
  std::optional<std::int64_t> sliding_window;  // w: position i sees i − w + 1 … i
  RopeConfig rope;
};

struct RouterConfig {
  std::int64_t experts_per_token = 0;  // top-k
  bool renormalize = true;             // top-k softmax weights divided by their sum
};

struct LayerConfig {
  enum class Mlp { kDense, kMoe };
  Mlp mlp = Mlp::kDense;
  std::int64_t dense_width = 0;          // kDense
  std::int64_t experts = 0;              // kMoe; may differ between layers (per_layer_config)
  std::int64_t expert_width = 0;         // kMoe
  std::int64_t shared_width = 0;         // kMoe; 0: no shared expert
  bool shared_gate = false;              // its output times sigmoid(shared_gate · x)
  std::optional<double> skip_beta;       // set by a plan: later experts of a token are skipped below this ratio (Lu et al., 2402.14800 §3.3)
  std::vector<int> expert_storage = {};  // set by a plan: expert i runs with the weights of expert_storage[i]; empty: its own

  int stored_expert(int expert) const { return expert_storage.empty() ? expert : expert_storage[expert]; }
};

struct ModelConfig {
  std::string family;      // registered name
  std::string model_type;  // as config.json says
  std::int64_t hidden = 0, vocabulary = 0, max_positions = 0;
  double norm_epsilon = 1e-5;
  bool tied_embeddings = false;
  AttentionConfig attention;
  RouterConfig router;
  std::vector<LayerConfig> layers;
  std::string dtype;  // of the weights as stored: "f32", "f16", "bf16"
  std::optional<std::int64_t> bos_id;
  std::vector<std::int64_t> eos_ids;  // of generation_config.json where there is one, else config.json
  // Settings of generation_config.json that would change greedy decoding in transformers and that the engine does not apply:
  // "repetition_penalty 1.05". To be reported with every generated score.
  std::vector<std::string> generation_settings_ignored;
  Json original;  // config.json

  std::int64_t moe_layers() const;
  std::int64_t parameters() const;         // all
  std::int64_t active_parameters() const;  // used by one token
};

}  // namespace winnow
