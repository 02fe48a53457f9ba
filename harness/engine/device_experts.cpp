#include "harness/engine/device_experts.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "harness/core/error.h"
#include "harness/engine/bitmap.h"
#include "harness/engine/expert_stream.h"

namespace winnow {
namespace {

constexpr std::int64_t kBytesOfAlignment = 16;                    // of every stride of a grouped product
constexpr std::int64_t kValuesToCombine = std::int64_t{1} << 26;  // f32 at a time

bool is_packed(const ExpertStack& stack) { return stack.packed_down != nullptr; }

ExpertStream::Matrices matrices_on_device(const ExpertStack& stack) {
  return stack.stream ? stack.stream->take(stack.in_stream) : ExpertStream::Matrices{stack.gate_up, stack.down};
}

at::Tensor expand_if_packed(const at::Tensor& dense, const std::shared_ptr<const BitmapMatrices>& packed) { return packed ? expand(*packed) : dense; }

std::int64_t stored_experts(const ExpertStack& stack) { return is_packed(stack) ? stack.packed_down->stored : stack.down.size(0); }

// The (row, choice) pairs in the order of the experts they go to; those that are skipped come last and belong to no expert.
struct SortedRows {
  at::Tensor source;      // int64 [rows · k]: row of the input
  at::Tensor order;       // int64 [rows · k]: pair
  at::Tensor ends;        // int32 [stored]: where each stored expert's pairs end
  at::Tensor is_skipped;  // bool [rows · k]; undefined where none can be
};

SortedRows sort_rows(const MoeWeights& moe, const Routing& routing) {
  const ExpertStack& stack = *moe.stack;
  const std::int64_t stored = stored_experts(stack);
  at::Tensor expert = routing.experts.flatten();
  if (stack.place.defined()) expert = stack.place.index_select(0, expert);
  if (moe.skip_beta) expert = expert.masked_fill(routing.weights.flatten() == 0, stored);
  const auto [sorted, order] = at::sort(expert, /*stable=*/true, /*dim=*/0, /*descending=*/false);
  const at::Tensor numbers = at::arange(stored, expert.options());
  return {.source = at::floor_divide(order, routing.experts.size(1)),
          .order = order,
          .ends = at::searchsorted(sorted, numbers, /*out_int32=*/true, /*right=*/true),
          .is_skipped = moe.skip_beta ? sorted == stored : at::Tensor()};
}

void observe_experts(const SortedRows& rows, int layer, const at::Tensor& gathered, const at::Tensor& activation, const at::Tensor& output,
                     const Observer& observer) {
  const at::Tensor ends = rows.ends.cpu();
  std::int64_t begin = 0;
  for (std::int64_t expert = 0; expert < ends.numel(); ++expert) {
    const std::int64_t end = ends.const_data_ptr<std::int32_t>()[expert], count = end - begin;
    if (count > 0)
      observer.expert({layer, static_cast<int>(expert), rows.source.narrow(0, begin, count), gathered.narrow(0, begin, count),
                       activation.narrow(0, begin, count), output.narrow(0, begin, count)});
    begin = end;
  }
}

// Σ over a row's choices of weight · output, f32 [rows, hidden].
at::Tensor combine(const at::Tensor& output, const at::Tensor& order, const at::Tensor& weights) {
  const std::int64_t rows = weights.size(0), k = weights.size(1), hidden = output.size(1);
  const at::Tensor place = at::empty_like(order).scatter_(0, order, at::arange(order.size(0), order.options()));  // of each pair in the output
  at::Tensor sum = at::empty({rows, hidden}, output.options().dtype(at::kFloat));
  const std::int64_t chunk = std::max<std::int64_t>(1, kValuesToCombine / (k * hidden));
  for (std::int64_t first = 0; first < rows; first += chunk) {
    const std::int64_t some = std::min(chunk, rows - first);
    const at::Tensor own = output.index_select(0, place.narrow(0, first * k, some * k)).view({some, k, hidden});
    at::Tensor to = sum.narrow(0, first, some);
    at::sum_out(to, own * weights.narrow(0, first, some).unsqueeze(2), 1);
  }
  return sum;
}

}  // namespace

bool fits_grouped_products(std::int64_t hidden, std::int64_t width, std::int64_t bytes_per_value) {
  return hidden * bytes_per_value % kBytesOfAlignment == 0 && width * bytes_per_value % kBytesOfAlignment == 0;
}

bool can_run_stacked(const MoeWeights& moe, const at::Tensor& input, const Observer& observer) {
  if (!moe.stack) return false;
  const bool is_whole = moe.experts.size() == moe.original_index.size();
  const bool is_observed_apart = observer.expert && moe.stack->place.defined();  // experts that run with one matrix are observed one by one
  if (is_packed(*moe.stack) || moe.stack->stream) {
    WINNOW_CHECK(is_whole && !is_observed_apart);
    return true;
  }
  if (!is_whole || is_observed_apart) return false;
  return fits_grouped_products(moe.stack->down.size(1), moe.stack->down.size(2), static_cast<std::int64_t>(input.element_size()));
}

at::Tensor run_experts_stacked(const MoeWeights& moe, int layer, const at::Tensor& input, const Routing& routing, const at::Tensor& shared,
                               const at::Tensor& shared_gate, const Observer& observer) {
  const ExpertStack& stack = *moe.stack;
  const std::int64_t width = is_packed(stack) ? stack.packed_down->columns : stack.down.size(2);
  const SortedRows rows = sort_rows(moe, routing);
  const at::Tensor gathered = input.index_select(0, rows.source);
  const ExpertStream::Matrices matrices = matrices_on_device(stack);
  const at::Tensor both = at::_grouped_mm(gathered, expand_if_packed(matrices.gate_up, stack.packed_gate_up).transpose(1, 2), rows.ends);
  const at::Tensor activation = at::silu(both.narrow(1, 0, width)) * both.narrow(1, width, width);
  at::Tensor output = at::_grouped_mm(activation, expand_if_packed(matrices.down, stack.packed_down).transpose(1, 2), rows.ends);
  // What no group covers was never written.
  if (rows.is_skipped.defined()) output.masked_fill_(rows.is_skipped.unsqueeze(1), 0);
  if (observer.expert) observe_experts(rows, layer, gathered, activation, output, observer);
  at::Tensor sum = combine(output, rows.order, routing.weights);
  if (shared.defined()) sum += shared_gate.defined() ? shared.to(at::kFloat) * shared_gate.unsqueeze(1) : shared.to(at::kFloat);
  return sum.to(input.scalar_type());
}

}  // namespace winnow
