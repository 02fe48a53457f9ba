#include <fmt/format.h>

#include <algorithm>

#include "harness/demo/puzzles.h"

namespace winnow::demo {
namespace {

const Words kTimes = {"second", "minute", "hour", "day", "week", "month", "year", "decade", "century"};
const Words kLetters = {"a", "b", "d", "e", "f", "g", "h", "k", "l", "m", "n", "o", "p", "r", "s", "t"};

// Four of an ordered list; which of them stands first or last in it?
Choice end_of(const Words& order, const std::string& first_question, const std::string& last_question, Chance& chance) {
  std::vector<std::size_t> places(order.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  places = chance.some_of(places, 4);
  std::ranges::sort(places);
  const bool first = chance.percent(50);
  Choice choice{.premises = fmt::format("{} {}", fmt::join(places, " "), first ? first_question : last_question),
                .question = first ? first_question : last_question,
                .right = order[first ? places.front() : places.back()],
                .wrong = {}};
  for (const std::size_t place : places) {
    if (order[place] != choice.right) choice.wrong.push_back(order[place]);
  }
  return choice;
}

Choice letter_at(Chance& chance) {
  const Words letters = chance.some_of(kLetters, 4);
  static const Words places = {"first", "second", "third", "last"};
  const std::size_t at = chance.below(4);
  Choice choice{.premises = joined(letters, "") + places[at],
                .question = fmt::format("The letters are {}. Which one comes {}?", joined(letters, ", "), places[at]),
                .right = letters[at],
                .wrong = letters};
  std::erase(choice.wrong, choice.right);
  return choice;
}

Choice letter_count(Chance& chance) {
  const std::size_t count = 3 + chance.below(4);
  const Words letters = chance.some_of(kLetters, count);
  Choice choice{
      .premises = joined(letters, ""), .question = fmt::format("How many letters are there: {}?", joined(letters, ", ")), .right = kCounts[count], .wrong = {}};
  for (std::size_t i = 3; i <= 6; ++i) {
    if (i != count) choice.wrong.push_back(kCounts[i]);
  }
  return choice;
}

Choice backwards(Chance& chance) {
  const Words l = chance.some_of(kLetters, 3);
  return {.premises = "backwards " + joined(l, ""),
          .question = fmt::format("What are the letters {} read backwards?", joined(l, " ")),
          .right = joined({l[2], l[1], l[0]}, " "),
          .wrong = {joined({l[1], l[0], l[2]}, " "), joined({l[0], l[2], l[1]}, " "), joined({l[1], l[2], l[0]}, " ")}};
}

}  // namespace

Choice letter_puzzle(Chance& chance) {
  static const std::vector<Choice (*)(Chance&)> kinds = {letter_at, letter_count, backwards};
  return chance.one_of(kinds)(chance);
}

Choice calendar_puzzle(Chance& chance) {
  return end_of(kMonths, "Which of these months comes first in the year?", "Which of these months comes last in the year?", chance);
}

Choice unit_puzzle(Chance& chance) { return end_of(kTimes, "Which of these times is the shortest?", "Which of these times is the longest?", chance); }

}  // namespace winnow::demo
