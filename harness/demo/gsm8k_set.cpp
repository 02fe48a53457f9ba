#include "harness/demo/gsm8k_set.h"

#include "harness/core/error.h"
#include "harness/core/json.h"

namespace winnow::demo {
namespace {

constexpr int kTestShare = 8, kCalibrationShare = 2;  // of 100 fillings
constexpr int kMostTries = 100000;

Problem one_more(const ProblemTemplate& form, ProblemSplit split, Chance& chance, std::set<std::string>& questions) {
  for (int i = 0; i < kMostTries; ++i) {
    Story story(form.name, chance);
    form.tell(story);
    std::optional<Problem> problem = story.finish();
    if (problem && split_of(problem->filling) == split && questions.insert(problem->question).second) return *std::move(problem);
  }
  throw std::logic_error(fmt::format("template {} has too few fillings", form.name));
}

}  // namespace

std::vector<ProblemTemplate> all_problems() {
  std::vector<ProblemTemplate> all;
  for (const auto& themed : {money_problems(), time_problems(), sharing_problems(), rate_problems(), comparison_problems(), percent_problems()}) {
    all.insert(all.end(), themed.begin(), themed.end());
  }
  return all;
}

ProblemSplit split_of(const std::string& filling) {
  const int share = share_of("gsm8k " + filling);
  return share < kTestShare ? ProblemSplit::kTest : share < kTestShare + kCalibrationShare ? ProblemSplit::kCalibration : ProblemSplit::kTrain;
}

std::vector<Problem> problems_of(ProblemSplit split, std::size_t count, std::uint64_t seed) {
  const std::vector<ProblemTemplate> forms = all_problems();
  Chance chance(seed);
  std::set<std::string> questions;
  std::vector<Problem> problems;
  for (std::size_t i = 0; i < count; ++i) problems.push_back(one_more(forms[i % forms.size()], split, chance, questions));
  chance.shuffle(problems);
  return problems;
}

std::string problems_jsonl(const std::vector<Problem>& problems) {
  std::string lines;
  for (const Problem& problem : problems) lines += OrderedJson{{"question", problem.question}, {"answer", problem.answer}}.dump() + "\n";
  return lines;
}

std::string as_prompt(const Problem& problem) { return fmt::format("Question: {}\nAnswer: {}", problem.question, problem.answer); }

}  // namespace winnow::demo
