#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

using Shots = std::vector<std::int64_t>;  // rows of the pool, in order

// lm-eval's default sampler. One generator of the task, consumed document after document: shots of document i do not depend on how many follow it.
struct ShotPool {
  const std::vector<OrderedJson>* rows = nullptr;
  std::string name;              // for faults: "gsm8k train"
  bool holds_evaluated = false;  // the pool is the evaluated split: draw one more, and leave out documents equal to the evaluated one
  enum class WhenShort { kDrawAgain, kKeepFewer } when_short = WhenShort::kDrawAgain;  // where that leaves too few; kKeepFewer up to release 0.4.9.1
};
std::vector<Shots> draw_shots(const ShotPool& pool, const std::vector<OrderedJson>& documents, std::size_t document_count, std::size_t shots,
                              std::uint64_t seed);

// lm-eval of July 2023: one generator, seeded with 42, shuffles the documents and then draws for each in that order. A question may be among its own shots.
struct ShuffledDraws {
  std::vector<std::size_t> documents;  // rows of the evaluated split in their new order
  std::vector<Shots> shots;
};
ShuffledDraws shuffle_and_draw(std::size_t documents, std::size_t document_count, std::size_t pool_rows, std::string_view pool_name, std::size_t shots);

// lm-eval's first_n sampler: the pool's first rows, for every document alike.
Shots first_shots(std::size_t pool_rows, std::string_view pool_name, std::size_t shots);

// One solved example.
struct SolvedExample {
  std::string question;
  std::optional<std::string> target;  // none: the question alone, without the blank line
};

// description, then for each shot question + " " + target + a blank line, then the question.
std::string assemble_prompt(std::string_view description, const std::vector<SolvedExample>& shots, std::string_view question);

}  // namespace winnow
