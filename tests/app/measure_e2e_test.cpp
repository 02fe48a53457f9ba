#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "harness/core/json.h"
#include "harness/model/safetensors.h"
#include "results/store.h"
#include "tests/support/files.h"
#include "tests/support/program.h"
#include "tests/support/sample_sweep.h"

namespace winnow {
namespace {

using test::ProgramResult;
using test::SampleSweep;
using testing::HasSubstr;

// Trials of a store by "variant task".
std::map<std::string, Trial> trials_in(const std::filesystem::path& store) {
  std::map<std::string, Trial> trials;
  for (Trial& trial : Store::open_read_only(store).latest()) trials[trial.cell.variant + " " + trial.cell.task] = std::move(trial);
  return trials;
}

const Metric& metric(const Trial& trial, const std::string& name, const std::string& leaf = "") {
  for (const Metric& metric : trial.metrics) {
    if (metric.name == name && metric.leaf == leaf) return metric;
  }
  throw std::runtime_error("no metric " + name + " " + leaf);
}
double value(const Trial& trial, const std::string& name, const std::string& leaf = "") { return metric(trial, name, leaf).value; }

constexpr const char* kMeasurements = R"([{"task": "footprint"},
  {"task": "speed", "batch_sizes": [1, 8], "context": 24, "new_tokens": 6},
  {"task": "divergence", "window": 64, "bos": "none"},
  {"task": "divergence", "prompts_of": "gsm8k", "prompt_settings": {"shots": 0}, "limit": 3},
  {"task": "reconstruction_error", "window": 64, "bos": "none"},
  {"task": "gsm8k", "shots": 0, "limit": 1, "max_new_tokens": 2}])";

TEST(Measure, EveryMeasurementRunsBesideTheOtherTasks) {
  const SampleSweep sweep(kMeasurements);
  const ProgramResult run = sweep.run();
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("12 of 12 cells ran"));
  EXPECT_THAT(run.errors, testing::ContainsRegex("tiny · dense · footprint: stored_bytes [0-9.]+ [KM]iB in "));
  for (const char* heading : {"**footprint**", "**speed**", "**reconstruction_error**", "decode tokens/s", "KL mean", "gsm8k (exact_match"})
    EXPECT_THAT(run.output, HasSubstr(heading));
  const ProgramResult again = sweep.run();
  EXPECT_THAT(again.errors, HasSubstr("all 12 cells are done"));
  EXPECT_EQ(trials_in(sweep.store()).at("dense gsm8k").status, TrialStatus::kOk);
  const ProgramResult csv = test::run_winnow({"report", sweep.store().string(), "--format", "csv"});
  EXPECT_THAT(csv.output, HasSubstr("batch_8,decode_tokens_per_second_low"));
}

TEST(Measure, AModelWithoutATokenizerIsMeasuredAndNotAsked) {
  const SampleSweep sweep(R"([{"task": "footprint"}])");
  const std::string model = "models[0].path=" + test::fixture("models/mixtral_f32").string();
  const ProgramResult run = sweep.run({}, {"--set", model});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("2 of 2 cells ran"));
  const ProgramResult asked = sweep.run({}, {"--set", model, "--set", R"(tasks=[{"task": "gsm8k", "limit": 1}])"});
  EXPECT_EQ(asked.exit_code, 3);
  EXPECT_THAT(asked.errors, testing::ContainsRegex("model 'tiny': .* has no tokenizer.model"));
}

TEST(Measure, FootprintAgreesWithTheFiles) {
  const SampleSweep sweep(R"([{"task": "footprint", "context": 64}])");
  ASSERT_EQ(sweep.run({}, {"--set", "models[0].dtype=bf16"}).exit_code, 0);
  const std::map<std::string, Trial> trials = trials_in(sweep.store());
  const Trial &dense = trials.at("dense footprint"), &pruned = trials.at("random-6 footprint");
  const auto file = static_cast<double>(std::filesystem::file_size(test::fixture("lm_eval/tiny_mixtral/model.safetensors")));
  EXPECT_NEAR(value(dense, "stored_bytes"), file, 0.02 * file);
  EXPECT_NEAR(value(dense, "file_bytes"), file, 0.02 * file);
  for (const Trial* trial : {&dense, &pruned}) {
    const double weights = value(*trial, "weight_bytes");
    EXPECT_EQ(weights, value(*trial, "stored_bytes"));
    EXPECT_GT(value(*trial, "peak_anonymous_bytes"), weights);
    EXPECT_GT(value(*trial, "peak_bytes"), value(*trial, "peak_anonymous_bytes"));
  }
  EXPECT_EQ(value(pruned, "realised_expert_sparsity"), 0.25);
  EXPECT_LT(value(pruned, "stored_bytes"), value(dense, "stored_bytes"));
  EXPECT_EQ(value(pruned, "active_parameters") + 2 * 32 * 2, value(dense, "active_parameters"));  // the routers' two rows in two layers
  EXPECT_EQ(value(pruned, "excess_kurtosis_before", "expert_up"), value(dense, "excess_kurtosis", "expert_up"));
}

