#include "harness/api/measure.h"

#include <gmock/gmock.h>

#include "harness/sweep/cell_groups.h"
#include "harness/sweep/known_tasks.h"
#include "harness/sweep/run_sweep.h"
#include "tests/support/errors.h"
#include "tests/support/sweep_fakes.h"

namespace winnow {
namespace {

using test::letters_sweep;
using testing::HasSubstr;

// Measures nothing but how it was called: each variant's number among those measured together.
class Tally : public Measurement {
 public:
  explicit Tally(const Params& params) : fail_(params.find<std::string>("fail").value_or("")), on_machine_(params.get<bool>("on_machine")) {}
  std::vector<DatasetPart> reads() const override { return {{"alphabet", "test"}}; }
  bool depends_on_machine() const override { return on_machine_; }
  void measure(const MeasureInputs& inputs) const override {
    if (fail_ == "all") throw std::runtime_error("nothing could be measured");
    for (std::size_t i = 0; i < inputs.variants.size(); ++i) {
      inputs.on_step(i, inputs.variants.size());
      if (inputs.labels[i] == fail_) {
        inputs.on_failed(inputs.variants[i], "its logits are not finite");
        continue;
      }
      Metric metric{.name = "place", .value = static_cast<double>(i), .unit = "places"};
      inputs.on_measured(inputs.variants[i], {.metrics = {metric}, .note = fmt::format("{} together", inputs.variants.size())});
    }
  }

 private:
  std::string fail_;
  bool on_machine_;
};

const Registration<Measurement> kTally{{.name = "tally",
                                        .version = 5,
                                        .summary = "for tests of the sweep room",
                                        .settings = {{.name = "fail", .types = {SettingType::kString}, .summary = "variant that fails"},
                                                     {.name = "on_machine", .types = {SettingType::kBoolean}, .default_value = false, .summary = "as speed"}},
                                        .make = [](const Params& params) -> std::unique_ptr<Measurement> { return std::make_unique<Tally>(params); }}};

class NoModel : public MeasuredModel {
 public:
  ModelSize size(VariantNumber) override { return {}; }
  std::vector<MatrixKind> weights(VariantNumber, const OnStep&) override { return {}; }
  MemoryUse use(VariantNumber, const TokenSequences&, int) override { return {}; }
  std::unique_ptr<TimedModel> open(VariantNumber) override { return nullptr; }
  std::int64_t available_bytes() const override { return 0; }
  std::int64_t vocabulary() const override { return 1; }
  std::int64_t max_positions() const override { return 0; }
  std::optional<std::int32_t> bos_id() const override { return {}; }
  std::vector<std::int32_t> encode(std::string_view) const override { return {}; }
  void compare_tokens(const Together&, const OnWindow&) override {}
  std::map<VariantNumber, std::vector<LayerComparison>> compare_layers(const Together&) override { return {}; }
};

class MeasuringOpener : public test::FakeOpener {
 public:
  OpenedToMeasure open_to_measure(const ModelSpec&, const std::vector<VariantSpec>& variants) override {
    together.push_back(variants.size());
    OpenedToMeasure opened{.model = std::make_unique<NoModel>()};
    opened.plan = [this, variants](VariantNumber variant) -> std::string {
      const VariantSpec& spec = variants.at(variant);
      if (spec.label == cannot_plan) throw std::runtime_error("no such expert");
      return spec.steps.empty() ? "" : "{\"plan\":2}";
    };
    opened.check_unchanged = [this] {
      if (!changed.empty()) throw std::runtime_error(changed);
    };
    return opened;
  }
  std::vector<std::size_t> together;
  std::string cannot_plan;
};

struct Bench : test::SweepBench<MeasuringOpener> {
  explicit Bench(const std::string& tasks = R"([{"task": "tally"}, {"task": "letters"}])") : SweepBench(letters_sweep(tasks)) {}
};

TEST(MeasureCells, VariantsOfAModelAreMeasuredTogetherAfterItsOtherTasks) {
  Bench bench;
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.ran, 4u);
  EXPECT_EQ(bench.opener.together, std::vector<std::size_t>{2});
  ASSERT_EQ(bench.log.trials.size(), 4u);
  const test::MemoryLog::Kept &dense = bench.log.trials[2], &half = bench.log.trials[3];
  EXPECT_EQ(dense.cell.task, "tally");
  EXPECT_EQ(dense.cell.variant, "dense");
  EXPECT_EQ(dense.end->metrics.at(0).value, 0);
  EXPECT_EQ(half.end->metrics.at(0).value, 1);
  EXPECT_EQ(half.end->reason, "2 together");
  EXPECT_EQ(half.end->status, TrialStatus::kOk);
  EXPECT_TRUE(half.end->seconds.contains("total"));
  EXPECT_EQ(dense.plan_json, "");
  EXPECT_EQ(half.plan_json, "{\"plan\":2}");
}

TEST(MeasureCells, WhatIsDoneIsNotMeasuredAgain) {
  Bench bench;
  bench.run();
  EXPECT_EQ(bench.run().already_done, 4u);
  bench.log.trials[2].end->status = TrialStatus::kFailed;
  EXPECT_EQ(bench.run().ran, 1u);
  EXPECT_EQ(bench.opener.together, (std::vector<std::size_t>{2, 1}));
}

TEST(MeasureCells, AVariantThatFailsLeavesTheOthersAlone) {
  Bench bench(R"([{"task": "tally", "fail": "half"}])");
  EXPECT_EQ(bench.run().ran, 1u);
  EXPECT_EQ(bench.log.trials[1].end->status, TrialStatus::kFailed);
  EXPECT_EQ(bench.log.trials[1].end->reason, "its logits are not finite");
  Bench unplanned;
  unplanned.opener.cannot_plan = "half";
  EXPECT_EQ(unplanned.run().ran, 3u);
  EXPECT_EQ(unplanned.log.trials[3].end->reason, "no such expert");
  EXPECT_EQ(unplanned.log.trials[2].end->reason, "1 together");
}

TEST(MeasureCells, AFailureOfTheWholeIsOneOfEveryCell) {
  Bench bench(R"([{"task": "tally", "fail": "all"}])");
  EXPECT_EQ(bench.run().failed, 2u);
  for (const auto& trial : bench.log.trials) EXPECT_EQ(trial.end->reason, "nothing could be measured");
  Bench changed;
  changed.opener.changed = "model.safetensors has changed since it was opened";
  changed.run();
  EXPECT_EQ(changed.log.trials[3].end->reason, "model.safetensors has changed since it was opened");
}

TEST(MeasureCells, StoppedTrialsStayOpenAndAreMeasuredAnew) {
  Bench bench(R"([{"task": "tally"}])");
  int asked = 0;
  bench.controls.should_stop = [&] { return ++asked > 5; };  // when the second variant's turn comes
  const SweepOutcome outcome = bench.run();
  EXPECT_TRUE(outcome.stopped);
  EXPECT_EQ(outcome.ran, 1u);
  ASSERT_EQ(bench.log.trials.size(), 2u);
  EXPECT_FALSE(bench.log.trials[1].end);
  bench.controls.should_stop = {};
  EXPECT_EQ(bench.run().ran, 1u);
  EXPECT_EQ(bench.log.trials.size(), 2u);
  EXPECT_EQ(bench.log.trials[1].end->reason, "1 together");
}

TEST(MeasureCells, RandomWeightsAreMeasuredAndAskedNothing) {
  Bench bench;
  bench.opener.random_weights = true;
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.ran, 2u);
  EXPECT_EQ(outcome.skipped, 2u);
}

