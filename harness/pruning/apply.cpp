#include "harness/pruning/apply.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "harness/core/error.h"
#include "harness/pruning/mask.h"

namespace winnow {
namespace {

// What one expert of the pruned model is made of: Σ weight · expert(member) of the model before.
struct ExpertOrigin {
  std::vector<int> members;
  std::vector<double> weights;
  int router_row = -1;                    // taken as it is
  std::vector<int> averaged_router_rows;  // or the mean of these
};

const LayerPlan* layer_plan(const PrunePlan& plan, int layer) {
  const auto position = std::ranges::find(plan.layers, layer, &LayerPlan::layer);
  return position == plan.layers.end() ? nullptr : &*position;
}

ExpertOrigin unchanged(int expert) { return {.members = {expert}, .weights = {1.0}, .router_row = expert}; }

std::vector<ExpertOrigin> merged_origins(const LayerPlan& plan, std::int64_t experts) {
  const bool keeps_places = plan.merges.front().router == ExpertMerge::Router::kKeep;
  std::vector<ExpertOrigin> origins(experts_after(plan, experts));
  if (keeps_places) {
    for (std::size_t i = 0; i < origins.size(); ++i) origins[i] = unchanged(static_cast<int>(i));
  }
  for (const ExpertMerge& merge : plan.merges) {
    if (keeps_places) {
      for (const int member : merge.members) origins[member] = {.members = merge.members, .weights = merge.weights, .router_row = member};
    } else if (merge.router == ExpertMerge::Router::kMean) {
      origins[merge.into] = {.members = merge.members, .weights = merge.weights, .averaged_router_rows = merge.members};
    } else {
      origins[merge.into] = {.members = merge.members, .weights = merge.weights, .router_row = merge.members.front()};
    }
  }
  return origins;
}

std::vector<ExpertOrigin> expert_origins(const LayerPlan* plan, std::int64_t experts) {
  if (plan && !plan->merges.empty()) return merged_origins(*plan, experts);
  std::vector<int> order;
  if (plan) order = plan->representatives.empty() ? plan->kept : plan->representatives;
  if (order.empty()) {
    order.resize(experts);
    std::iota(order.begin(), order.end(), 0);
  }
  std::vector<ExpertOrigin> origins;
  for (const int expert : order) origins.push_back(unchanged(expert));
  return origins;
}

class PrunedWeights : public WeightSource {
 public:
  // `after`: what the plan leaves.
  PrunedWeights(const PrunePlan& plan, const ModelConfig& before, const std::vector<TensorSpec>& tensors, WeightSource& source, const PrunedCheckpoint& after)
      : plan_(plan), source_(source) {
    for (const TensorSpec& tensor : tensors) before_.emplace(std::tuple(tensor.role, tensor.layer, tensor.expert), tensor);
    for (int layer = 0; layer < std::ssize(before.layers); ++layer) origins_.push_back(expert_origins(layer_plan(plan, layer), before.layers[layer].experts));
    name_stored_tensors(after);
    check_names(after.tensors);
  }

  at::Tensor read(const TensorSpec& spec) override {
    return make(spec, at::kCPU, [this](const TensorSpec& stored) { return source_.read(stored); });
  }
  at::Tensor read_near(const TensorSpec& spec, at::Device device) override {
    return make(spec, device, [this, device](const TensorSpec& stored) { return source_.read_near(stored, device); });
  }

  void release(const TensorSpec& spec) override {
    if (spec.expert < 0) return source_.release(before(spec.role, spec.layer, -1));
    for (const int member : origins_[spec.layer][spec.expert].members) source_.release(before(spec.role, spec.layer, member));
  }

  // Updated weights stay the plan's own; all else is the source's or made here.
  bool gives_away() const override { return source_.gives_away() && plan_.weights.empty(); }

  std::uint64_t bytes_read() const override { return source_.bytes_read(); }

  const TensorSpec& origin(const TensorSpec& spec) const {
    return before(spec.role, spec.layer, spec.expert < 0 ? -1 : origins_[spec.layer][spec.expert].members.front());
  }

 private:
  using Read = std::function<at::Tensor(const TensorSpec& stored)>;

  // Masks are laid on where the tensor is to lie.
  at::Tensor make(const TensorSpec& spec, at::Device device, const Read& read) {
    const auto stored = stored_name_.find(spec.name);
    const std::string& name = stored == stored_name_.end() ? spec.name : stored->second;
    const auto updated = plan_.weights.find(name);
    if (updated != plan_.weights.end() && !updated->second.isfinite().all().item<bool>())
      throw input_error("plan: the updated {} is not finite (NaN or infinity); make the plan again", name);
    at::Tensor tensor = updated != plan_.weights.end() ? updated->second : read_before(spec, read);
    const auto mask = plan_.mask_bits.find(name);
    if (mask != plan_.mask_bits.end()) tensor = tensor.to(device).masked_fill(unpack_mask(mask->second.to(device), tensor.sizes()).logical_not(), 0);
    if (tensor.sizes() != at::IntArrayRef(spec.shape)) {
      throw input_error("plan: tensor {} has another shape than the pruned model's; the plan is of another model", spec.name);
    }
    return tensor;
  }

