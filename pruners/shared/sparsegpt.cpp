#include <ATen/ATen.h>

#include <map>

#include "pruners/shared/weight_methods.h"

namespace winnow {
namespace {

constexpr std::int64_t kHessianBytes = std::int64_t{2} << 30;  // of Hessians gathered in one run over the layer

struct Hessian {
  at::Tensor sum;  // f64 [in, in]: Σ x xᵀ
  std::int64_t calls = 0;
};

using LinearKey = std::pair<Role, int>;

// Linear maps with one input share one Hessian: query, key and value; gate and up of an MLP.
LinearKey input_of(const TensorSpec& tensor) {
  switch (tensor.role) {
    case Role::kKey:
    case Role::kValue: return {Role::kQuery, -1};
    case Role::kExpertUp: return {Role::kExpertGate, tensor.expert};
    case Role::kDenseUp: return {Role::kDenseGate, -1};
    case Role::kSharedUp: return {Role::kSharedGate, -1};
    default: return {tensor.role, tensor.expert};
  }
}

class HessianCollector {
 public:
  HessianCollector(LayerWalk& walk, const LayerConfig& config, std::map<LinearKey, Hessian>& hessians) : walk_(walk), config_(config), hessians_(hessians) {}

  void run() {
    walk_.run([this](std::size_t batch) {
      sequence_of_row_ = walk_.sequence_of_row(batch);
      return Observer{.expert =
                          [this](const ExpertCall& call) {
                            const at::Tensor sequences = sequence_of_row_.index_select(0, call.rows.cpu());
                            const int stored = config_.stored_expert(call.expert);
                            add({Role::kExpertGate, stored}, call.input, sequences);
                            add({Role::kExpertDown, stored}, call.activation, sequences);
                          },
                      .linear =
                          [this](const LinearInput& linear) {
                            add({linear.role, -1}, linear.input, sequence_of_row_);
                          }};
    });
  }

 private:
  void add(const LinearKey& key, const at::Tensor& input, const at::Tensor& sequences) {
    const auto position = hessians_.find(key);
    if (position == hessians_.end()) return;
    const at::Tensor x = input.to(at::kDouble);
    position->second.sum.addmm_(x.t(), x);
    position->second.calls += std::get<0>(at::unique_consecutive(sequences)).numel();
  }

