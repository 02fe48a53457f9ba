#include "harness/engine/expert_kernels.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "harness/engine/kernels/rows.h"
#include "harness/engine/parallel.h"
#include "harness/engine/products.h"

namespace winnow {
namespace {

// Activations of the experts that run together: a group takes more experts until this is reached.
constexpr std::int64_t kActivationsOfGroup = std::int64_t{1} << 25;

// One slot for every (row, expert) that is computed, in the order of the experts.
struct Slots {
  std::vector<std::int64_t> begin;      // [experts + 1]: first slot of each expert
  std::vector<std::int64_t> row;        // of each slot
  std::vector<std::int64_t> of_choice;  // [rows · k]; −1: skipped
};

Slots assign_slots(const Routing& routing, std::size_t experts) {
  const std::int64_t* chosen = routing.experts.const_data_ptr<std::int64_t>();
  const float* weight = routing.weights.const_data_ptr<float>();
  const std::int64_t choices = routing.experts.numel(), k = routing.experts.size(1);
  Slots slots{std::vector<std::int64_t>(experts + 1, 0), {}, std::vector<std::int64_t>(choices, -1)};
  for (std::int64_t choice = 0; choice < choices; ++choice) {
    if (weight[choice] != 0) ++slots.begin[chosen[choice] + 1];
  }
  for (std::size_t expert = 0; expert < experts; ++expert) slots.begin[expert + 1] += slots.begin[expert];
  slots.row.resize(slots.begin.back());
  std::vector<std::int64_t> next(slots.begin.begin(), slots.begin.end() - 1);
  for (std::int64_t choice = 0; choice < choices; ++choice) {
    if (weight[choice] == 0) continue;
    const std::int64_t slot = next[chosen[choice]]++;
    slots.of_choice[choice] = slot;
    slots.row[slot] = choice / k;
  }
  return slots;
}

template <class T>
class ExpertRun {
 public:
  ExpertRun(const MoeWeights& moe, int layer, const at::Tensor& input, const Routing& routing, const Observer& observer)
      : moe_(moe), layer_(layer), input_(input), routing_(routing), observer_(observer), slots_(assign_slots(routing, moe.experts.size())) {
    outputs_ = at::empty({static_cast<std::int64_t>(slots_.row.size()), input.size(1)}, input.options());
    rows_.reserve(slots_.row.size());
    for (const std::int64_t row : slots_.row) rows_.push_back(input.const_data_ptr<T>() + row * input.size(1));
  }

  void run() {
    std::size_t first = 0;
    while (first < moe_.experts.size()) {
      std::int64_t activations = 0;
      std::size_t last = first;
      while (last < moe_.experts.size() && (last == first || activations + activations_of(last) <= kActivationsOfGroup)) activations += activations_of(last++);
      run_group(first, last, activations);
      first = last;
    }
  }

  at::Tensor combine(const at::Tensor& shared, const at::Tensor& shared_gate) const {
    at::Tensor result = at::empty(input_.sizes(), input_.options());
    const std::int64_t hidden = input_.size(1), k = routing_.experts.size(1);
    const float* weight = routing_.weights.template const_data_ptr<float>();
    const T* outputs = outputs_.template const_data_ptr<T>();
    const T* extra = shared.defined() ? shared.const_data_ptr<T>() : nullptr;
    const float* gate = shared_gate.defined() ? shared_gate.const_data_ptr<float>() : nullptr;
    T* const to = result.mutable_data_ptr<T>();
    run_ranges(input_.size(0), std::max<std::int64_t>(1, (1 << 15) / hidden), [&](std::int64_t first, std::int64_t last) {
      std::vector<const T*> terms(k + 1);
      std::vector<float> factors(k + 1);
      for (std::int64_t row = first; row < last; ++row) {
        std::int64_t count = 0;
        for (std::int64_t choice = row * k; choice < (row + 1) * k; ++choice) {
          if (slots_.of_choice[choice] < 0) continue;
          terms[count] = outputs + slots_.of_choice[choice] * hidden;
          factors[count++] = weight[choice];
        }
        if (extra != nullptr) {
          terms[count] = extra + row * hidden;
          factors[count++] = gate != nullptr ? gate[row] : 1.0f;
        }
        weighted_sum(terms.data(), factors.data(), count, hidden, to + row * hidden);
      }
    });
    return result;
  }

