#include "harness/engine/greedy_step.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numeric>

#include "harness/engine/device_path.h"
#include "harness/engine/forward.h"

namespace winnow {

GreedyStep::GreedyStep(const Model& model, PackedBatch batch, const Observer& observer) : model_(model), batch_(std::move(batch)) {
  std::vector<std::int64_t> all_rows(static_cast<std::size_t>(batch_.rows()));
  std::iota(all_rows.begin(), all_rows.end(), 0);
  if (!takes_device_path(model.device)) {
    tokens_ = greedy_tokens(model, forward(model, batch_, all_rows, observer));
    return;
  }
  const at::Tensor numbers = greedy_numbers(model, launch_forward(model, batch_, all_rows, observer));
  device_tokens_ = numbers.select(1, 2).to(at::kLong);
  numbers_.emplace(numbers);
}

std::vector<std::int32_t> GreedyStep::read(const std::vector<std::int64_t>& rows) {
  std::vector<std::int32_t> tokens;
  if (!numbers_) {
    for (const std::int64_t row : rows) tokens.push_back(tokens_[row]);
    return tokens;
  }
  const double* numbers = numbers_->read().const_data_ptr<double>();
  for (const std::int64_t row : rows) {
    if (numbers[3 * row] == 0) throw_non_finite(model_, batch_, row);
  }
  for (const std::int64_t row : rows) {
    if (!std::isfinite(numbers[3 * row + 1])) throw_non_finite_logits(row);
    tokens.push_back(static_cast<std::int32_t>(numbers[3 * row + 2]));
  }
  return tokens;
}

}  // namespace winnow
