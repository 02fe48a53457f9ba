#include <fmt/format.h>

#include "harness/demo/world.h"

namespace winnow::demo {
namespace {

const Words kWeekdays = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
const Words kSteps = {"one", "two", "three"};

// "two days after Monday" and the like, for every name of a circle.
std::vector<Fact> around(const Words& circle, const std::string& unit) {
  std::vector<Fact> facts;
  const int size = static_cast<int>(circle.size());
  for (int i = 0; i < size; ++i) {
    for (int step = 1; step <= 3; ++step) {
      const std::string distance = fmt::format("{} {}{}", kSteps[static_cast<std::size_t>(step - 1)], unit, step == 1 ? "" : "s");
      const std::string& name = circle[static_cast<std::size_t>(i)];
      facts.push_back({fmt::format("{} after {}", distance, name), circle[static_cast<std::size_t>((i + step) % size)]});
      facts.push_back({fmt::format("{} before {}", distance, name), circle[static_cast<std::size_t>((i + size - step) % size)]});
    }
  }
  return facts;
}

std::vector<Fact> of_months(const Words& values) {
  std::vector<Fact> facts;
  for (std::size_t i = 0; i < kMonths.size(); ++i) facts.push_back({kMonths[i], values.at(i)});
  return facts;
}

struct UnitPair {
  const char *large, *larges, *small;
  int factor, most;
};

constexpr UnitPair kUnits[] = {
    {"hour", "hours", "minutes", 60, 10},       {"minute", "minutes", "seconds", 60, 10},    {"week", "weeks", "days", 7, 12},
    {"year", "years", "months", 12, 10},        {"metre", "metres", "centimetres", 100, 10}, {"kilometre", "kilometres", "metres", 1000, 9},
    {"century", "centuries", "years", 100, 10}, {"decade", "decades", "years", 10, 12},      {"dozen", "dozens", "pieces", 12, 10},
    {"pair", "pairs", "shoes", 2, 12},          {"foot", "feet", "inches", 12, 10},          {"kilogram", "kilograms", "grams", 1000, 9}};

std::string counted(int n, const UnitPair& unit) { return fmt::format("{} {}", n, n == 1 ? unit.large : unit.larges); }

Relation smaller_units(const UnitPair& unit) {
  const std::string u = unit.small;
  Relation relation = {.subject = "units",
                       .name = fmt::format("{} in {}", unit.larges, unit.small),
                       .statements = {"{E} make {v} " + u + ".", "In {e} there are {v} " + u + ".", "{E} are {v} " + u + ".", "{v} " + u + " make {e}."},
                       .follow_ups = {},
                       .contrasts = {"{E} make {v} " + u + ", not {w}."},
                       .lists = {},
                       .questions = {"How many " + u + " make {e}?", "How many " + u + " are there in {e}?", "What are {e} in " + u + "?"}};
  for (int n = 2; n <= unit.most; ++n) {
    relation.facts.push_back({counted(n, unit), std::to_string(n * unit.factor)});
    relation.values.push_back(relation.facts.back().value);
  }
  return relation;
}

Relation larger_units(const UnitPair& unit) {
  const std::string u = unit.larges;
  Relation relation = {.subject = "units",
                       .name = fmt::format("{} in {}", unit.small, unit.larges),
                       .statements = {"{E} make {v} " + u + ".", "In {e} there are {v} " + u + ".", "{E} are {v} " + u + "."},
                       .follow_ups = {},
                       .contrasts = {"{E} make {v} " + u + ", not {w}."},
                       .lists = {},
                       .questions = {"How many " + u + " do {e} make?", "How many " + u + " are there in {e}?", "What are {e} in " + u + "?"}};
  for (int n = 2; n <= unit.most; ++n) {
    relation.facts.push_back({fmt::format("{} {}", n * unit.factor, unit.small), std::to_string(n)});
    relation.values.push_back(std::to_string(n));
  }
  return relation;
}

Relation operation(const std::string& name) {
  return {.subject = "arithmetic",
          .name = name,
          .statements = {"{e} = {v}.", "{e} is {v}.", "{e} makes {v}.", "The result of {e} is {v}.", "{v} is what {e} makes."},
          .follow_ups = {},
          .contrasts = {"{e} is {v}, not {w}."},
          .lists = {},
          .questions = {"What is {e}?", "How much is {e}?", "What is the result of {e}?", "{e} ="},
          .numbers_near = true};
}

}  // namespace

std::vector<Relation> calendar_relations() {
  const Words contrasts = {"{E} comes {v}, not {w}.", "{E} it is not {w} but {v}."};
  const Words statements = {"{E} comes {v}.", "{E} it is {v}.", "{v} is {e}.", "{v} comes {e}."};
  std::vector<Relation> relations = {
      {.subject = "calendar",
       .name = "days",
       .statements = statements,
       .follow_ups = {},
       .contrasts = contrasts,
       .lists = {},
       .questions = {"Which day comes {e}?", "What day is {e}?", "Which day is it {e}?"},
       .facts = around(kWeekdays, "day"),
       .values = kWeekdays},
      {.subject = "calendar",
       .name = "months",
       .statements = statements,
       .follow_ups = {},
       .contrasts = contrasts,
       .lists = {},
       .questions = {"Which month comes {e}?", "What month is {e}?", "Which month is it {e}?"},
       .facts = around(kMonths, "month"),
       .values = kMonths},
      {.subject = "calendar",
       .name = "length of months",
       .statements = {"{e} has {v} days.", "There are {v} days in {e}.", "In {e} one counts {v} days.", "{e} is over after {v} days."},
       .follow_ups = {"It has {v} days."},
       .contrasts = {"{e} has {v} days, not {w}."},
       .lists = {"Months with {v} days are {list}."},
       .questions = {"How many days does {e} have?", "How many days are there in {e}?", "What is the number of days in {e}?"},
       .facts = of_months({"31", "28", "31", "30", "31", "30", "31", "31", "30", "31", "30", "31"}),
       .values = {"28", "29", "30", "31"}},
      {.subject = "calendar",
       .name = "seasons",
       .statements = {"{e} is in {v}.", "{e} belongs to {v}.", "In {v} comes {e}.", "When it is {e}, it is {v}."},
       .follow_ups = {"It belongs to {v}."},
       .contrasts = {"{e} is in {v}, not in {w}."},
       .lists = {"The months of {v} are {list}."},
       .questions = {"In which season is {e}?", "Which season does {e} belong to?", "What season is it in {e}?"},
       .facts = of_months({"winter", "winter", "spring", "spring", "spring", "summer", "summer", "summer", "autumn", "autumn", "autumn", "winter"}),
       .values = {"winter", "spring", "summer", "autumn"}}};
  return relations;
}

std::vector<Relation> unit_relations() {
  std::vector<Relation> relations;
  for (const UnitPair& unit : kUnits) {
    relations.push_back(smaller_units(unit));
    relations.push_back(larger_units(unit));
  }
  return relations;
}

std::vector<Relation> arithmetic_relations() {
  Relation sum = operation("sum"), difference = operation("difference"), product = operation("product"), quotient = operation("quotient");
  const auto add = [](Relation& relation, const std::string& sign, int left, int right, int value) {
    relation.facts.push_back({fmt::format("{} {} {}", left, sign, right), std::to_string(value)});
  };
  for (int a = 2; a <= 20; ++a) {
    for (int b = 2; b <= 20; ++b) {
      add(sum, "+", a, b, a + b);
      if (b < a) add(difference, "-", a, b, a - b);
    }
  }
  for (int a = 2; a <= 12; ++a) {
    for (int b = 2; b <= 10; ++b) {
      add(product, "*", a, b, a * b);
      add(quotient, "/", a * b, b, a);
    }
  }
  return {sum, difference, product, quotient};
}

}  // namespace winnow::demo
