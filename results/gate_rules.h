#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// One line of a rules file, taken apart. What is judged:   quantity sign factor·reference + offset
struct GateRule {
  enum class Sign { kAtLeast, kMoreThan, kAtMost, kLessThan, kEqual };
  enum class Scale { kValue, kRatio, kDifference };  // in what the quantity is told: as it is, as a share of the reference's, or less the reference's

  std::string text;
  std::string task;      // of metric(task), retention(task), difference(task); the bare name of a task or a metric otherwise
  std::string metric;    // of metric(task); empty: the headline
  bool is_bare = false;  // a name without parentheses: a task's headline, or a metric measured with every task
  Scale scale = Scale::kValue;
  Sign sign = Sign::kAtLeast;
  std::string reference;  // "dense", "baseline" or another variant's label; empty: the limit is a number
  double factor = 1, offset = 0;
  double within = 0;                 // by how much the limit may be missed, in the scale's unit; with kEqual the half-width around it
  std::vector<std::string> of = {};  // variants that are judged; empty: all but references
};

// Where in the text a rule is wrong, and why.
struct RuleFault {
  std::size_t at;  // bytes from its beginning
  std::string sentence;
};

// rule      = quantity sign limit { "within" number | "vs" name | "of" name { "," name } }
// quantity  = name | name "(" name ")" | "retention" "(" name ")" | "difference" "(" name ")"
// sign      = ">=" | ">" | "<=" | "<" | "=="
// limit     = number | [ number "*" ] name [ ( "+" | "-" ) number ]
// number    = decimal, with "%" divided by 100;   name = a word, or anything between single quotes
// Throws RuleFault.
GateRule parse_rule(std::string_view text);

// ">=" …
const char* sign_text(GateRule::Sign sign);

}  // namespace winnow
