#pragma once
#include <string>
#include <vector>

#include "harness/core/digest.h"
#include "harness/core/trial.h"

namespace winnow::test {

inline Cell make_cell(const std::string& model, const std::string& variant, const std::string& task) {
  Cell cell;
  cell.model = model;
  cell.variant = variant;
  cell.task = cell.task_label = task;
  cell.identity = {{"model", model}, {"steps", variant}, {"task", task}};
  cell.key = sha256_hex(canonical_json(cell.identity));
  return cell;
}

// A generated answer under two filters, decided by its number.
inline RecordedAnswer make_answer(std::int64_t doc_id, const std::string& leaf = "gsm8k") {
  RecordedAnswer answer;
  const std::string number = std::to_string(doc_id);
  const std::string doc_json = "{\n  \"question\": \"What is " + number + "?\"\n}";
  answer.example = {leaf, sha256_hex("data"), doc_id, doc_json, sha256_hex(doc_json), number, std::nullopt};
  answer.prompt = "Question: What is " + number + "?\nAnswer:";
  answer.arguments = {"Question:", "</s>"};
  answer.raw_reply = "It is " + number + ".\n#### " + number;
  answer.answers = {{"strict-match", number, {{"exact_match", double(doc_id % 2)}}}, {"flexible-extract", number + ".", {{"exact_match", 1.0}}}};
  return answer;
}

inline RecordedAnswer make_choice_answer(std::int64_t doc_id, const std::string& leaf) {
  RecordedAnswer answer;
  answer.example = {leaf, sha256_hex("data"), doc_id, "{}", sha256_hex("{}"), "1", 1};
  answer.prompt = "Which? " + leaf;
  answer.arguments = {" A", " B", " C", " D"};
  answer.log_likelihoods = {-1.5, -0.1 * double(doc_id), -1e-300, -30203.92626953125};
  answer.greedy = {false, true, false, false};
  answer.answers = {{"none", "", {{"acc", double(doc_id % 2)}}}};
  return answer;
}

}  // namespace winnow::test
