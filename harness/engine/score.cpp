#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "harness/core/error.h"
#include "harness/engine/forward.h"
#include "harness/engine/kernels/cpu_path.h"
#include "harness/engine/kernels/rows.h"
#include "harness/engine/parallel.h"

namespace winnow {
namespace {

[[noreturn]] void throw_row(std::int64_t row) { throw std::runtime_error(fmt::format("the logits of row {} are not finite", row)); }

template <class T>
std::vector<RowStatistics> statistics_by_kernels(const at::Tensor& some) {
  std::vector<RowStatistics> statistics(some.size(0));
  const T* from = some.const_data_ptr<T>();
  const std::int64_t size = some.size(1);
  run_tasks(some.size(0), [&](std::int64_t row) { statistics[row] = row_statistics(from + row * size, size); });
  return statistics;
}

std::vector<RowStatistics> statistics_of(const at::Tensor& some) {
  if (path_of(some) != CpuPath::kOperators) return some.scalar_type() == at::kFloat ? statistics_by_kernels<float>(some) : statistics_by_kernels<at::BFloat16>(some);
  const at::Tensor wide = some.to(at::kFloat);
  const at::Tensor log_sum = wide.logsumexp(1).cpu(), largest = wide.amax(1).cpu(), argmax = wide.argmax(1).cpu();
  std::vector<RowStatistics> statistics;
  for (std::int64_t row = 0; row < some.size(0); ++row) {
    statistics.push_back({largest.const_data_ptr<float>()[row], log_sum.const_data_ptr<float>()[row], argmax.const_data_ptr<std::int64_t>()[row]});
  }
  return statistics;
}

// Calls use(row, its statistics, logits [n, vocabulary], its place there), one chunk of rows after another.
template <class Use>
void for_each_row(const Model& model, const at::Tensor& normed, const Use& use) {
  const c10::InferenceMode no_gradients;
  const std::int64_t rows = normed.size(0);
  const std::int64_t chunk = std::clamp<std::int64_t>((std::int64_t{8} << 20) / model.config.vocabulary, 1, 256);
  for (std::int64_t first = 0; first < rows; first += chunk) {
    const at::Tensor some = logits(model, normed.narrow(0, first, std::min(chunk, rows - first)));
    const std::vector<RowStatistics> statistics = statistics_of(some);
    for (std::int64_t row = 0; row < some.size(0); ++row) {
      if (!std::isfinite(statistics[row].log_sum)) throw_row(first + row);
      use(first + row, statistics[row], some, row);
    }
  }
}

}  // namespace

std::vector<TokenScore> score_rows(const Model& model, const at::Tensor& normed, const std::vector<std::int32_t>& targets) {
  WINNOW_CHECK(normed.size(0) == static_cast<std::int64_t>(targets.size()));
  std::vector<TokenScore> scores;
  scores.reserve(targets.size());
  for_each_row(model, normed, [&](std::int64_t row, const RowStatistics& statistics, const at::Tensor& some, std::int64_t place) {
    const float logit = some[place][targets[row]].item<float>();
    scores.push_back({static_cast<double>(logit - statistics.log_sum), statistics.argmax == targets[row]});
  });
  return scores;
}

std::vector<std::int32_t> greedy_tokens(const Model& model, const at::Tensor& normed) {
  std::vector<std::int32_t> tokens;
  for_each_row(model, normed, [&](std::int64_t, const RowStatistics& statistics, const at::Tensor&, std::int64_t) {
    tokens.push_back(static_cast<std::int32_t>(statistics.argmax));
  });
  return tokens;
}

}  // namespace winnow
