#include <cmath>

#include "harness/api/task.h"
#include "tasks/shared/multiple_choice.h"
#include "tasks/shared/subject_groups.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/scripted_language_model.h"
#include "tests/support/task_driver.h"

namespace winnow::test {
namespace {

std::vector<Response> responses(std::vector<double> log_likelihoods) {
  std::vector<Response> responses;
  for (const double value : log_likelihoods) responses.push_back({.log_likelihood = value});
  return responses;
}

TEST(MultipleChoice, TakesTheFirstOfEquals) {
  EXPECT_EQ(grade_choices(1, responses({-3, -1, -2, -4})).values.at("acc"), 1);
  EXPECT_EQ(grade_choices(0, responses({-3, -1, -2, -4})).values.at("acc"), 0);
  const Answer tied = grade_choices(1, responses({-3, -1, -1, -4}));
  EXPECT_EQ(tied.values.at("acc"), 1);
  EXPECT_EQ(tied.values.at("tied"), 1);
  EXPECT_EQ(grade_choices(2, responses({-3, -1, -1, -4})).values.at("acc"), 0);
  EXPECT_EQ(grade_choices(0, responses({-1, -3, -3, -3})).values.at("tied"), 0) << "only the best choice counts";
}

TEST(Subjects, AreLmEvals57InFourGroups) {
  std::size_t count = 0;
  std::vector<std::string> known = Registry<Dataset>::instance().make("mmlu")->subsets();
  for (const SubjectGroup& group : mmlu_groups()) {
    count += group.subjects.size();
    for (const std::string& subject : group.subjects) EXPECT_NE(std::find(known.begin(), known.end(), subject), known.end()) << subject;
  }
  EXPECT_EQ(count, 57u);
  EXPECT_EQ(choose_subjects(known, {}).size(), 57u);
  EXPECT_EQ(choose_subjects(known, {{"stem"}}).size(), 19u);
  EXPECT_EQ(choose_subjects(known, {{"virology", "anatomy", "stem"}}).size(), 20u);
  EXPECT_EQ(choose_subjects(known, {{"virology", "anatomy", "virology"}}), (std::vector<std::string>{"anatomy", "virology"}));
  EXPECT_EQ(choose_subjects({"cooking", "anatomy"}, {}), (std::vector<std::string>{"anatomy", "cooking"})) << "another set's own subjects come last";
}

TEST(Subjects, ThatAreUnknownAreRefusedWithTheNearest) {
  const std::vector<std::string> known = Registry<Dataset>::instance().make("mmlu")->subsets();
  EXPECT_ERROR_HAS(choose_subjects(known, {{"anatomi"}}), kInput, "there is no subject or group 'anatomi' (did you mean 'anatomy'?)");
  EXPECT_ERROR_HAS(choose_subjects(known, {{"anatomy", "steam"}}), kInput, "'steam' (did you mean 'stem'?)");
  EXPECT_ERROR_HAS(choose_subjects(known, std::vector<std::string>{}), kInput, "empty list");
  EXPECT_ERROR_HAS(choose_subjects({"anatomy"}, {{"humanities"}}), kInput, "the data set has none of: humanities");
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("mmlu", {{"dataset", "gsm8k"}}), kInput, "no subjects");
}

TEST(Subjects, PoolAsLmEvalsGroups) {
  const Json functions = read_json_file(fixture("lm_eval/functions.json"));
  ASSERT_EQ(functions.at("group").size(), 40u);
  for (const Json& row : functions.at("group")) {
    std::vector<Metric> parts;
    for (std::size_t i = 0; i < row.at("sizes").size(); ++i) {
      Metric part;
      part.value = row["means"][i];
      part.standard_error = row["stderrs"][i].get<double>();
      part.count = row["sizes"][i];
      parts.push_back(part);
    }
    const Metric pooled = pooled_metric(parts);
    EXPECT_EQ(pooled.value, row.at("mean_weighted"));
    EXPECT_EQ(pooled.standard_error, row.at("pooled"));
  }
}

TEST(Mmlu, AsksWithTheSubjectsDescriptionAndItsFirstDevRows) {
  const auto source = sample_source();
  const ScriptedLanguageModel model;
  const auto task = Registry<Task>::instance().make("mmlu", {{"subjects", {"college_physics"}}, {"shots", 1}});
  const Example example = task->examples(task_inputs(*source, model)).make(2);
  EXPECT_EQ(prompt_of(example),
            "The following are multiple choice questions (with answers) about college physics.\n\n"
            "mmlu/dev/college_physics_dev.csv, question 0?\nA. 0\nB. two, or\nmore\nC. \"three\"\nD. four\nAnswer: A\n\n"
            "mmlu/test/college_physics_test.csv, question 2?\nA. 2\nB. two, or\nmore\nC. \"three\"\nD. four\nAnswer:");
  std::string letters;
  for (const Request& request : example.requests) letters += std::get<ScoreRequest>(request).continuation;
  EXPECT_EQ(letters, " A B C D");
  EXPECT_EQ(example.record.leaf, "mmlu_college_physics");
  EXPECT_EQ(example.record.gold, 2);
  EXPECT_EQ(example.record.target, "2");
  EXPECT_EQ(example.record.doc_json,
            "{\n  \"question\": \"mmlu/test/college_physics_test.csv, question 2?\",\n  \"subject\": \"college_physics\",\n  \"choices\": [\n    \"2\",\n    "
            "\"two, or\\nmore\",\n"
            "    \"\\\"three\\\"\",\n    \"four\"\n  ],\n  \"answer\": 2\n}");
}

TEST(Mmlu, LimitsEachSubject) {
  const auto source = sample_source();
  ScriptedLanguageModel model;
  const auto task = Registry<Task>::instance().make("mmlu", {{"subjects", {"virology", "anatomy"}}, {"limit", 3}});
  const TaskRun run = run_task(*task, *source, model);
  EXPECT_EQ(run.metrics.front().count, 6);
  EXPECT_EQ(run.metric("acc", "none", "mmlu_anatomy").count, 3);
  EXPECT_EQ(run.metric("acc", "none", "mmlu_anatomy").parent, "mmlu_stem");
}

TEST(Mmlu, ReportsAGroupOnlyWhereAllItsSubjectsWereAskedFor) {
  const auto source = sample_source();
  ScriptedLanguageModel model;
  const auto leaves = [&](const Json& settings) {
    std::vector<std::string> leaves;
    for (const Metric& metric : run_task(*Registry<Task>::instance().make("mmlu", settings), *source, model).metrics) {
      if (metric.name == "acc") leaves.push_back(metric.leaf);
    }
    return leaves;
  };
  EXPECT_EQ(leaves({{"subjects", {"anatomy", "virology"}}}), (std::vector<std::string>{"", "mmlu_anatomy", "mmlu_virology"}));
  const auto all = leaves(Json::object());
  EXPECT_EQ(all.size(), 1u + 4 + 57);
  EXPECT_EQ((std::vector<std::string>(all.begin(), all.begin() + 5)),
            (std::vector<std::string>{"", "mmlu_stem", "mmlu_other", "mmlu_social_sciences", "mmlu_humanities"}));
  EXPECT_EQ(leaves({{"subjects", {"stem", "virology"}}})[1], "mmlu_stem");
}

TEST(Mmlu, RefusesMoreShotsThanTheDevSplitHas) {
  const auto source = sample_source();
  const auto task = Registry<Task>::instance().make("mmlu", {{"shots", 6}});
  EXPECT_ERROR_HAS(task->check(*source), kInput, "6 shots are asked for, but mmlu dev abstract_algebra has 5 rows");
}

}  // namespace
}  // namespace winnow::test
