// What must hold for every registered task: a new one is tested the moment it exists.
#include <cmath>
#include <random>
#include <set>

#include "harness/core/digest.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/scripted_language_model.h"
#include "tests/support/task_driver.h"

namespace winnow::test {
namespace {

// What a task needs beside its defaults to run on the samples, which are short.
Json sample_settings(const std::string& task) { return task == "perplexity" ? Json{{"window", 16}} : Json::object(); }

// Notes what is read.
class NotingSource : public DatasetSource {
 public:
  const DatasetRows& read(const DatasetPart& part) override {
    parts.insert(part.dataset + "/" + part.split + "/" + part.subset);
    return source_->read(part);
  }
  std::set<std::string> parts;

 private:
  std::unique_ptr<DatasetSource> source_ = sample_source();
};

std::string text_of_example(const Example& example) {
  Json requests = Json::array();
  for (const Request& request : example.requests) {
    if (const auto* score = std::get_if<ScoreRequest>(&request)) requests.push_back({score->context, score->continuation});
    if (const auto* rolling = std::get_if<RollingRequest>(&request)) requests.push_back(rolling->text);
    if (const auto* tokens = std::get_if<TokensRequest>(&request)) requests.push_back({tokens->context, tokens->continuation});
    if (const auto* generate = std::get_if<GenerateRequest>(&request)) requests.push_back({generate->context, generate->until, generate->max_new_tokens});
  }
  const ExampleRecord& record = example.record;
  return Json{record.leaf,   record.data_sha256,       record.doc_id, record.doc_json, record.doc_hash,
              record.target, record.gold.value_or(-1), example.group, example.shots,   requests}
      .dump();
}

std::string text_of_answers(const std::vector<Answer>& answers) {
  Json json = Json::array();
  for (const Answer& answer : answers) json.push_back({answer.filter, answer.reply, answer.values});
  return json.dump();
}

std::string text_of_metrics(const std::vector<Metric>& metrics) {
  Json json = Json::array();
  for (const Metric& m : metrics)
    json.push_back({m.name, m.filter, m.value, m.standard_error.value_or(-1), m.unit, m.higher_is_better, m.count, m.leaf, m.parent});
  return json.dump();
}

class EveryTask : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Task> make(const Json& more = Json::object()) const {
    Json settings = sample_settings(GetParam());
    settings.update(more);
    return Registry<Task>::instance().make(GetParam(), settings);
  }

  // A task over several data sets has no setting for one.
  static bool takes_a_dataset() {
    const std::vector<Setting>& settings = Registry<Task>::instance().find(GetParam()).settings;
    return std::ranges::any_of(settings, [](const Setting& setting) { return setting.name == "dataset"; });
  }

  std::vector<Example> examples(const Task& task) {
    const ExampleList list = task.examples(task_inputs(*source_, model_));
    std::vector<Example> made;
    for (std::size_t i = 0; i < list.count; ++i) made.push_back(list.make(i));
    return made;
  }

  std::vector<Answer> grade(const Task& task, const Example& example) {
    std::vector<Response> responses(example.requests.size());
    model_.answer(example.requests, {}, [&](std::size_t i, const Response& response) {
      responses[i] = response;
      return Continue::kYes;
    });
    return task.grade(example, responses);
  }

  std::unique_ptr<DatasetSource> source_ = sample_source();
  ScriptedLanguageModel model_{[](std::string_view context) { return fmt::format(" It is {}.\n#### {}", context.size() % 7, context.size() % 5); }};
};

TEST_P(EveryTask, HasASummaryAVersionAndTheCommonSettings) {
  const Registered<Task>& entry = Registry<Task>::instance().find(GetParam());
  EXPECT_FALSE(entry.summary.empty());
  EXPECT_GE(entry.version, 1);
  std::set<std::string> names;
  for (const Setting& setting : entry.settings) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_FALSE(setting.summary.empty()) << setting.name;
  }
  for (const char* name : {"limit", "shots", "seed", "split", "max_length", "add_bos", "profile"}) EXPECT_TRUE(names.contains(name)) << name;
}

TEST_P(EveryTask, RefusesASettingItDoesNotKnowNamingThoseItKnows) {
  EXPECT_ERROR_THAT(make({{"limitt", 3}}), kInput,
                    testing::AllOf(testing::HasSubstr(GetParam()), testing::HasSubstr("'limitt'"), testing::HasSubstr("limit"), testing::HasSubstr("profile")));
  EXPECT_ERROR_HAS(make({{"limit", 0}}), kInput, "limit");
  EXPECT_ERROR_HAS(make({{"limit", 2.5}}), kInput, "limit");
  EXPECT_ERROR_HAS(make({{"shots", -1}}), kInput, "shots");
  EXPECT_ERROR_HAS(make({{"profile", "lmeval-2019-01"}}), kInput, "lmeval-2019-01");
  EXPECT_ERROR_HAS(make({{"split", 1}}), kInput, "split");
}

TEST_P(EveryTask, RefusesASplitOrDatasetThatIsNotThere) {
  EXPECT_ERROR_HAS(examples(*make({{"split", "nowhere"}})), kInput, "'nowhere'");
  if (takes_a_dataset()) EXPECT_ERROR_HAS(examples(*make({{"dataset", "nodata"}})), kInput, "there is no dataset 'nodata'");
}

TEST_P(EveryTask, ChecksItsDataWithoutAModel) {
  EXPECT_NO_THROW(make()->check(*source_));
  EXPECT_ERROR_HAS(make({{"split", "nowhere"}})->check(*source_), kInput, "'nowhere'");
  if (takes_a_dataset()) EXPECT_ERROR_HAS(make({{"dataset", "math"}, {"split", "train"}})->check(*source_), kInput, "math");
}

