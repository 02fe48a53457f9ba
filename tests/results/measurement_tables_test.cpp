#include "results/measurement_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "results/report.h"
#include "tests/results/sample_trials.h"

namespace winnow {
namespace {

using testing::HasSubstr;
using testing::Not;

Trial measured(const std::string& variant, const std::string& task, std::vector<Metric> metrics, const std::string& note = "") {
  Trial trial;
  trial.cell = test::make_cell("tiny", variant, task);
  trial.cell.identity["task"] = {{"task", task}, {"measures", "engine"}};
  trial.status = TrialStatus::kOk;
  trial.reason = note;
  trial.metrics = std::move(metrics);
  return trial;
}

Metric of(const std::string& name, double value, const std::string& unit, const std::string& leaf = "") {
  Metric metric{.name = name, .value = value, .unit = unit, .count = 1};
  metric.leaf = leaf;
  return metric;
}

TEST(MeasurementTables, SpeedHasALineForEachBatchSize) {
  const std::vector<Trial> trials{
      measured("random-6", "speed",
               {of("decode_tokens_per_second", 80, "tokens/s"), of("decode_tokens_per_second", 10, "tokens/s", "batch_1"),
                of("decode_tokens_per_second_low", 9, "tokens/s", "batch_1"), of("decode_tokens_per_second_high", 11, "tokens/s", "batch_1"),
                of("weight_bytes_per_step", 1.5 * (1 << 20), "bytes", "batch_1"), of("decode_tokens_per_second", 80, "tokens/s", "batch_8"),
                of("experts_touched", 5.25, "experts", "batch_8"), of("contended", 1, "mark")},
               "all held in memory")};
  EXPECT_EQ(measurement_tables(trials),
            "**speed**\n\n"
            "| model | variant | batch | decode tokens/s | experts touched a step | weights read a step |\n"
            "| --- | --- | --- | ---: | ---: | ---: |\n"
            "| tiny | random-6 (contended) \\[1\\] | 1 | 10.0 (9.0–11.0) | – | 1.5 MiB |\n"
            "| tiny | random-6 (contended) \\[1\\] | 8 | 80.0 | 5.25 | – |\n"
            "\n1. all held in memory\n");
}

TEST(MeasurementTables, FootprintDivergenceAndFailures) {
  Metric divergence = of("kl_divergence", 0.000123456, "nats");
  divergence.standard_error = 0.00001;
  Trial failed = measured("wanda", "divergence", {}, "its logits are not finite");
  failed.status = TrialStatus::kFailed;
  const std::vector<Trial> trials{measured("dense", "footprint",
                                           {of("stored_bytes", 2048, "bytes"), of("parameters", 790e6, "parameters"), of("excess_kurtosis", 2, "kurtosis"),
                                            of("excess_kurtosis_before", 1, "kurtosis")}),
                                  measured("reap", "divergence", {divergence, of("same_top", 0.5, "share")}), failed};
  EXPECT_EQ(measurement_tables(trials),
            "**footprint**\n\n"
            "| model | variant | stored | parameters | excess kurtosis |\n"
            "| --- | --- | ---: | ---: | ---: |\n"
            "| tiny | dense | 2.0 KiB | 790.00 M | 1.0000 → 2.0000 |\n"
            "\n**divergence**\n\n"
            "| model | variant | KL mean | same top token |\n"
            "| --- | --- | ---: | ---: |\n"
            "| tiny | reap | 0.000123 ± 1e-05 | 0.5000 |\n"
            "| tiny | wanda (failed) \\[1\\] |  |  |\n"
            "\n1. its logits are not finite\n");
}

TEST(MeasurementTables, OfOtherMeasurementsShowTheHeadline) {
  EXPECT_THAT(measurement_tables(std::vector<Trial>{measured("dense", "energy", {of("joules_per_token", 3, "J")})}),
              HasSubstr("| tiny | dense | joules_per_token 3.0000 |"));
}

TEST(MeasurementTables, MeasurementsHaveNoRankAndNoColumn) {
  Trial asked = measured("dense", "gsm8k", {of("exact_match", 0.5, "share")});
  asked.cell.identity["task"] = {{"task", "gsm8k"}};
  const std::string both = report_markdown(rank({asked, measured("dense", "footprint", {of("stored_bytes", 2048, "bytes")})}));
  EXPECT_THAT(both, HasSubstr("| tiny | dense | 0.5000 |\n"));
  EXPECT_THAT(both, HasSubstr("\n**footprint**\n"));
  const std::string alone = report_markdown(rank({measured("dense", "footprint", {of("stored_bytes", 2048, "bytes")})}));
  EXPECT_EQ(alone.find("**footprint**"), 0u);
  EXPECT_EQ(report_markdown(rank({})), "No trials yet.\n");
}

TEST(MeasurementTables, NothingHostileGetsThrough) {
  Trial trial = measured("x|y\x1b[2J", "speed <b>", {of("a|b", 1, "x")}, "note | with\n* markup");
  const std::string text = measurement_tables(std::vector<Trial>{trial});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_THAT(text, HasSubstr("x\\|y"));
  EXPECT_THAT(text, Not(HasSubstr("<b>")));
}

}  // namespace
}  // namespace winnow
