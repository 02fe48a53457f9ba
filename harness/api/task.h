#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/api/dataset.h"
#include "harness/core/registry.h"
#include "harness/core/trial.h"
#include "harness/text/requests.h"

namespace winnow {

// One question with everything a model is asked about it.
struct Example {
  ExampleRecord record;
  std::string group;                // examples of one group follow each other and share the beginning of their contexts (MMLU: the subject)
  std::vector<std::int64_t> shots;  // rows of the pool that were drawn, in order
  std::vector<Request> requests;
};

// Examples in order, made when asked for: a whole task's prompts are never in memory at once.
struct ExampleList {
  std::size_t count = 0;
  std::function<Example(std::size_t index)> make;
  std::map<std::string, std::int64_t> documents = {};  // by leaf: how many there are without the limit; recorded where a limit is set
};

// What a task may read while it makes examples.
struct TaskInputs {
  DatasetSource* datasets = nullptr;
  // Token ids of a text with the model's special tokens; empty for models without a tokenizer (tasks that need it say so: needs_tokenizer).
  std::function<std::vector<std::int32_t>(std::string_view text)> encode;
  std::optional<std::int32_t> bos_id = {};
};

// Settings every task has beside its own: limit, shots, seed, split, max_length, add_bos, profile, until (tasks/shared/common_settings.h declares them).
class Task {
 public:
  static constexpr const char* kKind = "task";
  virtual ~Task() = default;

  virtual std::vector<DatasetPart> reads() const = 0;  // for digests and validation before any work
  virtual bool needs_tokenizer() const { return false; }
  // Throws Error(kInput) where the settings cannot work on the data: rows of another format, more shots than there are. Without a model, before any work.
  virtual void check(DatasetSource& /*datasets*/) const {}

  // Pure: the same inputs give the same examples.
  virtual ExampleList examples(const TaskInputs& inputs) const = 0;
  // Pure: one answer per filter. `responses` are in the order of example.requests.
  virtual std::vector<Answer> grade(const Example& example, std::span<const Response> responses) const = 0;
  // Pure: headline first; group and leaf scores carry their lm-eval name in Metric::leaf.
  virtual std::vector<Metric> aggregate(std::span<const ScoredAnswer> answers) const = 0;
};

}  // namespace winnow
