#include "tests/support/golden_runs.h"

#include <gtest/gtest.h>

#include <sstream>

#include "harness/core/digest.h"
#include "harness/core/unicode.h"
#include "tests/support/files.h"

namespace winnow::test {
namespace {

std::string hash_of_choices(const Example& example) {
  std::string joined;
  for (const Request& request : example.requests) joined += (joined.empty() ? "" : "\x1f") + std::get<ScoreRequest>(request).continuation;
  return sha256_hex(joined);
}

// The recorded value, where the row has one.
void expect_same(const Json& row, const char* key, const Json& actual) {
  if (row.contains(key)) {
    EXPECT_EQ(row[key], actual) << key;
  }
}

void expect_prompt(const Json& row, const Example& example) {
  const std::string prompt = prompt_of(example);
  const ExampleRecord& record = example.record;
  EXPECT_EQ(row.at("prompt_hash"), sha256_hex(prompt));
  EXPECT_EQ(row.contains("shots"), !example.shots.empty());
  if (row.contains("ctx_sha256")) {  // every choice has a context of its own
    for (std::size_t i = 0; i < example.requests.size(); ++i)
      EXPECT_EQ(row["ctx_sha256"].at(i), sha256_hex(std::get<ScoreRequest>(example.requests[i]).context));
  }
  expect_same(row, "doc_hash", record.doc_hash);
  expect_same(row, "shots", example.shots);
  expect_same(row, "ctx", prompt);
  expect_same(row, "ctx_chars", code_point_count(prompt));
  expect_same(row, "gold", record.gold ? Json(*record.gold) : Json());
  if (row.contains("target")) {
    EXPECT_EQ(row["target"].is_string() ? row["target"].get<std::string>() : row["target"].dump(), record.target);
  }
}

void expect_choices(const Json& row, const Example& example, const std::vector<Response>& responses, const std::vector<Answer>& answers, double tolerance) {
  Json continuations = Json::array();
  for (const Request& request : example.requests) continuations.push_back(std::get<ScoreRequest>(request).continuation);
  expect_same(row, "conts", continuations);
  expect_same(row, "conts_sha16", hash_of_choices(example).substr(0, 16));
  ASSERT_EQ(row.at("ll").size(), responses.size());
  for (std::size_t i = 0; i < row.at("ll").size(); ++i) {
    EXPECT_NEAR(row["ll"][i].get<double>(), responses.at(i).log_likelihood, tolerance);
    EXPECT_EQ(row["greedy"][i], responses.at(i).is_greedy ? 1 : 0);
  }
  for (const auto& [name, value] : row.at("metrics").items()) EXPECT_EQ(value, answers.at(0).values.at(name)) << name;
}

void expect_generation(const Json& row, const std::vector<Response>& responses, const std::vector<Answer>& answers) {
  EXPECT_EQ(row.at("response"), responses.at(0).text);
  ASSERT_EQ(row.at("filtered").size(), answers.size());
  for (const Answer& answer : answers) {
    EXPECT_EQ(row["filtered"].at(answer.filter), answer.reply);
    EXPECT_EQ(row.at("exact_match").at(answer.filter), answer.values.at("exact_match"));
  }
}

void expect_page(const Json& row, const std::vector<Response>& responses, const std::vector<Answer>& answers, double tolerance) {
  const double recorded = row.at("ll");
  EXPECT_NEAR(recorded, responses.at(0).log_likelihood, tolerance * -recorded / 100);  // per window there: 1e-5 of it, where a choice has 1e-3
  EXPECT_EQ(row["words"], answers.at(0).values.at("words"));
  EXPECT_EQ(row["bytes"], answers.at(0).values.at("bytes"));
}

}  // namespace

GoldenRun golden_run(const std::string& name) {
  GoldenRun run;
  run.summary = read_json_file(fixture("lm_eval/" + name + ".json"));
  std::istringstream lines(read_text(fixture("lm_eval/" + name + ".samples.jsonl")));
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    if (row.contains("rest_docs")) {
      run.folded[row.at("task")] = row;
    } else {
      run.rows[{row.at("task"), row.at("doc_id")}] = row;
    }
  }
  return run;
}

bool expect_recorded(const GoldenRun& run, const Example& example, const std::vector<Response>& responses, const std::vector<Answer>& answers,
                     double tolerance) {
  const ExampleRecord& record = example.record;
  SCOPED_TRACE(fmt::format("{} document {}", record.leaf, record.doc_id));
  if (const auto found = run.rows.find({record.leaf, record.doc_id}); found != run.rows.end()) {
    const Json& row = found->second;
    expect_prompt(row, example);
    if (row.contains("response")) expect_generation(row, responses, answers);
    if (row.contains("metrics")) expect_choices(row, example, responses, answers, tolerance);
    if (row.contains("words")) expect_page(row, responses, answers, tolerance);
    return true;
  }
  const auto folded = run.folded.find(record.leaf);
  if (folded == run.folded.end()) return false;
  const auto place = static_cast<std::size_t>(record.doc_id - folded->second.at("rest_from_doc_id").get<std::int64_t>());
  EXPECT_EQ(folded->second.at("prompt_hash12").get_ref<const std::string&>().substr(12 * place, 12), sha256_hex(prompt_of(example)).substr(0, 12));
  if (answers.at(0).values.contains("acc")) {
    EXPECT_EQ(folded->second.at("metrics01").at("acc,none").get_ref<const std::string&>().at(place), answers[0].values.at("acc") > 0 ? '1' : '0');
  }
  return true;
}

void expect_result(const GoldenRun& run, const std::string& leaf, const Metric& metric) {
  const Json& result = run.summary.at("results").at(leaf);
  const std::string suffix = "," + metric.filter;
  SCOPED_TRACE(leaf + " " + metric.name + suffix);
  EXPECT_EQ(result.at(metric.name + suffix).get<double>(), metric.value);
  EXPECT_EQ(result.at("sample_len"), metric.count);
  const Json& error = result.at(metric.name + "_stderr" + suffix);
  if (error.is_string()) {
    EXPECT_FALSE(metric.standard_error.has_value());
  } else {
    EXPECT_EQ(error.get<double>(), metric.standard_error.value());
  }
}

}  // namespace winnow::test
