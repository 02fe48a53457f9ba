#include "harness/demo/world.h"

#include <fmt/args.h>
#include <fmt/format.h>

#include <algorithm>

namespace winnow::demo {
namespace {

Words numbers_around(int value, std::size_t count, Chance& chance) {
  Words wrong;
  const auto add = [&](int number) {
    const std::string text = std::to_string(number);
    if (number > 0 && number != value && std::ranges::find(wrong, text) == wrong.end() && wrong.size() < count) wrong.push_back(text);
  };
  add(value + chance.one_of<int>({-2, -1, 1, 2}));
  add(value + chance.one_of<int>({-10, -5, -4, -3, 3, 4, 5, 10}));
  while (wrong.size() < count) add(chance.number(std::max(1, value / 2), 2 * value + 10));
  return wrong;
}

}  // namespace

std::string say(const std::string& pattern, const Fact& fact, const std::string& wrong, const std::string& list) {
  return fmt::format(fmt::runtime(pattern), fmt::arg("e", fact.entity), fmt::arg("E", capitalised(fact.entity)), fmt::arg("v", fact.value),
                     fmt::arg("V", capitalised(fact.value)), fmt::arg("w", wrong), fmt::arg("he", fact.he), fmt::arg("He", capitalised(fact.he)),
                     fmt::arg("his", fact.his), fmt::arg("His", capitalised(fact.his)), fmt::arg("list", list));
}

Words wrong_values(const Relation& relation, const Fact& fact, std::size_t count, Chance& chance) {
  if (relation.numbers_near) return numbers_around(std::stoi(fact.value), count, chance);
  Words others = relation.values;
  std::erase(others, fact.value);
  return chance.some_of(others, count);
}

}  // namespace winnow::demo
