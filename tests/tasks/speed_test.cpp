#include <gmock/gmock.h>

#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/fake_measured_model.h"

namespace winnow::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

MeasuredAll speed(FakeMeasuredModel& model, const Json& settings, std::vector<MachineState> machine = {}) {
  return measure_all(*Registry<Measurement>::instance().make("speed", settings), model, *sample_source(), std::move(machine));
}

// Dense and one variant that needs half its seconds; a warm-up run is the first of each batch size.
FakeMeasuredModel two_variants() {
  FakeMeasuredModel model;
  model.variants[0] = model.variants[1] = model.variants[kDense];
  model.variants[0].decode_seconds = {9, 1, 2, 3, 4, 8};
  model.variants[1].decode_seconds = {9, 0.5, 1, 1.5, 2, 4};
  model.variants[1].size.is_dense = false;
  model.variants[1].size.experts = 6;
  return model;
}

TEST(Speed, IsTheMedianOverRoundsWithItsRange) {
  FakeMeasuredModel model = two_variants();
  const MeasuredAll all = speed(model, {{"batch_sizes", {4}}, {"context", 10}, {"new_tokens", 6}});
  EXPECT_EQ(all.value(0, "decode_tokens", "batch_4"), 24);
  EXPECT_EQ(all.value(0, "decode_seconds", "batch_4"), 3);  // of 1 2 3 4 8; the warm-up of 9 does not count
  EXPECT_EQ(all.value(0, "decode_tokens_per_second", "batch_4"), 8);
  EXPECT_EQ(all.value(0, "decode_tokens_per_second_low", "batch_4"), 3);
  EXPECT_EQ(all.value(0, "decode_tokens_per_second_high", "batch_4"), 24);
  EXPECT_EQ(all.value(0, "prefill_tokens", "batch_4"), 40);
  EXPECT_EQ(all.value(0, "prefill_seconds", "batch_4"), 6);
  EXPECT_DOUBLE_EQ(all.value(0, "prefill_tokens_per_second", "batch_4") * 6, 40);
  EXPECT_EQ(all.value(1, "decode_speed_ratio", "batch_4"), 2);  // pair by pair
  EXPECT_EQ(all.value(1, "decode_speed_ratio_low", "batch_4"), 2);
  EXPECT_EQ(all.value(0, "decode_speed_ratio_high", "batch_4"), 1);
  EXPECT_EQ(all.measured.at(1).metrics.front().filter, "batch_4");
  EXPECT_EQ(all.measured.at(1).metrics.front().value, 16);
}

TEST(Speed, CountsExpertsAndBytesOfTheWarmUp) {
  FakeMeasuredModel model = two_variants();
  const MeasuredAll all = speed(model, {{"batch_sizes", {1, 4}}, {"context", 10}, {"new_tokens", 6}});
  EXPECT_EQ(all.value(0, "experts_touched", "batch_4"), 3);  // of the two MoE layers, 2 and 4
  EXPECT_EQ(all.value(0, "experts_touched", "batch_4_layer_0"), 2);
  EXPECT_EQ(all.value(0, "experts_touched", "batch_4_layer_2"), 4);
  EXPECT_EQ(all.metric(0, "experts_touched", "batch_4_layer_2").parent, "batch_4");
  EXPECT_THROW(all.value(0, "experts_touched", "batch_4_layer_1"), std::runtime_error);  // a dense layer
  EXPECT_EQ(all.value(0, "expert_rows_per_step", "batch_1"), 2);
  EXPECT_EQ(all.value(0, "weight_bytes_per_step", "batch_4"), 400);
}

