#pragma once
#include <memory>
#include <string>
#include <vector>

#include "harness/api/task.h"
#include "harness/core/settings.h"
#include "tasks/shared/common_settings.h"
#include "tasks/shared/few_shot.h"

namespace winnow {

// What tells the GSM8K tasks apart. All generate greedily, and grade the number found by a strict filter and by "the last number".
struct Gsm8kForm {
  std::string name;
  std::string before_question, after_question;  // around the question's text
  std::vector<std::string> until;
  std::string (*extract_strict)(std::string_view reply);
  enum class Target { kWholeAnswer, kAfterHashes } target = Target::kWholeAnswer;
  std::vector<SolvedExample> fixed_shots = {};  // instead of draws from the train split; questions as they stand in the prompt
};

std::vector<Setting> gsm8k_settings(const Gsm8kForm& form, const TaskDefaults& defaults);
std::unique_ptr<Task> make_gsm8k_task(const Gsm8kForm& form, const Params& params);

}  // namespace winnow
