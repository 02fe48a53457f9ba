#include <gmock/gmock.h>

#include <cmath>

#include "harness/api/task.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/fake_measured_model.h"

namespace winnow::test {
namespace {

using testing::HasSubstr;

MeasuredAll measure(const std::string& name, FakeMeasuredModel& model, const Json& settings) {
  return measure_all(*Registry<Measurement>::instance().make(name, settings), model, *sample_source());
}

// Two windows of four predicted tokens each, KL 1 2 3 4 and 5 6 7 8; every token half as likely as before but for the last, which is sure.
FakeMeasuredModel moved() {
  FakeMeasuredModel model;
  model.variants[0] = model.variants[kDense];
  model.variants[0].token = [](std::size_t window, std::size_t token) {
    const bool last = window == 1 && token == 4;
    return ComparedToken{.divergence = static_cast<double>(4 * window + token),
                         .dense_log_probability = std::log(0.5),
                         .variant_log_probability = last ? 0 : std::log(0.25),
                         .same_top = window == 0};
  };
  return model;
}

TEST(Divergence, IsWhatAPersonCanCount) {
  FakeMeasuredModel model = moved();
  const MeasuredAll all = measure("divergence", model, {{"window", 5}, {"limit", 2}});
  EXPECT_EQ(model.windows_compared, 2u);
  EXPECT_EQ(all.measured.at(0).metrics.front().name, "kl_divergence");
  EXPECT_EQ(all.metric(0, "kl_divergence").count, 8);
  EXPECT_DOUBLE_EQ(all.value(0, "kl_divergence"), 4.5);
  EXPECT_DOUBLE_EQ(all.value(0, "kl_divergence_median"), 4.5);
  EXPECT_DOUBLE_EQ(all.value(0, "kl_divergence_p90"), 7.3);
  EXPECT_DOUBLE_EQ(all.value(0, "kl_divergence_max"), 8);
  EXPECT_DOUBLE_EQ(all.value(0, "same_top"), 0.5);
  EXPECT_NEAR(all.value(0, "log_perplexity_ratio"), 6.0 / 8 * std::log(2), 1e-12);  // seven times log 2, once −log 2
  EXPECT_NEAR(all.value(0, "perplexity_ratio"), std::pow(2, 0.75), 1e-12);
  EXPECT_NEAR(all.value(0, "perplexity_dense"), 2, 1e-12);
  EXPECT_NEAR(all.value(0, "perplexity"), std::pow(4, 7.0 / 8), 1e-12);
  EXPECT_DOUBLE_EQ(all.value(0, "probability_change_min"), -0.25);
  EXPECT_DOUBLE_EQ(all.value(0, "probability_change_median"), -0.25);
  EXPECT_DOUBLE_EQ(all.value(0, "probability_change_max"), 0.5);
  EXPECT_DOUBLE_EQ(all.value(0, "probability_change_rms"), std::sqrt((7 * 0.0625 + 0.25) / 8));
  // Blocks of one token here: the paired error is the usual one of seven log 2 and one −log 2, whatever the size of the losses themselves.
  const double deviation = std::log(2) * std::sqrt((7 * 0.25 * 0.25 + 1.75 * 1.75) / 7);
  EXPECT_NEAR(*all.metric(0, "log_perplexity_ratio").standard_error, deviation / std::sqrt(8), 1e-12);
  EXPECT_NEAR(*all.metric(0, "perplexity_ratio").standard_error, std::pow(2, 0.75) * deviation / std::sqrt(8), 1e-12);
  EXPECT_NEAR(all.value(0, "log_perplexity_ratio_token_error"), deviation / std::sqrt(8), 1e-12);
  EXPECT_GT(*all.metric(0, "kl_divergence_p90").standard_error, 0);
  EXPECT_THAT(all.measured.at(0).note, HasSubstr("2 windows of 5 tokens (full) of wikitext2 "));
  EXPECT_THAT(all.measured.at(0).note, HasSubstr("8 predicted tokens; ± of means and ratios from 8 blocks of neighbouring tokens by formula"));
}

TEST(Divergence, OfAModelFromItselfIsNothing) {
  FakeMeasuredModel model;
  model.variants[0] = model.variants[kDense];
  const MeasuredAll all = measure("divergence", model, {{"window", 16}});
  for (const Metric& metric : all.measured.at(0).metrics) {
    if (metric.name.starts_with("kl_") || metric.name.starts_with("probability_change") || metric.name.starts_with("log_"))
      EXPECT_EQ(metric.value, 0) << metric.name;
    if (metric.name == "same_top" || metric.name == "perplexity_ratio") EXPECT_EQ(metric.value, 1);
    if (metric.standard_error && metric.name != "perplexity") EXPECT_NEAR(*metric.standard_error, 0, 1e-12) << metric.name;
  }
}

TEST(Divergence, AVariantThatFailsLeavesTheOthersAlone) {
  FakeMeasuredModel model = moved();
  model.variants[1] = model.variants[0];
  model.variants[1].fails = "its logits are not finite";
  const MeasuredAll all = measure("divergence", model, {{"window", 5}, {"limit", 2}});
  EXPECT_EQ(all.measured.size(), 1u);
  EXPECT_EQ(all.failed.at(1), "its logits are not finite");
}

TEST(Divergence, ReadsATasksOwnPrompts) {
  FakeMeasuredModel model;
  model.variants[0] = model.variants[kDense];
  const Json settings = {{"prompts_of", "gsm8k"}, {"prompt_settings", {{"shots", 0}}}, {"limit", 2}, {"max_length", 30}};
  const MeasuredAll all = measure("divergence", model, settings);
  EXPECT_EQ(model.windows_compared, 2u);
  EXPECT_EQ(all.metric(0, "kl_divergence").count, 2 * 29);  // the last 30 tokens of each prompt, but the first
  EXPECT_THAT(all.measured.at(0).note, HasSubstr("2 prompts of gsm8k"));
  const auto task = Registry<Measurement>::instance().make("divergence", settings);
  ASSERT_EQ(task->reads().size(), Registry<Task>::instance().make("gsm8k", {{"shots", 0}})->reads().size());
  EXPECT_EQ(task->reads()[0].dataset, "gsm8k");
}

TEST(Divergence, AsksEachPromptOnce) {
  FakeMeasuredModel model;
  model.variants[0] = model.variants[kDense];
  measure("divergence", model, {{"prompts_of", "mmlu"}, {"prompt_settings", {{"shots", 0}}}, {"limit", 3}});
  EXPECT_EQ(model.windows_compared, 3u);
}

TEST(Divergence, RefusesWhatCannotBeCompared) {
  const auto make = [](const Json& settings) { return Registry<Measurement>::instance().make("divergence", settings); };
  EXPECT_ERROR_HAS(make({{"prompts_of", "gsm9k"}}), kInput, "there is no task 'gsm9k'");
  EXPECT_ERROR_HAS(make({{"prompts_of", "gsm8k"}, {"prompt_settings", {{"shotss", 1}}}}), kInput, "'shotss'");
  EXPECT_ERROR_HAS(make({{"prompt_settings", {{"shots", 1}}}}), kInput, "name it in \"prompts_of\"");
  EXPECT_ERROR_HAS(make({{"method", "other"}}), kInput, "other");
  EXPECT_ERROR_HAS(make({{"prompts_of", "gsm8k"}, {"window", 16}}), kInput, "\"window\" is of a data set's text");
  EXPECT_ERROR_HAS(make({{"prompts_of", "gsm8k"}, {"prompt_settings", {{"add_bos", false}}}}), kInput, "\"add_bos\", which says how a task is answered");
}

TEST(Divergence, ReadsHalfWindowsOfAnyText) {
  const Json settings = {{"dataset", "c4"}, {"split", "demo"}, {"method", "half_window"}, {"window", 16}};
  EXPECT_NO_THROW(Registry<Measurement>::instance().make("divergence", settings)->check(*sample_source()));
}

TEST(ReconstructionError, IsRelativeToTheDenseOutput) {
  FakeMeasuredModel model;
  model.variants[0] = model.variants[kDense];
  model.variants[0].layers = {
      {.layer = 0, .dense_squares = 4, .same_input_squares = 1, .own_input_squares = 4, .dense_load = {4, 4, 4, 4}, .variant_load = {8, 8}},
      {.layer = 2, .dense_squares = 12, .same_input_squares = 3, .own_input_squares = 12, .dense_load = {8, 8, 0, 0}, .variant_load = {16, 0}}};
  const MeasuredAll all = measure("reconstruction_error", model, {{"window", 16}, {"limit", 1}});
  EXPECT_EQ(all.value(0, "reconstruction_error", "layer_0"), 0.5);
  EXPECT_EQ(all.value(0, "reconstruction_error_own", "layer_0"), 1);
  EXPECT_EQ(all.value(0, "reconstruction_error"), 0.5);  // √(4 / 16)
  EXPECT_EQ(all.value(0, "load_entropy_before", "layer_0"), 1);
  EXPECT_EQ(all.value(0, "load_entropy_before", "layer_2"), 0.5);  // two of four experts, evenly
  EXPECT_EQ(all.value(0, "load_entropy", "layer_2"), 0);
  EXPECT_EQ(all.value(0, "load_largest_share", "layer_2"), 1);
  EXPECT_EQ(all.value(0, "load_share_1_before", "layer_2"), 0.5);
  EXPECT_EQ(all.value(0, "dead_experts", "layer_2"), 1);
  EXPECT_EQ(all.value(0, "dead_experts_before"), 2);
  EXPECT_EQ(all.value(0, "load_entropy"), 0.5);
}

TEST(ReconstructionError, NeedsAMoeLayer) {
  FakeMeasuredModel model;
  model.variants[0] = model.variants[kDense];
  model.variants[0].layers.clear();
  EXPECT_THAT(measure("reconstruction_error", model, {{"window", 16}}).failed.at(0), HasSubstr("no MoE layer"));
}

TEST(Footprint, TellsSizesAndKurtosisBeforeAndAfter) {
  FakeMeasuredModel model;
  model.variants[0] = model.variants[1] = model.variants[kDense];
  model.variants[1].size.has_zeros_in_dense_kernels = true;
  model.variants[1].size.is_dense = false;
  model.variants[1].size.file_bytes = 0;
  model.variants[1].kinds[0].all = model.variants[kDense].kinds[1].all;  // as if pruning had left −1 and 1
  const MeasuredAll all = measure("footprint", model, Json::object());
  EXPECT_EQ(all.measured.at(0).metrics.front().name, "stored_bytes");
  EXPECT_EQ(all.value(0, "stored_bytes"), 200);
  EXPECT_EQ(all.value(0, "file_bytes"), 200);
  EXPECT_EQ(all.value(0, "resident_bytes"), 202);
  EXPECT_EQ(all.value(0, "active_parameters"), 60);
  EXPECT_DOUBLE_EQ(all.value(0, "excess_kurtosis", "query"), 5.0 * 1394 / 2500 - 3);
  EXPECT_DOUBLE_EQ(all.value(0, "excess_kurtosis", "linears"), 5.0 * 1394 / 2500 - 3);
  EXPECT_DOUBLE_EQ(all.value(0, "excess_kurtosis", "embedding"), -2);
  EXPECT_DOUBLE_EQ(all.value(1, "excess_kurtosis", "query"), -2);
  EXPECT_DOUBLE_EQ(all.value(1, "excess_kurtosis_before", "query"), 5.0 * 1394 / 2500 - 3);
  EXPECT_EQ(all.metric(0, "excess_kurtosis").count, 9);
  EXPECT_THROW(all.value(1, "file_bytes"), std::runtime_error);
  EXPECT_THAT(all.measured.at(1).note, HasSubstr("masking saves no byte here"));
}

}  // namespace
}  // namespace winnow::test