TEST(Speed, TakesVariantsInTurn) {
  FakeMeasuredModel model = two_variants();
  const MeasuredAll all = speed(model, {{"batch_sizes", {4}}, {"context", 10}, {"new_tokens", 6}});
  EXPECT_EQ(model.ran, (std::vector<VariantNumber>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(model.opened, (std::vector<VariantNumber>{0, 1}));
  EXPECT_THAT(all.measured.at(0).note,
              HasSubstr("in turn variant-0, variant-1, 5 rounds after 1 of warm-up, all held in memory; 10 tokens of context, 6 new ones, threads 2"));
}

TEST(Speed, TimesEveryBatchSizeInEveryRound) {
  FakeMeasuredModel model = two_variants();
  speed(model, {{"batch_sizes", {4, 2}}, {"repeats", 5}});
  EXPECT_THAT(model.batch_sizes, ElementsAre(4, 4, 2, 2, 4, 4, 2, 2, 4, 4, 2, 2, 4, 4, 2, 2, 4, 4, 2, 2, 4, 4, 2, 2));
}

TEST(Speed, TimesTheDenseModelBesideWhereItIsNotAmongThem) {
  FakeMeasuredModel model = two_variants();
  model.variants.erase(0);
  model.variants[kDense].decode_seconds = {1};
  const MeasuredAll all = speed(model, {{"batch_sizes", {1}}});
  EXPECT_EQ(model.opened, (std::vector<VariantNumber>{kDense, 1}));
  EXPECT_THAT(all.measured.at(1).note, HasSubstr("in turn the dense model, variant-1"));
  EXPECT_NEAR(all.value(1, "decode_speed_ratio", "batch_1"), 1 / 1.5, 1e-12);  // of 2 1 1/1.5 1/2 1/4
  EXPECT_EQ(all.measured.size(), 1u);
}

TEST(Speed, GivesNoRatiosWhereTheDenseModelHasNoRoom) {
  FakeMeasuredModel model = two_variants();
  model.variants.erase(0);
  model.variants[kDense].fails = "out of memory";
  const MeasuredAll all = speed(model, {{"batch_sizes", {1}}});
  EXPECT_THAT(all.measured.at(1).note, HasSubstr("the dense model could not be timed beside, so there are no ratios"));
  EXPECT_GT(all.value(1, "decode_tokens_per_second", "batch_1"), 0);
  EXPECT_THROW(all.value(1, "decode_speed_ratio", "batch_1"), std::runtime_error);
  EXPECT_TRUE(all.failed.empty());
}

TEST(Speed, ReadsVariantsAnewThatDoNotFit) {
  FakeMeasuredModel model = two_variants();
  model.variants[2] = model.variants[1];
  model.available = 500;  // 0.8 of it: two of 200
  const MeasuredAll all = speed(model, {{"batch_sizes", {1, 8}}});
  EXPECT_EQ(model.opened, (std::vector<VariantNumber>{0, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}));
  EXPECT_THAT(all.measured.at(0).note, HasSubstr("1 of 3 held in memory, the others read anew in every round and warmed up"));
  EXPECT_EQ(all.metric(1, "decode_tokens_per_second", "batch_8").count, 5);
  FakeMeasuredModel tight = two_variants();
  tight.available = 0;
  EXPECT_THAT(speed(tight, {{"batch_sizes", {1}}}).measured.at(0).note, HasSubstr("0 of 2 held in memory"));
}

TEST(Speed, HoldsStreamedVariantsWhereHostAndDeviceHaveRoom) {
  const auto note = [](std::int64_t host, std::int64_t device) {
    FakeMeasuredModel model = two_variants();
    for (auto& [variant, of] : model.variants) {
      of.size.stored_bytes = 1000;
      of.size.streamed_bytes = 900;
      of.size.slot_bytes = 60;
    }
    model.available_host = host;
    model.available = device;
    return speed(model, {{"batch_sizes", {1}}, {"memory_share", 0.5}}).measured.at(0).note;
  };
  EXPECT_THAT(note(3600, 640), HasSubstr("all held in memory"));
  EXPECT_THAT(note(3599, 640), HasSubstr("0 of 2 held in memory"));
  EXPECT_THAT(note(3600, 639), HasSubstr("0 of 2 held in memory"));
}

TEST(Speed, MarksAContendedRun) {
  const MachineState start{.seconds = 100, .load_average = 0.2, .clock_mhz = 2000, .busy_cpu_seconds = 50, .stolen_cpu_seconds = 1, .own_cpu_seconds = 10};
  MachineState quiet = start;
  quiet.seconds += 10;
  quiet.busy_cpu_seconds += 20;
  quiet.own_cpu_seconds += 19.5;
  FakeMeasuredModel model = two_variants();
  const Json settings = {{"batch_sizes", {1}}};
  const MeasuredAll alone = speed(model, settings, {start, quiet});
  EXPECT_EQ(alone.value(0, "contended"), 0);
  EXPECT_NEAR(alone.value(0, "foreign_cores"), 0.05, 1e-12);
  EXPECT_EQ(alone.value(0, "clock_before"), 2000);
  EXPECT_THAT(alone.measured.at(0).note, Not(HasSubstr("contended")));
  MachineState beside = quiet, stolen = quiet, waiting = quiet;
  beside.busy_cpu_seconds += 5;
  stolen.stolen_cpu_seconds += 1;
  waiting.load_average = 3.5;
  for (const MachineState& busy : {beside, stolen, waiting}) {
    const MeasuredAll all = speed(model, settings, {start, busy});
    EXPECT_EQ(all.value(0, "contended"), 1);
    EXPECT_THAT(all.measured.at(0).note, HasSubstr("; contended: others kept "));
  }
}

TEST(Speed, TellsWhatTheGpuSpentAndWhatHeldItDown) {
  MachineState before{.seconds = 1}, after{.seconds = 2};
  before.gpu = GpuState{.energy_joules = 100, .sm_clock_mhz = 1980};
  after.gpu = GpuState{.energy_joules = 350, .sm_clock_mhz = 1755, .power_limit_watts = 700, .throttle_reasons = 0x4 | 0x1};
  FakeMeasuredModel model = two_variants();
  const MeasuredAll all = speed(model, {{"batch_sizes", {1}}}, {before, after});
  EXPECT_EQ(all.value(0, "energy"), 250);
  EXPECT_EQ(all.value(0, "gpu_clock_after"), 1755);
  EXPECT_EQ(all.value(0, "throttle_reasons_after"), 5);
  EXPECT_THAT(all.measured.at(0).note, HasSubstr("the GPU's clocks were held down (NVML reasons 0x4)"));
}

TEST(Speed, SaysWhatAWayOfPruningCannotGive) {
  FakeMeasuredModel model = two_variants();
  model.variants[0].size.has_zeros_in_dense_kernels = true;
  const MeasuredAll all = speed(model, {{"batch_sizes", {1}}});
  EXPECT_THAT(all.measured.at(0).note, HasSubstr("masking makes nothing faster here"));
  EXPECT_THAT(all.measured.at(1).note, HasSubstr("none at batch size 1"));
}

TEST(Speed, RefusesWhatCannotBeTimed) {
  const auto make = [](const Json& settings) { return Registry<Measurement>::instance().make("speed", settings); };
  EXPECT_ERROR_HAS(make({{"repeats", 4}}), kInput, "repeats");
  EXPECT_ERROR_HAS(make({{"batch_sizes", Json::array()}}), kInput, "\"batch_sizes\" is empty");
  EXPECT_ERROR_HAS(make({{"batch_sizes", {1, 8, 1}}}), kInput, "has 1 twice");
  EXPECT_ERROR_HAS(make({{"batch_sizes", {0}}}), kInput, "batch");
  FakeMeasuredModel model = two_variants();
  EXPECT_ERROR_HAS(speed(model, {{"context", 4090}, {"new_tokens", 10}}), kInput, "4100 positions, the model has 4096");
}

}  // namespace
}  // namespace winnow::test
