#pragma once
#include <c10/core/ScalarType.h>

#include <functional>
#include <string>
#include <vector>

#include "harness/core/moments.h"
#include "harness/model/weight_source.h"

namespace winnow {

// Weights of one role over all layers.
struct RoleMoments {
  Role role;
  Moments all, nonzero;
};

// Every matrix (two dimensions) of the model in one pass, a tensor at a time, in order of first appearance; experts that run with another's weights
// are counted with that one only. Values as the engine holds them: rounded to `dtype`. `on_tensor` is called before each read.
std::vector<RoleMoments> weight_moments(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, at::ScalarType dtype,
                                        const std::function<void(std::size_t done, std::size_t total)>& on_tensor);

// "expert_gate", "query", "embedding" …
std::string role_name(Role role);

}  // namespace winnow
