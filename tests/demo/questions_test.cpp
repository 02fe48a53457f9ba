#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "harness/demo/mmlu_set.h"
#include "tests/support/demo_files.h"
#include "tests/support/errors.h"

namespace winnow::test {
namespace {

using demo::Knowledge;
using demo::LetteredQuestion;
using demo::mmlu_subjects;

const Knowledge& knowledge() {
  static const Knowledge all;
  return all;
}

// One generation for all tests here.
const std::map<std::string, std::map<std::string, std::vector<LetteredQuestion>>>& generated() {
  static const auto all = [] {
    std::map<std::string, std::map<std::string, std::vector<LetteredQuestion>>> subjects;
    for (const std::string& subject : mmlu_subjects()) subjects[subject] = demo::questions_of(knowledge(), subject);
    return subjects;
  }();
  return all;
}

// "What is 4 + 11?": the numbers in order where that does not matter, and the result.
struct Sum {
  std::string key;
  int result = -1;
};

Sum sum_in(std::string question) {
  std::erase(question, '?');
  std::istringstream words(question);
  std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
  for (std::size_t i = 1; i + 1 < all.size(); ++i) {
    if (all[i].size() != 1 || std::string("+-*/").find(all[i]) == std::string::npos) continue;
    int left = std::stoi(all[i - 1]), right = std::stoi(all[i + 1]);
    const char sign = all[i][0];
    const int result = sign == '+' ? left + right : sign == '-' ? left - right : sign == '*' ? left * right : left / right;
    if (sign == '+' || sign == '*') std::tie(left, right) = std::minmax({left, right});
    return {fmt::format("{}{}{}", left, sign, right), result};
  }
  return {};
}

TEST(DemoQuestions, AreNineSubjectsWithEnoughToTest) {
  EXPECT_EQ(mmlu_subjects().size(), 9u);
  std::size_t test = 0, train = 0;
  for (const std::string& subject : mmlu_subjects()) {
    test += demo_questions(subject, "test").size();
    train += demo_questions(subject, "auxiliary_train").size();
    EXPECT_EQ(demo_questions(subject, "dev").size(), 5u);
  }
  EXPECT_EQ(test, 1260u);
  EXPECT_EQ(train, 68600u);
}

TEST(DemoQuestions, LettersAreBalancedInEverySubject) {
  for (const std::string& subject : mmlu_subjects()) {
    for (const char* split : {"test", "auxiliary_train"}) {
      std::map<char, std::size_t> letters;
      const auto questions = demo_questions(subject, split);
      for (const DemoQuestion& question : questions) ++letters[question.letter];
      for (const char letter : {'A', 'B', 'C', 'D'}) EXPECT_EQ(letters[letter], questions.size() / 4) << subject << " " << split << " " << letter;
    }
  }
}

TEST(DemoQuestions, OptionsAreFourShortOnesThatDiffer) {
  for (const std::string& subject : mmlu_subjects()) {
    for (const DemoQuestion& question : demo_questions(subject, "test")) {
      EXPECT_EQ(std::set<std::string>(question.choices.begin(), question.choices.end()).size(), 4u) << question.question;
      for (const std::string& choice : question.choices) {
        EXPECT_FALSE(choice.empty());
        EXPECT_LE(std::ranges::count(choice, ' '), 2) << choice;
      }
    }
  }
}

TEST(DemoQuestions, NoPremisesAndNoFactAreInTwoSplits) {
  for (const auto& [subject, splits] : generated()) {
    std::map<std::string, std::string> split_of_premises;
    for (const auto& [split, questions] : splits) {
      const std::string side = split == "dev" || split == "auxiliary_train" ? "train" : split;
      for (const LetteredQuestion& question : questions) {
        const auto [at, is_new] = split_of_premises.try_emplace(question.premises, side);
        EXPECT_EQ(at->second, side) << subject << ": " << question.premises;
      }
    }
  }
}

TEST(DemoQuestions, NoSumIsInTwoSplitsWhateverTheOrderOfItsNumbers) {
  std::set<std::string> train;
  for (const char* split : {"auxiliary_train", "dev", "val"}) {
    for (const DemoQuestion& question : demo_questions("arithmetic", split)) train.insert(sum_in(question.question).key);
  }
  EXPECT_GT(train.size(), 200u);
  for (const DemoQuestion& question : demo_questions("arithmetic", "test")) EXPECT_FALSE(train.contains(sum_in(question.question).key)) << question.question;
}

TEST(DemoQuestions, SumsAreRightlyLettered) {
  for (const char* split : {"test", "val", "dev", "auxiliary_train"}) {
    for (const DemoQuestion& question : demo_questions("arithmetic", split)) {
      const Sum sum = sum_in(question.question);
      EXPECT_EQ(question.choices.at(static_cast<std::size_t>(question.letter - 'A')), std::to_string(sum.result)) << question.question;
    }
  }
}

TEST(DemoQuestions, AnswersOfFactsAreTheWorldsOwn) {
  for (const auto& [subject, splits] : generated()) {
    std::map<std::string, std::string> values;
    for (const demo::Relation& relation : knowledge().relations()) {
      for (const demo::Fact& fact : relation.facts) values[relation.name + " of " + fact.entity] = fact.value;
    }
    for (const auto& [split, questions] : splits) {
      for (const LetteredQuestion& question : questions) {
        const auto value = values.find(question.premises);
        if (value == values.end()) continue;  // a question that states its premises
        EXPECT_EQ(question.choices.at(static_cast<std::size_t>(question.letter - 'A')), value->second) << question.question;
      }
    }
  }
}

TEST(DemoQuestions, OldestAndYoungestAreThoseOfTheAgesInTheQuestion) {
  int checked = 0;
  for (const DemoQuestion& question : demo_questions("ordering", "test")) {
    if (question.question.find(" years old, ") == std::string::npos) continue;
    std::string text = question.question;
    std::erase(text, ',');
    std::istringstream words(text);
    std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
    std::map<int, std::string> by_age;
    for (std::size_t i = 1; i + 1 < all.size(); ++i) {
      if (all[i] == "is" && std::isdigit(static_cast<unsigned char>(all[i + 1][0]))) by_age[std::stoi(all[i + 1])] = all[i - 1];
    }
    ASSERT_EQ(by_age.size(), 4u) << question.question;
    const std::string expected = question.question.ends_with("oldest?") ? by_age.rbegin()->second : by_age.begin()->second;
    EXPECT_EQ(question.choices.at(static_cast<std::size_t>(question.letter - 'A')), expected) << question.question;
    ++checked;
  }
  EXPECT_GT(checked, 15);
}

TEST(DemoWorld, PeopleHaveEveryValueEquallyOften) {
  for (const demo::Relation& relation : demo::people_relations()) {
    EXPECT_EQ(relation.facts.size(), 60u);
    std::map<std::string, std::size_t> uses;
    for (const demo::Fact& fact : relation.facts) ++uses[fact.value];
    EXPECT_EQ(uses.size(), relation.values.size());
    for (const auto& [value, count] : uses) EXPECT_EQ(count, 60 / relation.values.size()) << value;
  }
}

TEST(DemoWorld, ValuesOfAFactAreAmongThoseOfItsRelation) {
  for (const demo::Relation& relation : knowledge().relations()) {
    if (relation.questions.empty() || relation.numbers_near) continue;
    for (const demo::Fact& fact : relation.facts) {
      EXPECT_THAT(relation.values, testing::Contains(fact.value)) << relation.name << " of " << fact.entity;
    }
    EXPECT_EQ(std::set<std::string>(relation.values.begin(), relation.values.end()).size(), relation.values.size()) << relation.name;
  }
}

TEST(DemoWorld, ASumIsOneFactInEitherOrder) {
  const auto sums = demo::arithmetic_relations();
  std::map<std::string, demo::Known> known;
  for (const demo::Fact& fact : sums.front().facts) known[fact.entity] = {&sums.front(), &fact};
  for (int a = 2; a <= 20; ++a) {
    for (int b = 2; b < a; ++b) EXPECT_EQ(demo::split_of(known.at(fmt::format("{} + {}", a, b))), demo::split_of(known.at(fmt::format("{} + {}", b, a))));
  }
}

}  // namespace
}  // namespace winnow::test
