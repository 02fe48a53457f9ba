#pragma once
#include <string>
#include <vector>

#include "harness/core/registry.h"
#include "harness/model/config.h"

namespace winnow {

// What a tensor is for. Shapes: H hidden, V vocabulary, I width of the (expert) MLP, E experts, A heads·head_dim, K kv_heads·head_dim.
enum class Role {
  kEmbedding,      // [V, H]
  kFinalNorm,      // [H]
  kOutputHead,     // [V, H]; absent where embeddings are tied
  kAttentionNorm,  // [H]
  kMlpNorm,        // [H]
  kQuery,
  kKey,
  kValue,
  kOutput,  // [A, H] [K, H] [K, H] [H, A]
  kQueryBias,
  kKeyBias,
  kValueBias,
  kOutputBias,  // [A] [K] [K] [H]
  kDenseGate,
  kDenseUp,
  kDenseDown,  // [I, H] [I, H] [H, I]
  kRouter,     // [E, H]
  kExpertGate,
  kExpertUp,
  kExpertDown,  // [I, H] [I, H] [H, I]
  kSharedGate,
  kSharedUp,
  kSharedDown,    // [I, H] [I, H] [H, I]
  kSharedRouter,  // [1, H]
};

bool is_expert(Role role);  // a matrix of a routed expert

// One tensor a checkpoint of this family must have.
struct TensorSpec {
  Role role;
  int layer = -1;
  int expert = -1;
  std::string name;                 // in the released per-expert layout: what plans, masks and exports call it
  std::vector<std::int64_t> shape;  // row-major
};

// The expert whose weights the tensor's expert runs with: itself, unless a merge in place gave it another's; -1 where it is no expert's.
int stored_expert(const ModelConfig& config, const TensorSpec& tensor);
bool shares_storage(const ModelConfig& config, const TensorSpec& tensor);  // that is another's

// An architecture: reads its config.json strictly and names its tensors. One .cpp in model/families.
class Family {
 public:
  static constexpr const char* kKind = "family";
  virtual ~Family() = default;

  virtual std::vector<std::string> model_types() const = 0;  // values of config.json's model_type

  // Throws Error(kInput) for a contradictory or impossible value (key, value, range) and Error(kUnsupported) for a valid one not done yet.
  virtual ModelConfig read(const Json& config) const = 0;

  // Every tensor of the model in the order of the forward pass, released layout.
  virtual std::vector<TensorSpec> tensors(const ModelConfig& config) const = 0;

  // Names in the fused layout that transformers 5 can write; all empty where the family has none. `router` is also accepted beside
  // per-expert tensors.
  struct FusedNames {
    std::string gate_up;  // [E, 2I, H], gate rows first
    std::string down;     // [E, H, I]
    std::string router;   // [E, H]
  };
  virtual FusedNames fused_names(int layer) const = 0;

  // config.json of the model with these expert counts (indexed by layer; 0 on dense layers), for exports: the count key when all are equal,
  // else per_layer_config.
  virtual Json write_expert_counts(const Json& config, const std::vector<std::int64_t>& counts) const = 0;

  // A complete config.json of a small model that uses what is special about the family: the contract tests run on it.
  virtual Json example_config() const = 0;
};

// The family of a config.json, by model_type. Throws Error(kUnsupported) naming the type and the families there are.
const Registered<Family>& family_of(const Json& config);

}  // namespace winnow
