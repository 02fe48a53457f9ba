#pragma once
#include <map>
#include <string>
#include <vector>

#include "harness/demo/knowledge.h"
#include "harness/demo/puzzles.h"

namespace winnow::demo {

const Words& mmlu_subjects();

inline constexpr std::size_t kTrainQuestions = 3400;  // of every subject; more of some follow

struct LetteredQuestion {
  std::string premises, question;
  Words choices;  // four
  char letter;    // 'A' to 'D'
};

// The questions of a subject by split ("auxiliary_train", "dev", "val", "test"): no two alike, letters balanced.
std::map<std::string, std::vector<LetteredQuestion>> questions_of(const Knowledge& knowledge, const std::string& subject);

std::string questions_csv(const std::vector<LetteredQuestion>& questions);            // MMLU's file: question,A,B,C,D,letter
std::string as_prompt(const std::string& subject, const LetteredQuestion& question);  // as the mmlu task asks, with the letter

}  // namespace winnow::demo