TEST_P(EveryTask, ReadsOnlyWhatItSaysItReads) {
  NotingSource source;
  const auto task = make();
  const ExampleList list = task->examples(task_inputs(source, model_));
  for (std::size_t i = 0; i < list.count; ++i) list.make(i);
  std::set<std::string> said;
  for (const DatasetPart& part : task->reads()) said.insert(part.dataset + "/" + part.split + "/" + part.subset);
  EXPECT_EQ(source.parts, said);
}

TEST_P(EveryTask, MakesTheSameExamplesTwiceInWhateverOrderTheyAreAskedFor) {
  const std::vector<Example> once = examples(*make());
  ASSERT_FALSE(once.empty());
  const auto task = make();
  const ExampleList list = task->examples(task_inputs(*source_, model_));
  ASSERT_EQ(list.count, once.size());
  for (std::size_t i = list.count; i-- > 0;) EXPECT_EQ(text_of_example(list.make(i)), text_of_example(once[i]));
}

TEST_P(EveryTask, KeepsItsFirstExamplesUnderALimit) {
  std::map<std::string, std::vector<std::string>> all;
  for (const Example& example : examples(*make())) all[example.record.leaf].push_back(text_of_example(example));
  std::map<std::string, std::vector<std::string>> limited;
  for (const Example& example : examples(*make({{"limit", 2}}))) limited[example.record.leaf].push_back(text_of_example(example));
  ASSERT_EQ(limited.size(), all.size());
  for (auto& [leaf, texts] : all) {
    texts.resize(std::min<std::size_t>(texts.size(), 2));
    EXPECT_EQ(limited[leaf], texts) << leaf;
  }
}

TEST_P(EveryTask, RecordsItsDocumentsInOrderWithTheirHashes) {
  std::map<std::string, std::int64_t> next;
  for (const Example& example : examples(*make())) {
    EXPECT_EQ(example.record.doc_id, next[example.record.leaf]++);
    EXPECT_EQ(example.record.doc_hash, sha256_hex(example.record.doc_json));
    EXPECT_TRUE(Json::accept(example.record.doc_json));
    EXPECT_EQ(example.record.data_sha256.size(), 64u);
    EXPECT_FALSE(example.requests.empty());
  }
}

TEST_P(EveryTask, KeepsAGroupTogether) {
  std::set<std::string> ended;
  std::string group;
  for (const Example& example : examples(*make())) {
    if (example.group == group) continue;
    EXPECT_TRUE(ended.insert(group).second || group.empty()) << group;
    group = example.group;
    EXPECT_FALSE(!group.empty() && ended.contains(group)) << group;
  }
}

TEST_P(EveryTask, GradesPurely) {
  const auto task = make();
  std::set<std::string> filters;
  for (const Example& example : examples(*task)) {
    const std::vector<Answer> answers = grade(*task, example);
    ASSERT_FALSE(answers.empty());
    EXPECT_EQ(text_of_answers(answers), text_of_answers(grade(*make(), example)));
    std::set<std::string> of_this;
    for (const Answer& answer : answers) {
      EXPECT_TRUE(of_this.insert(answer.filter).second) << answer.filter;
      EXPECT_FALSE(answer.values.empty());
      for (const auto& [name, value] : answer.values) EXPECT_TRUE(std::isfinite(value)) << name;
    }
    if (filters.empty()) filters = of_this;
    EXPECT_EQ(filters, of_this);
  }
}

TEST_P(EveryTask, GivesNoScoreForNothing) { EXPECT_TRUE(make()->aggregate({}).empty()); }

TEST_P(EveryTask, AggregatesToAHeadlineAndWhatReportsNeed) {
  const TaskRun run = run_task(*make(), *source_, model_);
  ASSERT_FALSE(run.metrics.empty());
  EXPECT_EQ(run.metrics.front().leaf, "");
  EXPECT_NE(run.metrics.front().unit, "examples") << "a count is no headline";
  std::set<std::string> names;
  for (const Metric& metric : run.metrics) {
    EXPECT_TRUE(names.insert(metric.leaf + "|" + metric.name + "|" + metric.filter).second) << metric.leaf << " " << metric.name;
    EXPECT_TRUE(std::isfinite(metric.value)) << metric.name;
    EXPECT_FALSE(metric.unit.empty()) << metric.name;
    EXPECT_GT(metric.count, 0) << metric.name;
    EXPECT_TRUE(!metric.standard_error || *metric.standard_error >= 0) << metric.name;
  }
}

TEST_P(EveryTask, AggregatesToTheSameDigitsInWhateverOrderAnswersWereSaved) {
  const auto task = make();
  TaskRun run = run_task(*task, *source_, model_);
  const std::string before = text_of_metrics(run.metrics);
  std::shuffle(run.answers.begin(), run.answers.end(), std::mt19937(7));
  EXPECT_EQ(text_of_metrics(task->aggregate(run.answers)), before);
}

TEST_P(EveryTask, ScoresATrialThatWasStoppedEarly) {
  const auto task = make();
  const TaskRun run = run_task(*task, *source_, model_);
  const std::size_t filters = grade(*task, examples(*task).front()).size();
  const std::vector<Metric> metrics = task->aggregate(std::span(run.answers).first(filters));
  ASSERT_FALSE(metrics.empty());
  EXPECT_EQ(metrics.front().count, 1);
  EXPECT_EQ(metrics.front().name, run.metrics.front().name);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryTask, testing::ValuesIn(Registry<Task>::instance().names()), [](const auto& test) { return test.param; });

}  // namespace
}  // namespace winnow::test
