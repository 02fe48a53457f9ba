#pragma once
#include <set>
#include <string>
#include <vector>

#include "harness/demo/story.h"

namespace winnow::demo {

std::vector<ProblemTemplate> all_problems();

// Which split a filling belongs to is decided by its hash alone, so no filling is in two.
enum class ProblemSplit { kTrain, kTest, kCalibration };
ProblemSplit split_of(const std::string& filling);

// `count` problems of a split, no question twice, templates in turn.
std::vector<Problem> problems_of(ProblemSplit split, std::size_t count, std::uint64_t seed);

std::string problems_jsonl(const std::vector<Problem>& problems);  // GSM8K's file: {"question": …, "answer": …} a line
std::string as_prompt(const Problem& problem);                     // "Question: …\nAnswer: …", as the gsm8k task asks

}  // namespace winnow::demo