TEST(Measure, FootprintAgreesWithProc) {
  const SampleSweep sweep;
  Json config = read_json_file(test::fixture("lm_eval/tiny_mixtral/config.json"));
  config.update({{"hidden_size", 256}, {"intermediate_size", 1024}});  // over 20 MB: a heap's own bytes are a few ten thousand
  sweep.write_file("config.json", config.dump());
  sweep.write_file("sweep.json", R"({"name": "sample", "models": [{"name": "shape", "config": "config.json", "weights": "random"}], "threads": 1,
    "variants": [{"label": "dense", "steps": []}, {"label": "half", "steps": [{"pruner": "random", "experts_kept": 4}]}], "tasks": [{"task": "footprint"}]})");
  const ProgramResult run = sweep.run();
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  for (const auto& [name, trial] : trials_in(sweep.store())) {
    const double weights = value(trial, "weight_bytes");
    EXPECT_GT(weights, 20e6);
    EXPECT_NEAR(value(trial, "resident_bytes"), weights, 0.02 * weights) << name;
    EXPECT_LT(value(trial, "peak_anonymous_bytes"), 1.15 * weights + 150e6) << name;      // the model once
    EXPECT_GT(value(trial, "peak_bytes"), value(trial, "peak_anonymous_bytes")) << name;  // its own: each variant's watch starts the kernel's mark anew
  }
}

TEST(Measure, SpeedCountsItsTokensAndBytes) {
  const SampleSweep sweep(R"([{"task": "speed", "batch_sizes": [1, 8], "context": 24, "new_tokens": 6}])");
  const ProgramResult run = sweep.run({}, {"--set", "variants[1].steps[0].experts_kept=3"});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  const std::map<std::string, Trial> trials = trials_in(sweep.store());
  const Trial &dense = trials.at("dense speed"), &pruned = trials.at("random-6 speed");
  for (const Trial* trial : {&dense, &pruned}) {
    EXPECT_THAT(trial->reason, HasSubstr("in turn dense, random-6, 5 rounds"));
    for (const char* leaf : {"batch_1", "batch_8"}) {
      const double sequences = leaf == std::string("batch_1") ? 1 : 8;
      EXPECT_DOUBLE_EQ(value(*trial, "decode_tokens_per_second", leaf) * value(*trial, "decode_seconds", leaf), 6 * sequences);
      EXPECT_DOUBLE_EQ(value(*trial, "prefill_tokens_per_second", leaf) * value(*trial, "prefill_seconds", leaf), 24 * sequences);
      EXPECT_LE(value(*trial, "decode_tokens_per_second_low", leaf), value(*trial, "decode_tokens_per_second", leaf));
      EXPECT_GE(value(*trial, "decode_tokens_per_second_high", leaf), value(*trial, "decode_tokens_per_second", leaf));
    }
  }
  const double router_rows = 2 * 5 * 32 * 4.0;  // five rows of two f32 routers went with the experts
  EXPECT_EQ(value(dense, "weight_bytes_per_step", "batch_1") - value(pruned, "weight_bytes_per_step", "batch_1"), router_rows);
  EXPECT_GT(value(dense, "weight_bytes_per_step", "batch_8") - value(pruned, "weight_bytes_per_step", "batch_8"), 2 * router_rows);
  EXPECT_EQ(value(dense, "experts_touched", "batch_1"), 2);
  EXPECT_LE(value(pruned, "experts_touched", "batch_8"), 3);
  EXPECT_EQ(dense.cell.identity["task"]["machine"]["threads"], 1);
}