TEST(MeasureCells, ModelsThatRunElsewhereAreSkippedByName) {
  Bench bench(R"([{"task": "tally"}])");
  test::FakeOpener elsewhere;
  const SweepOutcome outcome = run_sweep(bench.sweep, expand(bench.sweep, elsewhere, bench.datasets), elsewhere, bench.datasets, bench.log, {});
  EXPECT_EQ(outcome.skipped, 2u);
  EXPECT_THAT(bench.log.trials[0].end->reason, HasSubstr("model 'one' does not run in this engine"));
}

TEST(MeasureCells, BusyCellsAreLeftToTheOtherProcess) {
  Bench bench(R"([{"task": "tally"}])");
  bench.log.busy_key = expand(bench.sweep, bench.opener, bench.datasets)[0].key;
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.elsewhere, 1u);
  EXPECT_EQ(outcome.ran, 1u);
  EXPECT_EQ(bench.opener.together, std::vector<std::size_t>{1});
}

TEST(MeasureCells, TheKeyHoldsTheMachineOnlyWhereItDecides) {
  Bench bench(R"([{"task": "tally"}, {"task": "tally", "on_machine": true}])");
  const std::vector<Cell> cells = expand(bench.sweep, bench.opener, bench.datasets);
  EXPECT_EQ(cells[0].identity["task"]["version"], 5);
  EXPECT_EQ(cells[0].identity["task"]["measures"], "engine");
  EXPECT_FALSE(cells[0].identity["task"].contains("machine"));
  EXPECT_TRUE(cells[1].identity["task"]["machine"].contains("cpu"));
  EXPECT_GE(cells[1].identity["task"]["machine"]["threads"], 1);
}

TEST(MeasureCells, UnknownSettingsAreRefusedAtTheirPlace) {
  EXPECT_ERROR_HAS(Bench(R"([{"task": "tally", "fial": "half"}])"), kInput, "task tally does not know 'fial' (did you mean 'fail'?)");
  EXPECT_ERROR_HAS(Bench(R"([{"task": "talli"}])"), kInput, "there is no task 'talli' (did you mean 'tally'?)");
}

TEST(CellGroups, FollowTheModels) {
  std::vector<Cell> cells;
  for (std::size_t model : {0, 1}) {
    for (std::size_t variant : {0, 1}) {
      for (std::size_t task : {0, 1, 2})
        cells.push_back({.task = task == 1 ? "letters" : "tally", .model_index = model, .variant_index = variant, .task_index = task});
    }
  }
  std::vector<const Cell*> all;
  for (const Cell& cell : cells) all.push_back(&cell);
  std::string order;
  for (const CellGroup& group : group_cells(all)) {
    order += group.kind == CellGroup::Kind::kVariant ? " v" : " m";
    for (const Cell* cell : group.cells) order += fmt::format(":{}{}{}", cell->model_index, cell->variant_index, cell->task_index);
  }
  EXPECT_EQ(order, " v:001 v:011 m:000:010 m:002:012 v:101 v:111 m:100:110 m:102:112");
}

}  // namespace
}  // namespace winnow
