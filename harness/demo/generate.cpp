#include "harness/demo/generate.h"

#include <fmt/format.h>

#include "harness/core/json.h"
#include "harness/demo/gsm8k_set.h"
#include "harness/demo/mmlu_set.h"
#include "harness/demo/text_set.h"
#include "harness/demo/tokenizer_files.h"
#include "harness/demo/tokenizer_training.h"

namespace winnow::demo {
namespace {

constexpr std::uint64_t kProblemSeed = 100, kTestProblemSeed = 101;
// The tokenizer sees a part of the problems and questions, which repeat few words, so that more of the closed world's words become pieces.
constexpr std::size_t kProblemsThinned = 4, kQuestionsThinned = 4;
constexpr std::size_t kFactsRepeated = 250;
constexpr std::size_t kTrainProblems = 30000, kTestProblems = 2000;

std::vector<Problem> train_problems() { return problems_of(ProblemSplit::kTrain, kTrainProblems, kProblemSeed); }

}  // namespace

std::map<std::string, std::string> generate_datasets() {
  const Knowledge knowledge;
  std::map<std::string, std::string> files;
  files["demo/gsm8k/train.jsonl"] = problems_jsonl(train_problems());
  files["demo/gsm8k/test.jsonl"] = problems_jsonl(problems_of(ProblemSplit::kTest, kTestProblems, kTestProblemSeed));
  for (const std::string& subject : mmlu_subjects()) {
    for (const auto& [split, questions] : questions_of(knowledge, subject)) {
      files[fmt::format("demo/mmlu/{0}/{1}_{0}.csv", split, subject)] = questions_csv(questions);
    }
  }
  for (auto& [split, lines] : text_splits(knowledge)) files[fmt::format("demo/text/{}.jsonl", split)] = std::move(lines);
  return files;
}

std::map<std::string, std::string> generate_tokenizer() {
  const Knowledge knowledge;
  std::vector<std::string> texts;
  const std::vector<Problem> problems = train_problems();
  for (std::size_t i = 0; i < problems.size(); i += kProblemsThinned) texts.push_back(as_prompt(problems[i]));
  for (const std::string& subject : mmlu_subjects()) {
    const std::vector<LetteredQuestion> questions = questions_of(knowledge, subject).at("auxiliary_train");
    for (std::size_t i = 0; i < kTrainQuestions; i += kQuestionsThinned) texts.push_back(as_prompt(subject, questions[i]));
  }
  const std::string train = text_splits(knowledge).at("train");
  for (std::size_t begin = 0, documents = 0; documents < kTrainDocuments; ++documents) {
    const std::size_t end = train.find('\n', begin);
    texts.push_back(OrderedJson::parse(std::string_view(train).substr(begin, end - begin)).at("text").get<std::string>());
    begin = end + 1;
  }
  for (const char* subject : {"people", "materials", "animals"}) {
    for (const Known& known : knowledge.facts(subject))
      texts.insert(texts.end(), kFactsRepeated, fmt::format("{0} {1} {1}", known.fact->entity, known.fact->value));
  }
  const std::string model = train_tokenizer(texts);
  return {{"tokenizer.model", model},
          {"tokenizer.json", tokenizer_json(model)},
          {"tokenizer_config.json", tokenizer_config()},
          {"special_tokens_map.json", special_tokens_map()}};
}

}  // namespace winnow::demo
