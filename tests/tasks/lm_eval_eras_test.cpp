// The zero-shot suite under the profiles of older lm-evaluation-harnesses, against what those revisions did themselves.
#include "tasks/shared/few_shot.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/era_runs.h"
#include "tests/support/errors.h"
#include "tests/support/recorded_data.h"
#include "tests/support/scripted_language_model.h"
#include "tests/support/task_driver.h"

namespace winnow::test {
namespace {

class Era : public ::testing::TestWithParam<std::string> {
 protected:
  void check(const std::string& name, Json settings) {
    const EraRun recorded = era_run(GetParam(), name);
    const auto datasets = folder_source(recorded_data_folder());
    ScriptedLanguageModel model;
    EXPECT_EQ(recorded.tasks().size(), 8u);
    settings["profile"] = GetParam();
    for (const std::string& task : recorded.tasks()) {
      const std::vector<std::int64_t> order = recorded.order_of(task);
      settings["limit"] = order.size();
      std::vector<std::int64_t> documents;
      run_task(*Registry<Task>::instance().make(task, settings), *datasets, model, [&](const Example& example, const auto& responses, const auto& answers) {
        expect_recorded(recorded, example, responses, answers, 0);
        documents.push_back(example.record.doc_id);
      });
      EXPECT_EQ(documents, order) << task;
    }
  }
};

TEST_P(Era, AsksAndGradesAsItDidWithoutShots) { check("zeroshot", {{"shots", 0}}); }
TEST_P(Era, AsksAndGradesAsItDidWithThreeShots) { check("fewshot_3", {{"shots", 3}}); }

INSTANTIATE_TEST_SUITE_P(Profiles, Era, testing::Values("lmeval-0.4.9.1", "lmeval-2023-12", "lmeval-2023-07"), [](const auto& test) {
  std::string name;
  for (const char c : test.param) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

TEST(Eras, OfJuly2023AsksYesFirstAndTakesNoWhereBothAreEqual) {
  const auto source = sample_source();
  const ScriptedLanguageModel model;
  const auto task = Registry<Task>::instance().make("boolq", {{"profile", "lmeval-2023-07"}});
  const ExampleList list = task->examples(task_inputs(*source, model));
  for (std::size_t i = 0; i < list.count; ++i) {
    const Example example = list.make(i);
    EXPECT_EQ(std::get<ScoreRequest>(example.requests[0]).continuation, " yes");
    const bool is_yes = example.record.target == " yes";
    EXPECT_EQ(example.record.gold, is_yes ? 0 : 1);
    const auto acc = [&](double yes, double no) {
      return task->grade(example, std::vector<Response>{{.log_likelihood = yes}, {.log_likelihood = no}}).at(0).values.at("acc");
    };
    EXPECT_EQ(acc(-1, -2), is_yes ? 1 : 0);
    EXPECT_EQ(acc(-2, -1), is_yes ? 0 : 1);
    EXPECT_EQ(acc(-1, -1), is_yes ? 0 : 1) << "yes only when strictly larger";
  }
}

TEST(Eras, Of2023HaveASeedOfTheirOwn) {
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("piqa", {{"profile", "lmeval-2023-07"}, {"seed", 7}}), kInput,
                   "\"seed\" is 7, but the profile lmeval-2023-07 draws shots with a seed of its own");
  EXPECT_NO_THROW(Registry<Task>::instance().make("piqa", {{"profile", "lmeval-0.4.9.1"}, {"seed", 7}}));
}

TEST(Eras, BeforeTheNewestKeepFewerShotsWhereDuplicatesWereDrawn) {
  const std::vector<OrderedJson> pool = {{{"q", 1}}, {{"q", 1}}, {{"q", 1}}, {{"q", 2}}, {{"q", 3}}};
  ShotPool shots{&pool, "pool", true};
  EXPECT_EQ(draw_shots(shots, pool, 3, 2, 1234).at(0).size(), 2u);
  shots.when_short = ShotPool::WhenShort::kKeepFewer;
  std::size_t fewest = 2;
  for (const Shots& drawn : draw_shots(shots, pool, 3, 2, 1234)) fewest = std::min(fewest, drawn.size());
  EXPECT_LT(fewest, 2u);
}

}  // namespace
}  // namespace winnow::test
