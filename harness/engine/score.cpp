#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "harness/core/error.h"
#include "harness/engine/forward.h"

namespace winnow {
namespace {

// Calls use(first row, logits [n, vocabulary] f32) for one chunk of rows after another.
template <class Use>
void for_each_chunk(const Model& model, const at::Tensor& normed, const Use& use) {
  const std::int64_t rows = normed.size(0);
  const std::int64_t chunk = std::clamp<std::int64_t>((std::int64_t{8} << 20) / model.config.vocabulary, 1, 256);
  for (std::int64_t first = 0; first < rows; first += chunk) {
    const at::Tensor some = logits(model, normed.narrow(0, first, std::min(chunk, rows - first))).to(at::kFloat).cpu();
    use(first, some);
  }
}

[[noreturn]] void throw_row(std::int64_t row) { throw std::runtime_error(fmt::format("the logits of row {} are not finite", row)); }

}  // namespace

std::vector<TokenScore> score_rows(const Model& model, const at::Tensor& normed, const std::vector<std::int32_t>& targets) {
  const c10::InferenceMode no_gradients;
  WINNOW_CHECK(normed.size(0) == static_cast<std::int64_t>(targets.size()));
  std::vector<TokenScore> scores;
  scores.reserve(targets.size());
  for_each_chunk(model, normed, [&](std::int64_t first, const at::Tensor& some) {
    const at::Tensor log_sum = some.logsumexp(1), best = some.argmax(1);
    for (std::int64_t row = 0; row < some.size(0); ++row) {
      const std::int32_t target = targets[first + row];
      const float norm = log_sum.const_data_ptr<float>()[row];
      if (!std::isfinite(norm)) throw_row(first + row);
      scores.push_back({static_cast<double>(some.const_data_ptr<float>()[row * some.size(1) + target] - norm), best.const_data_ptr<std::int64_t>()[row] == target});
    }
  });
  return scores;
}

std::vector<std::int32_t> greedy_tokens(const Model& model, const at::Tensor& normed) {
  const c10::InferenceMode no_gradients;
  std::vector<std::int32_t> tokens;
  for_each_chunk(model, normed, [&](std::int64_t first, const at::Tensor& some) {
    const auto [value, best] = some.max(1);
    for (std::int64_t row = 0; row < some.size(0); ++row) {
      if (!std::isfinite(value.const_data_ptr<float>()[row])) throw_row(first + row);
      tokens.push_back(static_cast<std::int32_t>(best.const_data_ptr<std::int64_t>()[row]));
    }
  });
  return tokens;
}

}  // namespace winnow
