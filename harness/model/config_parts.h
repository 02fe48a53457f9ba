#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/model/config.h"
#include "harness/model/config_fields.h"

namespace winnow {

// Readers of the parts that families have in common. All throw as Family::read does.

struct PartDefaults {  // what transformers takes where a released config of this family says nothing
  double rope_theta = 10000;
  const char* architecture;  // class in `architectures`: "MixtralForCausalLM"
};

inline constexpr IntegerRange kWidthRange{1, 1 << 24};
inline constexpr IntegerRange kLayerRange{1, 10'000};
inline constexpr IntegerRange kExpertRange{1, 65'536};

// Sizes, norm, dtype, special ids and attention with its rope; layers are made, all of them dense with width 0.
// Refuses quantized weights, foreign architectures and activations other than silu by name.
ModelConfig read_common_parts(const ConfigFields& fields, const PartDefaults& defaults);

// Default, linear and llama3, in the released spelling (rope_theta, rope_scaling) and that of transformers 5 (rope_parameters).
RopeConfig read_rope(const ConfigFields& fields, double default_theta, std::int64_t max_positions);

// The window all layers have by `layer_types`, which may be absent (then: `window`). Mixed layers are unsupported.
std::optional<std::int64_t> read_uniform_window(const ConfigFields& fields, std::optional<std::int64_t> window, std::size_t layers);

// Experts of each layer: num_local_experts or num_experts, and per_layer_config for layers that have another number; 0 where not is_moe[layer].
// Also checks num_experts_per_tok against each, and returns it in the router.
struct ExpertCounts {
  std::vector<std::int64_t> by_layer;
  std::int64_t experts_per_token;
};
ExpertCounts read_expert_counts(const ConfigFields& fields, const std::vector<bool>& is_moe);

// The reverse, for exports: see Family::write_expert_counts. `count_key` is written where the config has neither spelling.
Json write_expert_counts_to(Json config, const std::vector<std::int64_t>& counts, std::string_view count_key);

// Throws Error(kInput) where the sizes ask for more parameters than any machine could hold (so that products of sizes cannot overflow).
void check_size(const ModelConfig& config);

}  // namespace winnow
