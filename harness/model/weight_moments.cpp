#include "harness/model/weight_moments.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr std::int64_t kBlock = 1 << 15;           // numbers centred on one mean
constexpr std::int64_t kElementsAtOnce = 1 << 22;  // widened to f32

// Blocks are joined in their order, so that the number of threads changes no digit.
void add_values(const at::Tensor& values, RoleMoments& sum) {
  const float* from = values.const_data_ptr<float>();
  const std::int64_t count = values.numel(), blocks = (count + kBlock - 1) / kBlock;
  std::vector<Moments> all(blocks), nonzero(blocks);
  at::parallel_for(0, blocks, 8, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> kept;
    for (std::int64_t block = begin; block < end; ++block) {
      const std::span<const float> own(from + block * kBlock, static_cast<std::size_t>(std::min(kBlock, count - block * kBlock)));
      all[block].add(own);
      kept.assign(own.begin(), own.end());
      std::erase(kept, 0.0f);
      if (kept.size() == own.size()) {
        nonzero[block] = all[block];
      } else {
        nonzero[block].add(kept);
      }
    }
  });
  for (const Moments& block : all) sum.all.add(block);
  for (const Moments& block : nonzero) sum.nonzero.add(block);
}

}  // namespace

std::vector<RoleMoments> weight_moments(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, at::ScalarType dtype,
                                        const std::function<void(std::size_t done, std::size_t total)>& on_tensor) {
  std::vector<RoleMoments> roles;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorSpec& tensor = tensors[i];
    if (tensor.shape.size() != 2 || shares_storage(config, tensor)) continue;
    if (on_tensor) on_tensor(i, tensors.size());
    auto role = std::ranges::find(roles, tensor.role, &RoleMoments::role);
    if (role == roles.end()) role = roles.insert(roles.end(), RoleMoments{.role = tensor.role});
    const at::Tensor flat = source.read(tensor).reshape({-1});
    for (std::int64_t first = 0; first < flat.numel(); first += kElementsAtOnce) {
      add_values(flat.narrow(0, first, std::min(kElementsAtOnce, flat.numel() - first)).to(dtype).to(at::kFloat).contiguous(), *role);
    }
    source.release(tensor);
  }
  return roles;
}

std::string role_name(Role role) {
  switch (role) {
    case Role::kEmbedding: return "embedding";
    case Role::kFinalNorm: return "final_norm";
    case Role::kOutputHead: return "output_head";
    case Role::kAttentionNorm: return "attention_norm";
    case Role::kMlpNorm: return "mlp_norm";
    case Role::kQuery: return "query";
    case Role::kKey: return "key";
    case Role::kValue: return "value";
    case Role::kOutput: return "output";
    case Role::kQueryBias: return "query_bias";
    case Role::kKeyBias: return "key_bias";
    case Role::kValueBias: return "value_bias";
    case Role::kOutputBias: return "output_bias";
    case Role::kDenseGate: return "dense_gate";
    case Role::kDenseUp: return "dense_up";
    case Role::kDenseDown: return "dense_down";
    case Role::kRouter: return "router";
    case Role::kExpertGate: return "expert_gate";
    case Role::kExpertUp: return "expert_up";
    case Role::kExpertDown: return "expert_down";
    case Role::kSharedGate: return "shared_gate";
    case Role::kSharedUp: return "shared_up";
    case Role::kSharedDown: return "shared_down";
    case Role::kSharedRouter: return "shared_router";
  }
  WINNOW_CHECK(!"a role without a name");
  return "";
}

}  // namespace winnow