 private:
  std::int64_t rows_of(std::size_t expert) const { return slots_.begin[expert + 1] - slots_.begin[expert]; }
  std::int64_t activations_of(std::size_t expert) const { return rows_of(expert) == 0 ? 0 : rows_of(expert) * moe_.experts[expert]->gate.out_features(); }

  void run_group(std::size_t first, std::size_t last, std::int64_t activations) {
    if (activations == 0) return;
    at::Tensor activation = at::empty({activations}, input_.options());
    T* to = activation.mutable_data_ptr<T>();
    T* const outputs = outputs_.template mutable_data_ptr<T>();
    std::vector<GatedProduct<T>> up;
    std::vector<Product<T>> down;
    std::vector<const T*> activation_rows;
    activation_rows.reserve(slots_.begin[last] - slots_.begin[first]);
    for (std::size_t expert = first; expert < last; ++expert) {
      if (rows_of(expert) == 0) continue;
      const GatedMlp& mlp = *moe_.experts[expert];
      const T* const* own_rows = activation_rows.data() + activation_rows.size();
      up.push_back({&mlp, rows_.data() + slots_.begin[expert], rows_of(expert), to});
      for (std::int64_t row = 0; row < rows_of(expert); ++row, to += mlp.gate.out_features()) activation_rows.push_back(to);
      down.push_back({&mlp.down, own_rows, rows_of(expert), outputs + slots_.begin[expert] * input_.size(1)});
    }
    run_gated_products(up);
    run_products(down);
    if (observer_.expert) observe(first, last, activation);
  }

  void observe(std::size_t first, std::size_t last, const at::Tensor& activations) const {
    std::int64_t offset = 0;
    for (std::size_t expert = first; expert < last; ++expert) {
      const std::int64_t count = rows_of(expert);
      if (count == 0) continue;
      const std::int64_t width = moe_.experts[expert]->gate.out_features();
      const std::vector<std::int64_t> own(slots_.row.begin() + slots_.begin[expert], slots_.row.begin() + slots_.begin[expert + 1]);
      const at::Tensor rows = at::tensor(own, at::kLong);
      observer_.expert({layer_, static_cast<int>(expert), rows, input_.index_select(0, rows), activations.narrow(0, offset, count * width).view({count, width}),
                        outputs_.narrow(0, slots_.begin[expert], count)});
      offset += count * width;
    }
  }

  const MoeWeights& moe_;
  const int layer_;
  const at::Tensor& input_;
  const Routing& routing_;
  const Observer& observer_;
  const Slots slots_;
  std::vector<const T*> rows_;  // of each slot, in the input
  at::Tensor outputs_;          // [slots, hidden]
};

template <class T>
at::Tensor run_experts(const MoeWeights& moe, int layer, const at::Tensor& input, const Routing& routing, const at::Tensor& shared,
                       const at::Tensor& shared_gate, const Observer& observer) {
  ExpertRun<T> experts(moe, layer, input, routing, observer);
  experts.run();
  return experts.combine(shared, shared_gate);
}

}  // namespace

at::Tensor run_experts_by_kernels(const MoeWeights& moe, int layer, const at::Tensor& input, const Routing& routing, const at::Tensor& shared,
                                  const at::Tensor& shared_gate, const Observer& observer) {
  return input.scalar_type() == at::kFloat ? run_experts<float>(moe, layer, input, routing, shared, shared_gate, observer)
                                           : run_experts<at::BFloat16>(moe, layer, input, routing, shared, shared_gate, observer);
}

}  // namespace winnow
