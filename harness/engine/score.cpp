#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "harness/core/error.h"
#include "harness/engine/device_path.h"
#include "harness/engine/forward.h"
#include "harness/engine/kernels/cpu_path.h"
#include "harness/engine/kernels/rows.h"
#include "harness/engine/parallel.h"

namespace winnow {
namespace {

template <class T>
std::vector<RowStatistics> statistics_by_kernels(const at::Tensor& some) {
  std::vector<RowStatistics> statistics(some.size(0));
  const T* from = some.const_data_ptr<T>();
  const std::int64_t size = some.size(1);
  run_tasks(some.size(0), [&](std::int64_t row) { statistics[row] = row_statistics(from + row * size, size); });
  return statistics;
}

std::vector<RowStatistics> statistics_of(const at::Tensor& some) {
  if (path_of(some) != CpuPath::kOperators)
    return some.scalar_type() == at::kFloat ? statistics_by_kernels<float>(some) : statistics_by_kernels<at::BFloat16>(some);
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
      if (!std::isfinite(statistics[row].log_sum)) throw_non_finite_logits(first + row);
      use(first + row, statistics[row], some, row);
    }
  }
}

// Calls add(logits f32 [n, vocabulary], first row) for chunks of rows; joins what it returns, [n] by column, to [rows, columns] on the device.
template <class Add>
at::Tensor over_chunks_on_device(const Model& model, const at::Tensor& normed, const Add& add) {
  const c10::InferenceMode no_gradients;
  const std::int64_t rows = normed.size(0);
  const std::int64_t chunk = std::clamp<std::int64_t>((std::int64_t{32} << 20) / model.config.vocabulary, 1, 4096);
  std::vector<at::Tensor> parts;
  for (std::int64_t first = 0; first < rows; first += chunk) {
    const at::Tensor some = logits(model, normed.narrow(0, first, std::min(chunk, rows - first))).to(at::kFloat);
    parts.push_back(at::stack(add(some, first), 1));
  }
  return at::cat(parts);
}

void check_log_sums(const at::Tensor& numbers, std::int64_t column) {
  const at::Tensor finite = numbers.select(1, column).isfinite();
  for (std::int64_t row = 0; row < numbers.size(0); ++row) {
    if (!finite.const_data_ptr<bool>()[row]) throw_non_finite_logits(row);
  }
}

std::vector<TokenScore> score_on_device(const Model& model, const at::Tensor& normed, const std::vector<std::int32_t>& targets) {
  const at::Tensor wanted = at::tensor(targets, at::kInt).to(at::kLong).to(normed.device());
  const at::Tensor all =
      over_chunks_on_device(model, normed, [&](const at::Tensor& some, std::int64_t first) {
        const at::Tensor own = wanted.narrow(0, first, some.size(0)), log_sum = some.logsumexp(1);
        return std::vector<at::Tensor>{log_sum, some.gather(1, own.unsqueeze(1)).squeeze(1) - log_sum, (some.argmax(1) == own).to(at::kFloat)};
      }).cpu();
  check_log_sums(all, 0);
  std::vector<TokenScore> scores;
  const float* numbers = all.const_data_ptr<float>();
  for (std::size_t row = 0; row < targets.size(); ++row) scores.push_back({static_cast<double>(numbers[3 * row + 1]), numbers[3 * row + 2] != 0});
  return scores;
}

std::vector<std::int32_t> greedy_on_device(const Model& model, const at::Tensor& normed) {
  const at::Tensor all = greedy_numbers(model, normed).cpu();
  check_log_sums(all, 1);
  std::vector<std::int32_t> tokens;
  for (std::int64_t row = 0; row < all.size(0); ++row) tokens.push_back(static_cast<std::int32_t>(all.const_data_ptr<double>()[3 * row + 2]));
  return tokens;
}

}  // namespace

void throw_non_finite_logits(std::int64_t row) { throw std::runtime_error(fmt::format("the logits of row {} are not finite", row)); }

std::vector<TokenScore> score_rows(const Model& model, const at::Tensor& normed, const std::vector<std::int32_t>& targets) {
  WINNOW_CHECK(normed.size(0) == static_cast<std::int64_t>(targets.size()));
  if (targets.empty()) return {};
  if (takes_device_path(normed)) return score_on_device(model, normed, targets);
  std::vector<TokenScore> scores;
  scores.reserve(targets.size());
  for_each_row(model, normed, [&](std::int64_t row, const RowStatistics& statistics, const at::Tensor& some, std::int64_t place) {
    const float logit = some[place][targets[row]].item<float>();
    scores.push_back({static_cast<double>(logit - statistics.log_sum), statistics.argmax == targets[row]});
  });
  return scores;
}

std::vector<std::int32_t> greedy_tokens(const Model& model, const at::Tensor& normed) {
  if (normed.size(0) > 0 && takes_device_path(normed)) return greedy_on_device(model, normed);
  std::vector<std::int32_t> tokens;
  for_each_row(model, normed, [&](std::int64_t, const RowStatistics& statistics, const at::Tensor&, std::int64_t) {
    tokens.push_back(static_cast<std::int32_t>(statistics.argmax));
  });
  return tokens;
}

at::Tensor greedy_numbers(const Model& model, const at::Tensor& normed) {
  return over_chunks_on_device(model, normed, [&](const at::Tensor& some, std::int64_t first) {
    const at::Tensor finite = normed.narrow(0, first, some.size(0)).sum(1, /*keepdim=*/false, at::kFloat).isfinite();
    return std::vector<at::Tensor>{finite.to(at::kDouble), some.logsumexp(1).to(at::kDouble), some.argmax(1).to(at::kDouble)};
  });
}

}  // namespace winnow
