#include <fmt/format.h>

#include <algorithm>

#include "harness/demo/puzzles.h"

namespace winnow::demo {
namespace {

struct Scale {
  const char *more, *most, *least;
};

const std::vector<Scale> kScales = {
    {"taller", "tallest", "shortest"}, {"older", "oldest", "youngest"}, {"faster", "fastest", "slowest"}, {"stronger", "strongest", "weakest"}};

Choice chain(Chance& chance) {
  const Words who = names(4, chance);  // the last is not in the chain
  const Scale scale = chance.one_of(kScales);
  Words sentences = {fmt::format("{} is {} than {}.", who[0], scale.more, who[1]), fmt::format("{} is {} than {}.", who[1], scale.more, who[2])};
  if (chance.percent(30)) std::swap(sentences[0], sentences[1]);
  const bool top = chance.percent(50);
  const std::string asked = top ? scale.most : scale.least;
  return {.premises = joined(sentences, " ") + asked,
          .question = joined(sentences, " ") + fmt::format(fmt::runtime(chance.one_of<std::string>({" Who is the {}?", " Which of them is the {}?"})), asked),
          .right = who[top ? 0 : 2],
          .wrong = {who[1], who[top ? 2 : 0], who[3]}};
}

Choice ages(Chance& chance) {
  const Words who = names(4, chance);
  std::vector<int> ages;
  for (int age = 5; age <= 70; age += 3) ages.push_back(age + chance.number(0, 2));
  ages = chance.some_of(ages, 4);
  const bool oldest = chance.percent(50);
  const auto at = static_cast<std::size_t>((oldest ? std::ranges::max_element(ages) : std::ranges::min_element(ages)) - ages.begin());
  Choice choice{.premises = fmt::format("{} {} {}", joined(who, " "), fmt::join(ages, " "), oldest),
                .question = fmt::format("{} is {} years old, {} is {}, {} is {} and {} is {}. Who is the {}?", who[0], ages[0], who[1], ages[1], who[2],
                                        ages[2], who[3], ages[3], oldest ? "oldest" : "youngest"),
                .right = who[at],
                .wrong = who};
  std::erase(choice.wrong, choice.right);
  return choice;
}

Choice race(Chance& chance) {
  const Words who = names(4, chance);
  const bool first = chance.percent(50);
  return {.premises = fmt::format("race {} {}", joined(who, " "), first),
          .question = fmt::format("In a race {} comes in before {}, {} before {} and {} before {}. Who {}?", who[0], who[1], who[1], who[2], who[2], who[3],
                                  first ? chance.one_of<std::string>({"wins", "comes in first"}) : std::string("comes in last")),
          .right = who[first ? 0 : 3],
          .wrong = {who[1], who[2], who[first ? 3 : 0]}};
}

Choice numbers(Chance& chance) {
  std::vector<int> numbers;
  for (int i = 0; i < 4; ++i) numbers.push_back(chance.number(1 + 24 * i, 20 + 24 * i));
  const bool largest = chance.percent(50);
  Choice choice{.premises = fmt::format("{} {}", fmt::join(numbers, " "), largest),
                .question = fmt::format(fmt::runtime(chance.one_of<std::string>({"Which of these numbers is the {}?", "Which number is the {}?"})),
                                        largest ? "largest" : "smallest"),
                .right = std::to_string(largest ? numbers.back() : numbers.front()),
                .wrong = {}};
  for (const int number : numbers) {
    if (std::to_string(number) != choice.right) choice.wrong.push_back(std::to_string(number));
  }
  return choice;
}

}  // namespace

Choice ordering_puzzle(Chance& chance) {
  const int kind = chance.number(1, 100);
  return kind <= 40 ? chain(chance) : kind <= 60 ? ages(chance) : kind <= 80 ? race(chance) : numbers(chance);
}

}  // namespace winnow::demo
