#include "harness/engine/experts.h"

#include <ATen/ATen.h>

#include "harness/engine/device_experts.h"
#include "harness/engine/device_path.h"
#include "harness/engine/expert_kernels.h"
#include "harness/engine/kernels/cpu_path.h"
#include "harness/engine/linear.h"
#include "harness/engine/routing.h"

namespace winnow {
namespace {

// The rows that chose each expert with a weight above 0, and the place among the row's k choices.
struct ExpertRows {
  at::Tensor rows, places;  // [n], int64
};

std::vector<ExpertRows> rows_by_expert(const Routing& routing, std::int64_t experts) {
  const at::Tensor chosen = routing.experts.cpu(), weights = routing.weights.cpu();
  const std::int64_t k = chosen.size(1);
  std::vector<std::vector<std::int64_t>> rows(experts), places(experts);
  const std::int64_t* expert = chosen.const_data_ptr<std::int64_t>();
  const float* weight = weights.const_data_ptr<float>();
  for (std::int64_t slot = 0; slot < chosen.numel(); ++slot) {
    if (weight[slot] == 0) continue;
    rows[expert[slot]].push_back(slot / k);
    places[expert[slot]].push_back(slot % k);
  }
  std::vector<ExpertRows> result(experts);
  for (std::int64_t index = 0; index < experts; ++index) {
    result[index] = {at::tensor(rows[index], at::kLong).to(routing.experts.device()), at::tensor(places[index], at::kLong).to(routing.experts.device())};
  }
  return result;
}

void observe_linears(const Observer& observer, int layer, std::initializer_list<Role> roles, const at::Tensor& input) {
  if (!observer.linear) return;
  for (const Role role : roles) observer.linear({layer, role, input});
}

at::Tensor run_experts_by_operators(const MoeWeights& moe, int layer, const at::Tensor& input, const Routing& routing, const at::Tensor& shared,
                                    const at::Tensor& shared_gate, const Observer& observer) {
  at::Tensor sum = at::zeros(input.sizes(), input.options().dtype(at::kFloat));
  const std::vector<ExpertRows> assigned = rows_by_expert(routing, static_cast<std::int64_t>(moe.experts.size()));
  for (std::size_t index = 0; index < moe.experts.size(); ++index) {
    const ExpertRows& own = assigned[index];
    if (own.rows.size(0) == 0) continue;
    const GatedMlp& expert = *moe.experts[index];
    const at::Tensor gathered = input.index_select(0, own.rows);
    const at::Tensor activation = activate(expert, gathered);
    const at::Tensor output = multiply(expert.down, activation);
    if (observer.expert) observer.expert({layer, static_cast<int>(index), own.rows, gathered, activation, output});
    const at::Tensor weights = routing.weights.index({own.rows, own.places}).unsqueeze(1);
    sum.index_add_(0, own.rows, output * weights);
  }
  if (shared.defined()) sum += shared_gate.defined() ? shared.to(at::kFloat) * shared_gate.unsqueeze(1) : shared.to(at::kFloat);
  return sum.to(input.scalar_type());
}

bool by_operators(const MoeWeights& moe, const at::Tensor& input, const Routing& routing) {
  constexpr std::int64_t kRowsForAmx = 32;
  const CpuPath path = path_of(input);
  return path == CpuPath::kOperators ||
         (path == CpuPath::kAvx512AndAmx && routing.experts.numel() >= kRowsForAmx * static_cast<std::int64_t>(moe.experts.size()));
}

}  // namespace

at::Tensor run_mlp(const GatedMlp& mlp, const at::Tensor& input) { return multiply(mlp.down, activate(mlp, input)); }

at::Tensor run_moe(const RouterConfig& config, const MoeWeights& moe, int layer, const at::Tensor& input, const Observer& observer) {
  if (observer.moe_input) observer.moe_input(layer, input);
  observe_linears(observer, layer, {Role::kRouter}, input);
  const Routing routing = route(config, moe, input);
  if (observer.routing) observer.routing(layer, routing);

  at::Tensor shared, shared_gate;
  if (moe.shared) {
    observe_linears(observer, layer, {Role::kSharedGate, Role::kSharedUp}, input);
    const at::Tensor activation = activate(*moe.shared, input);
    observe_linears(observer, layer, {Role::kSharedDown}, activation);
    shared = multiply(moe.shared->down, activation);
  }
  if (moe.shared_router.defined()) {
    observe_linears(observer, layer, {Role::kSharedRouter}, input);
    shared_gate = multiply_wide(input, moe.shared_router).squeeze(1).sigmoid();
  }
  const auto run_experts = can_run_stacked(moe, input, observer) ? run_experts_stacked
                           : by_operators(moe, input, routing)   ? run_experts_by_operators
                                                                 : run_experts_by_kernels;
  at::Tensor output = run_experts(moe, layer, input, routing, shared, shared_gate, observer);
  if (observer.moe_output) observer.moe_output(layer, output);
  return output;
}

}  // namespace winnow
