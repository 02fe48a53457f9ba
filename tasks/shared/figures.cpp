#include "tasks/shared/figures.h"

#include "harness/core/python_random.h"

namespace winnow {

Metric& Figures::add(std::string name, double value, std::string unit, Better better) {
  Metric metric;
  metric.name = std::move(name);
  metric.value = value;
  metric.unit = std::move(unit);
  metric.higher_is_better = better == Better::kHigher;
  metric.count = 1;
  metrics_.push_back(std::move(metric));
  return metrics_.back();
}

TokenSequences random_prompts(std::size_t count, std::size_t length, std::int64_t vocabulary, std::uint64_t seed) {
  PythonRandom random(seed);
  TokenSequences prompts(count, std::vector<std::int32_t>(length));
  for (auto& prompt : prompts) {
    for (std::int32_t& id : prompt) id = static_cast<std::int32_t>(random.uniform() * static_cast<double>(vocabulary));
  }
  return prompts;
}

void check_room(const MeasuredModel& model, std::string_view task, std::int64_t context, std::int64_t new_tokens) {
  const std::int64_t room = model.max_positions();
  if (room <= 0 || context + new_tokens <= room) return;
  throw input_error("task {}: a context of {} and {} new tokens make {} positions, the model has {}; lower \"context\" or \"new_tokens\"", task, context,
                    new_tokens, context + new_tokens, room);
}

}  // namespace winnow