  LayerWalk& walk_;
  const LayerConfig& config_;
  std::map<LinearKey, Hessian>& hessians_;
  at::Tensor sequence_of_row_;
};

// The mask of M columns from the weights as updated so far, or of a whole block at once over all rows (everything up to sorted[int(n · sparsity)]).
at::Tensor removed(const at::Tensor& weight, const at::Tensor& diagonal, const Amount& amount) {
  const at::Tensor scores = weight.square() / diagonal.square().unsqueeze(0);
  if (amount.m > 0) return keep_all_but_lowest_of_rows(scores, std::min(amount.n, scores.size(1))).logical_not();
  const std::int64_t place = std::min(static_cast<std::int64_t>(static_cast<double>(scores.numel()) * amount.sparsity), scores.numel() - 1);
  return scores <= lowest(scores, place);
}

// One matrix: [out, in] f32 in place → the mask of what was removed.
at::Tensor prune_matrix(at::Tensor& weight, const Hessian& hessian, std::int64_t calls, const Amount& amount, const SparseGptSettings& settings,
                        const std::string& name) {
  const std::int64_t columns = weight.size(1);
  at::Tensor h = hessian.sum * (2.0 / static_cast<double>(std::max<std::int64_t>(calls, 1)));
  const at::Tensor is_dead = h.diagonal() == 0;
  h.diagonal().masked_fill_(is_dead, 1);
  weight.masked_fill_(is_dead.unsqueeze(0), 0);
  h.diagonal().add_(settings.damping * h.diagonal().mean());
  const auto [lower, failure] = at::linalg_cholesky_ex(h);
  if (failure.item<int>() != 0)
    throw input_error("sparsegpt: the Hessian of {} is not positive definite; raise \"damping\" from {} or use more calibration tokens", name,
                      settings.damping);
  const at::Tensor inverse = at::linalg_cholesky(at::cholesky_inverse(lower)).t().to(at::kFloat).contiguous();  // upper factor of H⁻¹

  at::Tensor is_removed = at::zeros(weight.sizes(), weight.options().dtype(at::kBool));
  for (std::int64_t begin = 0; begin < columns; begin += settings.block) {
    const std::int64_t width = std::min(settings.block, columns - begin);
    at::Tensor block = weight.narrow(1, begin, width);
    const at::Tensor inverse_block = inverse.narrow(0, begin, width).narrow(1, begin, width);
    at::Tensor mask = is_removed.narrow(1, begin, width);
    if (amount.m == 0) mask.copy_(removed(block, inverse_block.diagonal(), amount));
    at::Tensor errors = at::zeros_like(block);
    for (std::int64_t i = 0; i < width; ++i) {
      if (amount.m > 0 && (begin + i) % amount.m == 0) {  // may look beyond the block, as the reference does not: M divides 128
        const std::int64_t group = std::min(amount.m, width - i);
        mask.narrow(1, i, group).copy_(removed(block.narrow(1, i, group), inverse_block.diagonal().narrow(0, i, group), amount));
      }
      const at::Tensor column = block.select(1, i).clone();
      const at::Tensor kept = column.masked_fill(mask.select(1, i), 0);
      const at::Tensor error = (column - kept) / inverse_block[i][i];
      block.narrow(1, i, width - i).sub_(error.unsqueeze(1) * inverse_block[i].narrow(0, i, width - i).unsqueeze(0));
      block.select(1, i).copy_(kept);
      errors.select(1, i).copy_(error);
    }
    const std::int64_t rest = columns - begin - width;
    if (rest > 0) weight.narrow(1, begin + width, rest).sub_(errors.matmul(inverse.narrow(0, begin, width).narrow(1, begin + width, rest)));
  }
  return is_removed;
}

}  // namespace

void mask_by_sparsegpt(const PruneInputs& inputs, LayerWalk& walk, const Amount& amount, const SparseGptSettings& settings, PrunePlan& plan) {
  if (amount.m > 0 && settings.block % amount.m != 0)
    throw input_error("sparsegpt: block {} is not a multiple of M = {}; choose another block", settings.block, amount.m);
  const std::vector<const TensorSpec*> linears = maskable(inputs, walk.layer());
  // All Hessians are of the layer as it stood before any of its maps was pruned; as many at a time as memory has room for.
  for (std::size_t next = 0; next < linears.size();) {
    std::map<LinearKey, Hessian> hessians;
    std::int64_t bytes = 0;
    std::size_t end = next;
    for (; end < linears.size(); ++end) {
      const std::int64_t columns = linears[end]->shape[1];
      const LinearKey key = input_of(*linears[end]);
      if (hessians.contains(key)) continue;
      bytes += columns * columns * static_cast<std::int64_t>(sizeof(double));
      if (bytes > kHessianBytes && !hessians.empty()) break;
      hessians[key].sum = at::zeros({columns, columns}, at::TensorOptions(walk.device()).dtype(at::kDouble));
    }
    HessianCollector(walk, inputs.config.layers[walk.layer()], hessians).run();
    for (; next < end; ++next) {
      const TensorSpec& tensor = *linears[next];
      const Hessian& hessian = hessians.at(input_of(tensor));
      const at::Tensor stored = inputs.weights.read(tensor);
      at::Tensor weight = stored.to(at::TensorOptions(walk.device()).dtype(at::kFloat), /*non_blocking=*/false, /*copy=*/true);
      inputs.weights.release(tensor);
      const at::Tensor is_removed =
          prune_matrix(weight, hessian, settings.counts_empty_calls ? walk.sequences() : hessian.calls, amount, settings, tensor.name);
      add_mask(plan, tensor, is_removed.logical_not());
      plan.weights[tensor.name] = weight.masked_fill_(is_removed, 0).cpu();
    }
  }
}

}  // namespace winnow