// tests/interop/divergence_by_numpy.py recorded these from logits of `winnow trace`.
TEST(Measure, DivergenceIsWhatNumpyComputesFromTracedLogits) {
  const SampleSweep sweep(R"([{"task": "divergence", "window": 64, "bos": "none"}])");
  ASSERT_EQ(sweep.run().exit_code, 0);
  const std::map<std::string, Trial> trials = trials_in(sweep.store());
  const Trial &dense = trials.at("dense divergence"), &pruned = trials.at("random-6 divergence");
  const Json recorded = read_json_file(test::fixture("measure/divergence.json"));
  EXPECT_EQ(metric(pruned, "kl_divergence").count, recorded["tokens"].get<std::int64_t>());
  for (const auto& [name, expected] : recorded["metrics"].items())
    EXPECT_NEAR(value(pruned, name), expected.get<double>(), 1e-6 * std::max(1.0, std::abs(expected.get<double>()))) << name;
  for (const auto& [name, expected] : recorded["errors"].items()) {
    EXPECT_NEAR(*metric(pruned, name).standard_error, expected.get<double>(), 0.1 * expected.get<double>()) << name;  // a bootstrap of other draws
  }
  EXPECT_EQ(value(dense, "kl_divergence"), 0);
  EXPECT_EQ(value(dense, "kl_divergence_max"), 0);
  EXPECT_EQ(value(dense, "same_top"), 1);
}

TEST(Measure, AModelThatKeepsAllExpertsDivergesByExactlyNothing) {
  const SampleSweep sweep(R"([{"task": "divergence", "window": 64, "bos": "none"}, {"task": "reconstruction_error", "window": 64, "bos": "none"}])");
  ASSERT_EQ(sweep.run({}, {"--set", "variants[1].steps[0].experts_kept=8"}).exit_code, 0);
  const std::map<std::string, Trial> trials = trials_in(sweep.store());
  for (const Metric& metric : trials.at("random-6 divergence").metrics) {
    if (metric.name.starts_with("kl_")) EXPECT_EQ(metric.value, 0) << metric.name;
  }
  EXPECT_EQ(value(trials.at("random-6 divergence"), "perplexity_ratio"), 1);
  EXPECT_EQ(value(trials.at("random-6 reconstruction_error"), "reconstruction_error"), 0);
  EXPECT_EQ(value(trials.at("random-6 reconstruction_error"), "reconstruction_error_own"), 0);
}

TEST(Measure, RandomWeightsAreMeasured) {
  const SampleSweep sweep;
  sweep.write_file("sweep.json", fmt::format(R"({{"name": "sample", "models": [{{"name": "shape", "config": "{}/config.json", "weights": "random", "seed": 5}}],
    "variants": [{{"label": "dense", "steps": []}}, {{"label": "masked", "steps": [{{"pruner": "magnitude", "sparsity": 0.5}}]}}],
    "tasks": [{{"task": "footprint"}}, {{"task": "speed", "batch_sizes": [2], "context": 8, "new_tokens": 2}}, {{"task": "divergence", "window": 64}}], "threads": 1}})",
                                             test::fixture("lm_eval/tiny_mixtral").string()));
  const ProgramResult run = sweep.run();
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("4 of 6 cells ran, 2 skipped"));
  EXPECT_THAT(run.errors, HasSubstr("this model has no tokenizer"));
  const std::map<std::string, Trial> trials = trials_in(sweep.store());
  EXPECT_NEAR(value(trials.at("masked footprint"), "realised_sparsity"), 0.5, 0.01);
  EXPECT_LT(value(trials.at("masked footprint"), "excess_kurtosis_nonzero", "linears"), -1);  // what is left stands on both sides of a gap
  EXPECT_THAT(trials.at("masked speed").reason, HasSubstr("masking makes nothing faster here"));
}

TEST(Measure, AStoppedMeasurementIsTakenUpAgain) {
  const SampleSweep sweep(
      R"([{"task": "speed", "batch_sizes": [1, 8], "context": 256, "new_tokens": 24}, {"task": "divergence", "window": 64, "bos": "none"}])");
  ProgramResult run;
  for (double after = 0.05;; after *= 1.12) {  // until it comes while cells are running, however fast the machine is
    run = sweep.run({.signal_after = after, .signal = SIGTERM});
    if (run.exit_code == 143) break;
    ASSERT_LT(after, 60) << run.exit_code << run.errors;
    if (run.exit_code == 0) std::filesystem::remove(sweep.store());
  }
  EXPECT_THAT(run.errors, HasSubstr("winnow: stopped; "));
  EXPECT_EQ(sweep.run().exit_code, 0);
  EXPECT_EQ(trials_in(sweep.store()).size(), 4u);
}

TEST(Measure, ListTellsMeasurementsBesideTasks) {
  const ProgramResult list = test::run_winnow({"list", "tasks"});
  for (const char* name : {"gsm8k (version", "speed (version", "footprint (version", "divergence (version", "reconstruction_error (version"})
    EXPECT_THAT(list.output, HasSubstr(name));
  const SampleSweep sweep(R"([{"task": "speed", "batch_size": 4}])");
  const ProgramResult refused = sweep.run();
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.errors, HasSubstr("task speed does not know 'batch_size' (did you mean 'batch_sizes'?)"));
}

}  // namespace
}  // namespace winnow
