#include <cmath>

#include "harness/core/json.h"
#include "tasks/shared/aggregation.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/scripted_language_model.h"
#include "tests/support/task_driver.h"

namespace winnow::test {
namespace {

const std::vector<std::string> kEight = {"arc_challenge", "arc_easy", "boolq", "hellaswag", "mmlu", "openbookqa", "rte", "winogrande"};

TEST(UnweightedMean, HasTheErrorOfRecordedGroups) {
  const Json functions = read_json_file(fixture("lm_eval/functions.json"));
  ASSERT_EQ(functions.at("group").size(), 40u);
  for (const Json& row : functions["group"]) {
    std::vector<Metric> parts;
    for (std::size_t i = 0; i < row.at("sizes").size(); ++i) {
      parts.emplace_back().value = row["means"][i];
      parts.back().standard_error = row["stderrs"][i].get<double>();
      parts.back().count = row["sizes"][i];
    }
    EXPECT_EQ(unweighted_metric(parts).value, row.at("mean_unweighted"));
    EXPECT_EQ(unweighted_metric(parts).standard_error, row.at("unweighted"));
  }
  EXPECT_FALSE(unweighted_metric(std::vector<Metric>(2)).standard_error.has_value());
}

TEST(LuAverage, IsThePlainMeanOfItsEightTasksEachAsItIsAlone) {
  const auto source = sample_source();
  ScriptedLanguageModel model;
  for (const Json& settings : {Json::object(), Json{{"shots", 2}, {"limit", 3}, {"seed", 7}}}) {
    const TaskRun whole = run_task(*Registry<Task>::instance().make("lu_average", settings), *source, model);
    double sum = 0, variance = 0;
    for (const std::string& name : kEight) {
      const TaskRun alone = run_task(*Registry<Task>::instance().make(name, settings), *source, model);
      const Metric& leaf = whole.metric("acc", "none", name);
      EXPECT_EQ(leaf.parent, "lu_average");
      EXPECT_EQ(leaf.value, alone.metrics.front().value) << name;
      EXPECT_EQ(leaf.count, alone.metrics.front().count) << name;
      sum += leaf.value;
      variance += std::pow(leaf.standard_error.value(), 2);
    }
    EXPECT_EQ(whole.metrics.front().name, "acc");
    EXPECT_EQ(whole.metrics.front().leaf, "");
    EXPECT_DOUBLE_EQ(whole.metrics.front().value, sum / 8);
    EXPECT_DOUBLE_EQ(whole.metrics.front().standard_error.value(), std::sqrt(variance) / 8);
    EXPECT_EQ(whole.metrics.front().count, static_cast<std::int64_t>(whole.answers.size()));
    EXPECT_EQ(whole.metric("acc", "none", "mmlu_stem").parent, "mmlu");
    EXPECT_EQ(whole.metric("acc_norm", "none", "hellaswag").parent, "lu_average");
    EXPECT_THROW(whole.metric("acc", "none", "piqa"), std::out_of_range);
  }
}

TEST(LuAverage, RefusesWhatAnyOfItsTasksRefuses) {
  const auto source = sample_source();
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("lu_average", {{"shots", 6}})->check(*source), kInput,
                   "6 shots are asked for, but mmlu dev abstract_algebra has 5 rows");
}

// Its results are those of its tasks: when one of these versions changes, that of lu_average has to.
TEST(LuAverage, HasAVersionForTheseVersionsOfItsTasks) {
  std::vector<int> versions;
  for (const std::string& name : kEight) versions.push_back(Registry<Task>::instance().find(name).version);
  EXPECT_EQ(versions, (std::vector{1, 1, 2, 1, 1, 1, 1, 1}));
  EXPECT_EQ(Registry<Task>::instance().find("lu_average").version, 1);
}

}  // namespace
}  // namespace winnow::test