  void name_stored_tensors(const PrunedCheckpoint& after) {
    std::map<std::tuple<Role, int, int>, std::string> names;
    for (const TensorSpec& tensor : after.tensors) names.emplace(std::tuple(tensor.role, tensor.layer, tensor.expert), tensor.name);
    for (const TensorSpec& tensor : after.tensors) {
      if (!shares_storage(after.config, tensor)) continue;
      stored_name_.emplace(tensor.name, names.at({tensor.role, tensor.layer, stored_expert(after.config, tensor)}));
    }
  }

  void check_names(const std::vector<TensorSpec>& after) const {
    std::set<std::string> names;
    for (const TensorSpec& tensor : after) names.insert(tensor.name);
    const auto check = [&](const auto& tensors, const char* what) {
      for (const auto& [name, value] : tensors) {
        if (!names.contains(name)) throw input_error("plan: it {} tensor {}, which the pruned model has not; the plan is of another model", what, name);
      }
    };
    check(plan_.mask_bits, "masks");
    check(plan_.weights, "updates");
  }

  const TensorSpec& before(Role role, int layer, int expert) const {
    const auto position = before_.find({role, layer, expert});
    WINNOW_CHECK(position != before_.end());
    return position->second;
  }

  at::Tensor read_before(const TensorSpec& spec, const Read& read) {
    if (spec.role == Role::kRouter) return read_router(spec);
    if (spec.expert < 0) return read(before(spec.role, spec.layer, -1));
    const ExpertOrigin& origin = origins_[spec.layer][spec.expert];
    if (origin.members.size() == 1 && origin.weights.front() == 1.0) return read(before(spec.role, spec.layer, origin.members.front()));
    at::Tensor sum;
    for (std::size_t i = 0; i < origin.members.size(); ++i) {
      const at::Tensor member = read(before(spec.role, spec.layer, origin.members[i])).to(at::kFloat);
      if (!sum.defined()) sum = at::zeros(spec.shape, member.options());
      sum.add_(member, origin.weights[i]);
    }
    return sum;
  }

  at::Tensor read_router(const TensorSpec& spec) {
    const at::Tensor rows = source_.read(before(spec.role, spec.layer, -1));
    std::vector<at::Tensor> chosen;
    for (const ExpertOrigin& origin : origins_[spec.layer]) {
      if (origin.averaged_router_rows.empty()) {
        chosen.push_back(rows[origin.router_row]);
      } else {
        const std::vector<std::int64_t> members(origin.averaged_router_rows.begin(), origin.averaged_router_rows.end());
        chosen.push_back(rows.index_select(0, at::tensor(members)).to(at::kFloat).mean(0));
      }
    }
    // Mixed only where a mean stands beside rows as stored: the mean decides.
    const bool has_mean = std::ranges::any_of(origins_[spec.layer], [](const ExpertOrigin& origin) { return !origin.averaged_router_rows.empty(); });
    if (has_mean) std::ranges::transform(chosen, chosen.begin(), [](const at::Tensor& row) { return row.to(at::kFloat); });
    return at::stack(chosen);
  }

  const PrunePlan& plan_;
  WeightSource& source_;
  std::map<std::tuple<Role, int, int>, TensorSpec> before_;
  std::vector<std::vector<ExpertOrigin>> origins_;  // by layer, by expert of the pruned model
  std::map<std::string, std::string> stored_name_;  // of tensors that share another's weights: the other
};

}  // namespace

ModelConfig pruned_config(const PrunePlan& plan, const ModelConfig& config) {
  ModelConfig pruned = config;
  for (const LayerPlan& layer : plan.layers) {
    LayerConfig& of_model = pruned.layers[layer.layer];
    if (layer.beta) of_model.skip_beta = layer.beta;
    if (of_model.mlp != LayerConfig::Mlp::kMoe) continue;
    const std::int64_t before = of_model.experts;
    of_model.experts = experts_after(layer, before);
    if (layer.merges.empty() || layer.merges.front().router != ExpertMerge::Router::kKeep) continue;
    of_model.expert_storage.resize(before);
    std::iota(of_model.expert_storage.begin(), of_model.expert_storage.end(), 0);
    for (const ExpertMerge& merge : layer.merges) {
      for (const int member : merge.members) of_model.expert_storage[member] = merge.into;
    }
  }
  return pruned;
}

PrunedCheckpoint apply_plan(const PrunePlan& plan, const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source) {
  check_plan(plan, config);
  PrunedCheckpoint pruned{.config = pruned_config(plan, config)};
  pruned.tensors = Registry<Family>::instance().make(config.family)->tensors(pruned.config);
  auto weights = std::make_unique<PrunedWeights>(plan, config, tensors, source, pruned);
  for (const TensorSpec& tensor : pruned.tensors) pruned.origins.push_back(weights->origin(tensor));
  pruned.weights = std::move(weights);
  return pruned;
}

}  // namespace winnow
