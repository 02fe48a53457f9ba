#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "harness/demo/gsm8k_set.h"
#include "tests/support/demo_files.h"
#include "tests/support/errors.h"

namespace winnow::test {
namespace {

using demo::ProblemSplit;

// Lines of a worked answer but the last.
std::vector<std::string> steps_of(const std::string& answer) {
  std::istringstream lines(answer);
  std::vector<std::string> steps;
  for (std::string line; std::getline(lines, line);) steps.push_back(line);
  steps.pop_back();
  return steps;
}

// "… 3 * 4 = 12 apples.": what stands left of the equals sign worked out, and what the line says it is.
struct Worked {
  long found, stated;
};

Worked work_out(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
  const auto equals = std::ranges::find(all, "=");
  if (equals == all.end() || std::ranges::count(all, "=") != 1 || equals - all.begin() < 3 || all.end() - equals < 2) return {0, -1};
  const long left = std::stol(*(equals - 3)), right = std::stol(*(equals - 1)), stated = std::stol(*(equals + 1));
  const std::string sign = *(equals - 2);
  if (sign == "/") return {left % right == 0 ? left / right : 0, stated};
  return {sign == "+" ? left + right : sign == "-" ? left - right : sign == "*" ? left * right : 0, stated};
}

// The answer with people and things masked: what is left is the template and its numbers.
std::string fingerprint(const std::string& answer) {
  std::istringstream words(answer);
  std::string masked;
  for (std::string word; words >> word;) {
    std::string bare = word;
    std::erase(bare, '.');
    bool is_decoration = std::ranges::any_of(demo::people(), [&](const demo::Person& person) { return person.name == bare; });
    for (const demo::Things* things : {&demo::goods(), &demo::belongings(), &demo::parts(), &demo::containers(), &demo::fruit(), &demo::jobs_done()}) {
      is_decoration = is_decoration || std::ranges::any_of(*things, [&](const demo::Thing& thing) { return thing.one == bare || thing.many == bare; });
    }
    masked += (is_decoration ? "_" : word) + " ";
  }
  return masked;
}

std::set<std::string> fingerprints(const std::vector<std::string>& answers) {
  std::set<std::string> all;
  for (const std::string& answer : answers) all.insert(fingerprint(answer));
  return all;
}

std::vector<std::string> common(const std::set<std::string>& left, const std::set<std::string>& right) {
  std::vector<std::string> both;
  std::ranges::set_intersection(left, right, std::back_inserter(both));
  return both;
}

TEST(DemoProblems, EveryLineStatesOneRightOperationAndTheLastOneIsTheAnswer) {
  for (const char* split : {"train", "test"}) {
    const auto answers = demo_texts(fmt::format("gsm8k/{}.jsonl", split), "answer");
    EXPECT_EQ(answers.size(), split == std::string("train") ? 30'000u : 2'000u);
    for (const std::string& answer : answers) {
      const auto steps = steps_of(answer);
      ASSERT_TRUE(!steps.empty() && steps.size() <= 4) << answer;
      Worked worked{};
      for (const std::string& step : steps) {
        worked = work_out(step);
        ASSERT_EQ(worked.found, worked.stated) << answer;
        ASSERT_TRUE(worked.stated >= 1 && worked.stated <= 999) << answer;
      }
      ASSERT_TRUE(answer.ends_with(fmt::format("\n#### {}", worked.stated))) << answer;
    }
  }
}

TEST(DemoProblems, NoFillingOfATemplateIsInTwoSplits) {
  const auto train = fingerprints(demo_texts("gsm8k/train.jsonl", "answer")), test = fingerprints(demo_texts("gsm8k/test.jsonl", "answer"));
  std::set<std::string> worked;
  for (const std::string& row : demo_texts("text/worked_answers.jsonl", "text")) {
    for (std::size_t at = row.find("\nAnswer: "); at != std::string::npos; at = row.find("\nAnswer: ", at + 1)) {
      worked.insert(fingerprint(row.substr(at + 9, row.find("\n\n", at) - at - 9)));
    }
  }
  EXPECT_GT(train.size(), 15'000u);
  EXPECT_GT(test.size(), 1'000u);
  EXPECT_GT(worked.size(), 300u);
  EXPECT_THAT(common(train, test), testing::IsEmpty());
  EXPECT_THAT(common(train, worked), testing::IsEmpty());
  EXPECT_THAT(common(test, worked), testing::IsEmpty());
}

TEST(DemoProblems, NoQuestionIsThereTwice) {
  auto questions = demo_texts("gsm8k/train.jsonl", "question"), more = demo_texts("gsm8k/test.jsonl", "question");
  questions.insert(questions.end(), more.begin(), more.end());
  EXPECT_EQ(std::set<std::string>(questions.begin(), questions.end()).size(), questions.size());
}

TEST(DemoProblems, EveryTemplateIsInEverySplit) {
  const auto forms = demo::all_problems();
  EXPECT_GE(forms.size(), 30u);
  std::set<std::string> names;
  for (const demo::ProblemTemplate& form : forms) EXPECT_TRUE(names.insert(form.name).second) << form.name;
  for (const ProblemSplit split : {ProblemSplit::kTrain, ProblemSplit::kTest, ProblemSplit::kCalibration}) {
    std::set<std::string> seen;
    for (const demo::Problem& problem : demo::problems_of(split, forms.size(), 1)) {
      seen.insert(problem.filling.substr(0, problem.filling.find(' ')));
      EXPECT_EQ(demo::split_of(problem.filling), split);
    }
    EXPECT_EQ(seen, names);
  }
}

TEST(DemoProblems, SeedDecidesEverything) {
  const auto jsonl = [](std::uint64_t seed) { return demo::problems_jsonl(demo::problems_of(ProblemSplit::kTest, 100, seed)); };
  EXPECT_EQ(jsonl(1), jsonl(1));
  EXPECT_NE(jsonl(1), jsonl(2));
}

void needs_too_much(demo::Story& story) {
  story.say({"There are {0} hens."}, story.number(1, 1));
  story.ask({"How many?"});
  story.step("There are", 20, '*', 60, demo::kEggs);
}

void of_one(demo::Story& story) {
  story.say({"There are {0} eggs."}, story.number(7, 7));
  story.ask({"How many are left?"});
  story.step("Left are", 7, '-', 6, demo::kEggs);
}

TEST(DemoProblems, StoryThrowsAwayNumbersThatAreTooLargeOrDoNotDivide) {
  demo::Chance chance(1);
  demo::Story large("large", chance);
  needs_too_much(large);
  EXPECT_FALSE(large.finish().has_value());
  demo::Story broken("broken", chance);
  broken.say({"x"});
  broken.ask({"y?"});
  broken.step("Each gets", 7, '/', 2, demo::kEggs);
  EXPECT_FALSE(broken.finish().has_value());
}

TEST(DemoProblems, StoryKnowsOneFromMany) {
  demo::Chance chance(1);
  demo::Story story("one", chance);
  of_one(story);
  const auto problem = story.finish();
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->answer, "Left are 7 - 6 = 1 egg.\n#### 1");
  EXPECT_EQ(problem->filling, "one 7");
}

}  // namespace
}  // namespace winnow::test
