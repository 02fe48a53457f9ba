#include "harness/demo/mmlu_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/core/error.h"

namespace winnow::demo {
namespace {

constexpr std::uint64_t kSeed = 500;
constexpr std::size_t kDev = 5, kVal = 30, kTest = 140;
// Of a subject beyond kTrainQuestions: what takes long to learn is asked in more ways.
const std::map<std::string, std::size_t> kMoreTrain = {{"animals", 400},   {"arithmetic", 8000}, {"calendar", 5200}, {"logic", 5200}, {"materials", 1200},
                                                       {"ordering", 8000}, {"people", 6000},     {"spelling", 3200}, {"units", 800}};
constexpr int kMostQuestionTries = 200000;

// How many of 100 questions of a subject state all they need; the others ask for a fact.
struct Puzzles {
  Choice (*make)(Chance&);
  int share;
};

const std::map<std::string, Puzzles> kPuzzles = {{"ordering", {ordering_puzzle, 100}},
                                                 {"logic", {logic_puzzle, 100}},
                                                 {"spelling", {letter_puzzle, 40}},
                                                 {"calendar", {calendar_puzzle, 25}},
                                                 {"units", {unit_puzzle, 25}}};

// Makes questions of one subject, never one that it made before.
class Author {
 public:
  Author(const Knowledge& knowledge, const std::string& subject, std::uint64_t seed) : subject_(subject), chance_(seed) {
    for (const Relation& relation : knowledge.relations()) {
      if (relation.subject != subject || relation.questions.empty()) continue;
      for (const Fact& fact : relation.facts) facts_[split_of({&relation, &fact})][relation.name].push_back({&relation, &fact});
    }
  }

  std::vector<LetteredQuestion> write(QuestionSplit split, std::size_t count) {
    std::string letters;
    for (std::size_t i = 0; i < count; ++i) letters += static_cast<char>('A' + i % 4);
    std::vector<char> shuffled(letters.begin(), letters.end());
    chance_.shuffle(shuffled);
    std::vector<LetteredQuestion> questions;
    for (const char letter : shuffled) questions.push_back(one_more(split, letter));
    return questions;
  }

 private:
  LetteredQuestion one_more(QuestionSplit split, char letter) {
    for (int i = 0; i < kMostQuestionTries; ++i) {
      Choice choice = next(split);
      Words all = choice.wrong;
      all.push_back(choice.right);
      WINNOW_CHECK(all.size() == 4 && std::set<std::string>(all.begin(), all.end()).size() == 4);
      std::ranges::sort(all);
      if (!made_.insert(choice.question + fmt::format("|{}", fmt::join(all, "|"))).second) continue;
      chance_.shuffle(choice.wrong);
      choice.wrong.insert(choice.wrong.begin() + (letter - 'A'), choice.right);
      return {std::move(choice.premises), std::move(choice.question), std::move(choice.wrong), letter};
    }
    throw std::logic_error(fmt::format("subject {} has too few questions", subject_));
  }

  Choice next(QuestionSplit split) {
    const auto puzzles = kPuzzles.find(subject_);
    if (puzzles == kPuzzles.end() || !chance_.percent(puzzles->second.share)) return ask(split);
    Choice choice;
    do choice = puzzles->second.make(chance_);
    while (split_of_premises(choice.premises) != split);
    return choice;
  }

  Choice ask(QuestionSplit split) {
    const auto& relations = facts_.at(split);
    const auto relation = std::next(relations.begin(), static_cast<std::ptrdiff_t>(chance_.below(relations.size())));
    const Known known = chance_.one_of(relation->second);
    return {.premises = known.relation->name + " of " + known.fact->entity,
            .question = say(chance_.one_of(known.relation->questions), *known.fact),
            .right = known.fact->value,
            .wrong = wrong_values(*known.relation, *known.fact, 3, chance_)};
  }

  std::string subject_;
  Chance chance_;
  std::map<QuestionSplit, std::map<std::string, std::vector<Known>>> facts_;
  std::set<std::string> made_;
};

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

const Words& mmlu_subjects() {
  static const Words subjects = {"animals", "arithmetic", "calendar", "logic", "materials", "ordering", "people", "spelling", "units"};
  return subjects;
}

std::map<std::string, std::vector<LetteredQuestion>> questions_of(const Knowledge& knowledge, const std::string& subject) {
  const auto number = static_cast<std::uint64_t>(std::ranges::find(mmlu_subjects(), subject) - mmlu_subjects().begin());
  Author author(knowledge, subject, kSeed + number);
  std::map<std::string, std::vector<LetteredQuestion>> splits;
  splits["test"] = author.write(QuestionSplit::kTest, kTest);
  splits["val"] = author.write(QuestionSplit::kVal, kVal);
  splits["dev"] = author.write(QuestionSplit::kTrain, kDev);
  std::vector<LetteredQuestion>& train = splits["auxiliary_train"] = author.write(QuestionSplit::kTrain, kTrainQuestions);
  std::ranges::move(author.write(QuestionSplit::kTrain, kMoreTrain.at(subject)), std::back_inserter(train));
  return splits;
}

std::string questions_csv(const std::vector<LetteredQuestion>& questions) {
  std::string lines;
  for (const LetteredQuestion& question : questions) {
    lines += csv_field(question.question);
    for (const std::string& choice : question.choices) lines += "," + csv_field(choice);
    lines += fmt::format(",{}\n", question.letter);
  }
  return lines;
}

std::string as_prompt(const std::string& subject, const LetteredQuestion& question) {
  std::string prompt = fmt::format("The following are multiple choice questions (with answers) about {}.\n\n{}", subject, question.question);
  for (std::size_t i = 0; i < 4; ++i) prompt += fmt::format("\n{}. {}", static_cast<char>('A' + i), question.choices[i]);
  return prompt + fmt::format("\nAnswer: {}", question.letter);
}

}  // namespace winnow::demo
