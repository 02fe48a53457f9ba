#include "tests/support/era_runs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "harness/core/digest.h"
#include "tests/support/files.h"

namespace winnow::test {
namespace {

std::string hash16(const std::string& text) { return sha256_hex(text).substr(0, 16); }

// The recorded value, where the row has one.
void expect_same(const Json& row, const char* key, const Json& actual) {
  if (row.contains(key)) {
    EXPECT_EQ(row[key], actual) << key;
  }
}

void expect_requests(const Json& row, const Example& example) {
  std::vector<std::string> continuations, contexts;
  for (const Request& asked : example.requests) {
    const auto& request = std::get<ScoreRequest>(asked);
    continuations.push_back(request.continuation);
    contexts.push_back(hash16(request.context));
  }
  EXPECT_EQ(row.at("prompt_sha256"), sha256_hex(std::get<ScoreRequest>(example.requests.at(0)).context));
  expect_same(row, "ctx_sha16", contexts);
  expect_same(row, "conts", continuations);
  expect_same(row, "conts_sha16", hash16(fmt::format("{}", fmt::join(continuations, "\x1f"))));
}

// The recorded draw holds the one too many, and the question itself where it was drawn.
void expect_shots(const Json& row, const Example& example) {
  EXPECT_EQ(row.contains("drawn"), !example.shots.empty());
  if (!row.contains("drawn")) return;
  auto drawn = row["drawn"].get<std::vector<std::int64_t>>();
  if (drawn.size() > example.shots.size()) {
    std::erase(drawn, row.at("row").get<std::int64_t>());
    drawn.resize(example.shots.size());
  }
  EXPECT_EQ(drawn, example.shots);
}

}  // namespace

std::vector<std::int64_t> EraRun::order_of(const std::string& task) const {
  std::map<std::int64_t, std::int64_t> by_position;
  for (const auto& [key, row] : rows) {
    if (key.first == task) by_position[row.at("pos")] = key.second;
  }
  std::vector<std::int64_t> order;
  for (const auto& [position, document] : by_position) order.push_back(document);
  return order;
}

std::vector<std::string> EraRun::tasks() const {
  std::set<std::string> names;
  for (const auto& [key, row] : rows) names.insert(key.first);
  return {names.begin(), names.end()};
}

EraRun era_run(const std::string& profile, const std::string& run) {
  EraRun era;
  std::istringstream lines(read_text(fixture("lm_eval/eras/" + profile + "/" + run + ".jsonl")));
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    era.rows[{row.at("task"), row.at("row")}] = row;
  }
  return era;
}

void expect_recorded(const EraRun& run, const Example& example, const std::vector<Response>& responses, const std::vector<Answer>& answers, double tolerance) {
  const ExampleRecord& record = example.record;
  SCOPED_TRACE(fmt::format("{} document {}", record.leaf, record.doc_id));
  const auto found = run.rows.find({record.leaf, record.doc_id});
  ASSERT_NE(found, run.rows.end());
  const Json& row = found->second;
  expect_requests(row, example);
  expect_shots(row, example);
  expect_same(row, "gold", record.gold.value());
  const bool is_long = row.contains("target") && row["target"].is_object();
  expect_same(row, "target", is_long ? Json{{"sha16", hash16(record.target)}} : Json(record.target));
  ASSERT_EQ(row.at("ll").size(), responses.size());
  std::vector<int> greedy;
  for (std::size_t i = 0; i < responses.size(); ++i) {
    EXPECT_NEAR(row["ll"][i].get<double>(), responses[i].log_likelihood, tolerance);
    greedy.push_back(responses[i].is_greedy ? 1 : 0);
  }
  expect_same(row, "greedy", greedy);
  for (const auto& [name, value] : row.at("metrics").items()) EXPECT_EQ(value.get<double>(), answers.at(0).values.at(name)) << name;
}

}  // namespace winnow::test
