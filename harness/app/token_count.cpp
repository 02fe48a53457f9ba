#include "harness/app/token_count.h"

#include <algorithm>
#include <map>
#include <type_traits>

#include "harness/api/task.h"

namespace winnow {
namespace {

constexpr std::size_t kMaxExamples = 64;

class Counter {
 public:
  explicit Counter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // Choices of one question that differ in their last token only are forwarded once.
  void add(const Example& example) {
    std::map<std::string, std::size_t> contexts;
    for (const Request& request : example.requests) {
      std::visit(
          [&](const auto& asked) {
            using Kind = std::decay_t<decltype(asked)>;
            if constexpr (std::is_same_v<Kind, ScoreRequest>) {
              const auto [context, is_new] = contexts.try_emplace(asked.context, 0);
              if (is_new) context->second = tokens_of(asked.context);
              const std::size_t whole = tokens_of(asked.context + asked.continuation);
              if (is_new || whole > context->second + 1) count.prompt += static_cast<double>(whole) - 1;
            } else if constexpr (std::is_same_v<Kind, RollingRequest>) {
              count.prompt += static_cast<double>(tokens_of(asked.text));
            } else if constexpr (std::is_same_v<Kind, GenerateRequest>) {
              count.prompt += static_cast<double>(tokens_of(asked.context));
              count.generated += asked.max_new_tokens;
            } else {
              count.prompt += static_cast<double>(asked.context.size() + asked.continuation.size());
            }
          },
          request);
    }
  }

  TokenCount count;

 private:
  std::size_t tokens_of(const std::string& text) const { return tokenizer_.encode(text, Tokenizer::Special::kAdd).size(); }

  const Tokenizer& tokenizer_;
};

}  // namespace

std::optional<TokenCount> count_tokens(const TaskSpec& spec, DatasetSource& datasets, const Tokenizer& tokenizer) {
  if (!Registry<Task>::instance().contains(spec.task)) return std::nullopt;
  const std::unique_ptr<Task> task = Registry<Task>::instance().make(spec.task, spec.settings);
  TaskInputs inputs{.datasets = &datasets, .encode = {}, .bos_id = tokenizer.bos_id()};
  inputs.encode = [&](std::string_view text) { return tokenizer.encode(text, Tokenizer::Special::kAdd); };
  const ExampleList examples = task->examples(inputs);
  const std::size_t looked_at = std::min(examples.count, kMaxExamples);
  Counter counter(tokenizer);
  for (std::size_t i = 0; i < looked_at; ++i) counter.add(examples.make(i * examples.count / looked_at));
  const double scale = looked_at == 0 ? 0 : static_cast<double>(examples.count) / static_cast<double>(looked_at);
  counter.count.prompt *= scale;
  counter.count.generated *= scale;
  counter.count.is_sampled = looked_at < examples.count;
  return counter.count;
}

}  // namespace winnow
