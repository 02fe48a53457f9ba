// What must hold for every registered measurement: a new one is tested the moment it exists.
#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "harness/api/task.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/fake_measured_model.h"

namespace winnow::test {
namespace {

// What a measurement needs beside its defaults to run on the samples, which are short.
Json sample_settings(const std::string& name) { return name == "divergence" || name == "reconstruction_error" ? Json{{"window", 16}} : Json::object(); }

class EveryMeasurement : public ::testing::TestWithParam<std::string> {
 protected:
  EveryMeasurement() {
    model_.variants[0] = model_.variants[kDense];
    model_.variants[1] = model_.variants[kDense];
    model_.variants[1].size.is_dense = false;
  }
  std::unique_ptr<Measurement> make(const Json& more = Json::object()) const {
    Json settings = sample_settings(GetParam());
    settings.update(more);
    return Registry<Measurement>::instance().make(GetParam(), settings);
  }

  FakeMeasuredModel model_;
  std::unique_ptr<DatasetSource> source_ = sample_source();
};

TEST_P(EveryMeasurement, HasASummaryAVersionAndANameOfItsOwn) {
  const Registered<Measurement>& entry = Registry<Measurement>::instance().find(GetParam());
  EXPECT_FALSE(entry.summary.empty());
  EXPECT_GE(entry.version, 1);
  EXPECT_FALSE(Registry<Task>::instance().contains(GetParam()));
  std::set<std::string> names;
  for (const Setting& setting : entry.settings) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_FALSE(setting.summary.empty()) << setting.name;
  }
}

TEST_P(EveryMeasurement, RefusesASettingItDoesNotKnow) {
  EXPECT_ERROR_THAT(make({{"nosuch", 3}}), kInput, testing::AllOf(testing::HasSubstr(GetParam()), testing::HasSubstr("'nosuch'")));
}

TEST_P(EveryMeasurement, ChecksItsDataWithoutAModel) {
  EXPECT_NO_THROW(make()->check(*source_));
  if (make()->reads().empty()) return;
  EXPECT_ERROR_HAS(make({{"split", "nowhere"}})->check(*source_), kInput, "'nowhere'");
  EXPECT_ERROR_HAS(make({{"dataset", "nodata"}, {"split", "test"}})->check(*source_), kInput, "there is no dataset 'nodata'");
}

TEST_P(EveryMeasurement, GivesEveryVariantNumbersThatReportsCanUse) {
  const MeasuredAll all = measure_all(*make(), model_, *source_);
  EXPECT_TRUE(all.failed.empty());
  ASSERT_EQ(all.measured.size(), 2u);
  for (const auto& [variant, measured] : all.measured) {
    ASSERT_FALSE(measured.metrics.empty());
    EXPECT_EQ(measured.metrics.front().leaf, "");
    EXPECT_FALSE(measured.note.empty());
    std::set<std::string> names;
    for (const Metric& metric : measured.metrics) {
      EXPECT_TRUE(names.insert(metric.leaf + "|" + metric.name + "|" + metric.filter).second) << metric.leaf << " " << metric.name;
      EXPECT_TRUE(std::isfinite(metric.value)) << metric.name;
      EXPECT_FALSE(metric.unit.empty()) << metric.name;
      EXPECT_GT(metric.count, 0) << metric.name;
      EXPECT_TRUE(!metric.standard_error || *metric.standard_error >= 0) << metric.name;
    }
  }
}

TEST_P(EveryMeasurement, MeasuresOneVariantAlone) {
  model_.variants.erase(0);
  const MeasuredAll all = measure_all(*make(), model_, *source_);
  EXPECT_EQ(all.measured.size() + all.failed.size(), 1u);
  EXPECT_TRUE(all.measured.contains(1));
}

TEST_P(EveryMeasurement, AVariantThatFailsLeavesTheOthersAlone) {
  model_.variants[1].fails = "out of memory";
  const MeasuredAll all = measure_all(*make(), model_, *source_);
  EXPECT_THAT(all.measured, testing::ElementsAre(testing::Key(0)));
  EXPECT_THAT(all.failed, testing::ElementsAre(testing::Pair(1, testing::HasSubstr("out of memory"))));
}

TEST_P(EveryMeasurement, LetsARequestToStopPass) {
  MeasureInputs inputs{.model = model_,
                       .variants = {0, 1},
                       .labels = {"a", "b"},
                       .threads = 1,
                       .machine = [] { return MachineState{}; },
                       .datasets = *source_,
                       .on_measured = [](VariantNumber, Measured) {},
                       .on_failed = [](VariantNumber, const std::string&) {},
                       .attempt =
                           [](VariantNumber, const std::function<void()>& work) {
                             work();
                             return true;
                           },
                       .on_step = [](std::size_t, std::size_t) { throw StoppedMeasuring{}; }};
  EXPECT_THROW(make()->measure(inputs), StoppedMeasuring);
}

TEST_P(EveryMeasurement, SaysThatItNeedsATokenizerBeforeAnythingElse) {
  model_.has_tokenizer = false;
  if (make()->needs_tokenizer()) {
    EXPECT_ERROR_HAS(measure_all(*make(), model_, *source_), kUnsupported, "no tokenizer");
  } else {
    EXPECT_EQ(measure_all(*make(), model_, *source_).measured.size(), 2u);
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryMeasurement, testing::ValuesIn(Registry<Measurement>::instance().names()), [](const auto& test) { return test.param; });

}  // namespace
}  // namespace winnow::test
