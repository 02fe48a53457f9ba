#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/api/measure.h"
#include "harness/api/task.h"
#include "tasks/shared/token_windows.h"

namespace winnow {

// The text that measurements compare models on: windows of a data set as `perplexity` cuts them, or the prompts of a task.
class ComparedText {
 public:
  // dataset, split, window, bos, method, limit; prompts_of, prompt_settings, max_length.
  static std::vector<Setting> settings();
  ComparedText(std::string_view task, const Params& params);

  std::vector<DatasetPart> reads() const;
  void check(DatasetSource& datasets) const;
  // At least one. Of a task's examples each prompt once, cut on the left to "max_length" or the model's positions; all tokens but the first are predicted.
  std::vector<TokenWindow> windows(DatasetSource& datasets, const MeasuredModel& model) const;
  // "12 windows of 2048 tokens (full) of wikitext2 test", "8 prompts of gsm8k".
  std::string describe(std::size_t windows) const;

 private:
  std::vector<TokenWindow> prompts(DatasetSource& datasets, const MeasuredModel& model) const;

  std::string task_;
  std::optional<std::size_t> limit_;
  std::optional<std::size_t> max_length_;
  WindowSettings windows_;  // of the data set
  std::string prompts_of_;  // or a task's name
  std::shared_ptr<Task> asked_;
};

}  // namespace winnow
