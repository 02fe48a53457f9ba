#include "harness/demo/story.h"

#include <algorithm>

#include "harness/core/error.h"

namespace winnow::demo {
namespace {

constexpr int kLargest = 999;
constexpr int kLargestFactor = 12;
constexpr int kDistractedShare = 15;

bool seen(const std::vector<std::string>& used, const std::string& word) { return std::ranges::find(used, word) != used.end(); }

}  // namespace

Person Story::person() {
  Person person;
  do person = chance_.one_of(people());
  while (seen(used_, person.name));
  used_.push_back(person.name);
  return person;
}

Thing Story::thing(const Things& things) {
  Thing thing;
  do thing = chance_.one_of(things);
  while (seen(used_, thing.one));
  used_.push_back(thing.one);
  return thing;
}

int Story::number(int low, int high) {
  const int value = chance_.number(low, high);
  filling_ += fmt::format(" {}", value);
  return value;
}

int Story::among(const std::vector<int>& numbers) {
  const int value = chance_.one_of(numbers);
  filling_ += fmt::format(" {}", value);
  return value;
}

int Story::step(const std::string& lead, int left, char operation, int right, const Thing& unit) {
  switch (operation) {
    case '+': result_ = left + right; break;
    case '-': result_ = left - right; break;
    case '*':
      result_ = left * right;
      need(std::min(left, right) <= kLargestFactor);
      break;
    case '/':
      need(right > 0 && right <= kLargestFactor && left % std::max(right, 1) == 0);
      result_ = left / std::max(right, 1);
      break;
    default: WINNOW_CHECK(false);
  }
  need(result_ > 0 && result_ <= kLargest);
  lines_ += fmt::format("{} {} {} {} = {}.\n", lead, left, operation, right, amount(result_, unit));
  return result_;
}

std::string Story::distraction() {
  const std::string other = person().name;
  const int n = chance_.number(2, 19);
  static const Words kinds = {"The street has {1} trees.",  "{0} has {1} cousins.",          "It is {1} degrees outside.",
                              "The house has {1} windows.", "{0} is away for {1} days now.", "A dog barks {1} times."};
  return fmt::format(fmt::runtime(chance_.one_of(kinds)), other, n);
}

std::optional<Problem> Story::finish() {
  WINNOW_CHECK(!sentences_.empty() && !asked_.empty() && !lines_.empty());
  if (!valid_) return std::nullopt;
  if (chance_.percent(kDistractedShare)) sentences_.insert(sentences_.begin() + chance_.number(1, static_cast<int>(sentences_.size())), distraction());
  Problem problem{.filling = filling_, .question = "", .answer = lines_ + fmt::format("#### {}", result_), .result = result_};
  for (const std::string& sentence : sentences_) problem.question += sentence + " ";
  problem.question += asked_;
  return problem;
}

}  // namespace winnow::demo
