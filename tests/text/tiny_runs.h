#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <fstream>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/engine/model.h"
#include "harness/model/checkpoint.h"
#include "harness/text/engine_language_model.h"
#include "tests/support/files.h"

namespace winnow {

// What the tests over the recorded runs of tiny_mixtral share. One thread: its matrices are too small for two.

inline Model tiny_model() {
  at::set_num_threads(1);
  const auto checkpoint = Checkpoint::open(test::fixture("lm_eval/tiny_mixtral"));
  return load_model(checkpoint->config(), checkpoint->tensors(), *checkpoint, {.dtype = at::kFloat});
}

inline std::unique_ptr<Tokenizer> tiny_tokenizer() { return Tokenizer::open(test::fixture("lm_eval/tiny_mixtral"), 32000); }

inline std::unique_ptr<LanguageModel> tiny_mixtral(const EngineOptions& options = {}) {
  return make_engine_language_model(tiny_model(), tiny_tokenizer(), options);
}

inline std::vector<Response> answers(LanguageModel& model, const std::vector<Request>& requests, const AnswerSettings& settings = {}) {
  std::vector<Response> responses(requests.size());
  std::vector<int> times(requests.size(), 0);
  model.answer(requests, settings, [&](std::size_t index, const Response& response) {
    responses[index] = response;
    ++times[index];
    return Continue::kYes;
  });
  EXPECT_EQ(times, std::vector<int>(requests.size(), 1)) << "each request is answered once";
  return responses;
}

inline std::vector<Json> run_rows(std::string_view run) {
  std::ifstream file(test::fixture(fmt::format("lm_eval/runs/{}.jsonl", run)));
  std::vector<Json> rows;
  for (std::string line; std::getline(file, line);) rows.push_back(Json::parse(line));
  return rows;
}

inline std::string ids_sha256(const TokenIds& ids) { return sha256_hex(fmt::format("{}", fmt::join(ids, ","))); }

// The requests of a recorded multiple-choice run; every choice may have a context of its own.
inline std::vector<Request> choices_of(const std::vector<Json>& rows) {
  std::vector<Request> requests;
  for (const Json& row : rows) {
    for (std::size_t i = 0; i < row.at("conts").size(); ++i) {
      requests.push_back(ScoreRequest{row.at("ctx").is_array() ? row.at("ctx")[i] : row.at("ctx"), row.at("conts")[i]});
    }
  }
  return requests;
}

}  // namespace winnow
