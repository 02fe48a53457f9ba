#pragma once
#include <string>

#include "harness/demo/chance.h"
#include "harness/demo/words.h"

namespace winnow::demo {

// A question with its right and three wrong answers, not yet lettered. `premises` is what it is about, whatever the wording: equal premises, same question.
struct Choice {
  std::string premises, question, right;
  Words wrong;
};

Words names(std::size_t count, Chance& chance);  // of people, each once

// Questions that state all that is needed to answer them.
Choice ordering_puzzle(Chance& chance);
Choice logic_puzzle(Chance& chance);
Choice letter_puzzle(Chance& chance);
Choice calendar_puzzle(Chance& chance);
Choice unit_puzzle(Chance& chance);

}  // namespace winnow::demo
