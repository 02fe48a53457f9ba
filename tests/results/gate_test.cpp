#include "results/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "harness/core/proportions.h"
#include "results/gate_report.h"
#include "tests/results/graded_store.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using test::GradedTrial;
using testing::HasSubstr;

class GateTest : public testing::Test {
 protected:
  void add(const GradedTrial& trial, const std::string& file = "a.sqlite") const {
    Store store = Store::open(folder_ / file);
    test::add_trial(store, trial);
  }
  // Dense and a pruned variant with these pairs.
  void add_pairs(int both, int lost, int gained, int neither, const std::string& variant = "pruned", const std::string& file = "a.sqlite") const {
    const auto [dense, pruned] = test::paired_grades(both, lost, gained, neither);
    if (!std::filesystem::exists(folder_ / file)) add({"dense", {{"gsm8k", dense}}}, file);
    add({variant, {{"gsm8k", pruned}}}, file);
  }
  GateReport gate(const std::vector<std::string>& rules, const Baseline* baseline = nullptr, const std::string& file = "a.sqlite",
                  const GateSettings& settings = {}) const {
    std::vector<Store> stores;
    stores.push_back(Store::open_read_only(folder_ / file));
    std::vector<NamedRule> named;
    for (const std::string& rule : rules) named.push_back({parse_rule(rule), ""});
    return judge(stores, named, baseline, settings);
  }
  RuleVerdict verdict(const std::string& rule, const Baseline* baseline = nullptr, const std::string& file = "a.sqlite") const {
    const GateReport report = gate({rule}, baseline, file);
    EXPECT_EQ(report.verdicts.size(), 1u);
    return report.verdicts.at(0);
  }
  Baseline baseline_of(const std::string& file) const {
    std::vector<Store> stores;
    stores.push_back(Store::open_read_only(folder_ / file));
    return make_baseline(stores);
  }
  test::TemporaryFolder folder_;
};

TEST_F(GateTest, RetentionPassesFailsOrCannotSay) {
  add_pairs(780, 10, 8, 202);
  EXPECT_EQ(verdict("retention(gsm8k) >= 0.95 vs dense").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("retention(gsm8k) >= 0.95").quantity, "ratio of gsm8k to dense");
  EXPECT_EQ(verdict("gsm8k >= 0.95 * dense").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("retention(gsm8k) > 1.05 vs dense").verdict, Verdict::kFail);
  const RuleVerdict unsure = verdict("retention(gsm8k) >= 0.995 vs dense");
  EXPECT_EQ(unsure.verdict, Verdict::kInconclusive);
  EXPECT_EQ(unsure.examples, 1000);
  EXPECT_GT(*unsure.examples_needed, 1000);
  EXPECT_GT(*unsure.examples_needed_80, *unsure.examples_needed);
  EXPECT_EQ(verdict("difference(gsm8k) >= -0.02 vs dense").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("gsm8k >= dense - 0.02").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("gsm8k >= dense + 0.02").verdict, Verdict::kFail);
}

TEST_F(GateTest, ReplicatesThatAllAgreeAreNoCertainty) {
  const auto [dense, pruned] = test::paired_grades(30, 0, 0, 20);
  add({"dense", {{"gsm8k", dense}}});
  for (const char* seed : {"wanda seed=1", "wanda seed=2", "wanda seed=3"}) add({seed, {{"gsm8k", pruned}}});
  for (const char* rule : {"retention(gsm8k) >= 0.99 vs dense", "difference(gsm8k) >= -0.01 vs dense"}) {
    const RuleVerdict unsure = verdict(rule);
    EXPECT_EQ(unsure.variant, "wanda");
    EXPECT_EQ(unsure.verdict, Verdict::kInconclusive) << rule;
    EXPECT_GT(*unsure.examples_needed, 50);
  }
  const Interval interval = *verdict("difference(gsm8k) >= -0.01 vs dense").interval;
  EXPECT_NEAR(interval.high, 2.00957524 * std::sqrt(2.0 / 52 / 50), 1e-7);  // t of 49 degrees: two discordant pairs that nobody saw
  EXPECT_EQ(verdict("retention(gsm8k) >= 0.8 vs dense").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("difference(gsm8k) >= 0.1 vs dense").verdict, Verdict::kFail);
}

TEST_F(GateTest, ReplicatesAreHeldAgainstTheirOwnDrawsInTheBaseline) {
  const auto [dense, pruned] = test::paired_grades(200, 200, 0, 0);
  add({"dense", {{"gsm8k", dense}}});
  for (const char* seed : {"wanda seed=1", "wanda seed=2"})
    for (const char* file : {"a.sqlite", "now.sqlite"}) add({seed, {{"gsm8k", pruned}}}, file);
  const Baseline before = baseline_of("a.sqlite");
  EXPECT_EQ(verdict("gsm8k >= 0.9 * baseline", &before, "now.sqlite").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("gsm8k >= 0.9 * dense", &before, "now.sqlite").verdict, Verdict::kFail);
}

TEST_F(GateTest, ReplicatesAskTheSameExamplesSoTheirMeanIsNoSurerOfThem) {
  const auto [dense, pruned] = test::paired_grades(30, 0, 0, 20);
  const double error = std::sqrt(0.6 * 0.4 / 49);
  for (const char* seed : {"wanda seed=1", "wanda seed=2", "wanda seed=3"}) add({.variant = seed, .grades = {{"gsm8k", pruned}}, .standard_error = error});
  const RuleVerdict unsure = verdict("gsm8k >= 0.59");
  EXPECT_EQ(unsure.verdict, Verdict::kInconclusive);
  EXPECT_NEAR(unsure.value - unsure.interval->low, 2.00957524 * std::sqrt(error * error + 2.0 / 52 / 50), 1e-7);
  EXPECT_GT(*unsure.examples_needed, 50);
  EXPECT_EQ(unsure.how, "mean over 3 calibration draws, t interval over examples and draws");
  EXPECT_EQ(verdict("gsm8k >= 0.4").verdict, Verdict::kPass);
}

TEST_F(GateTest, APartIsJudgedUnderTheFilterThatIsAskedFor) {
  const auto part = [](const char* filter, double value, const char* leaf) {
    return Metric{.name = "exact_match", .filter = filter, .value = value, .standard_error = 0.001, .unit = "share", .count = 1000, .leaf = leaf};
  };
  add({.variant = "pruned",
       .grades = {{"gsm8k", {1, 0}}},
       .more = {part("strict", 0.2, ""), part("flexible", 0.7, ""), part("strict", 0.2, "gsm8k_hard"), part("flexible", 0.7, "gsm8k_hard")}});
  EXPECT_EQ(verdict("'exact_match,flexible'(gsm8k_hard) >= 0.6").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("'exact_match,strict'(gsm8k_hard) >= 0.6").verdict, Verdict::kFail);
}

TEST_F(GateTest, ANumberIsHeldAgainstTheSharesOwnInterval) {
  add_pairs(780, 10, 8, 202);  // 788 of 1000: 0.762 … 0.812
  EXPECT_EQ(verdict("gsm8k >= 0.75").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("gsm8k >= 0.78").verdict, Verdict::kInconclusive);
  EXPECT_EQ(verdict("gsm8k >= 0.78 within 0.03").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("gsm8k >= 0.82").verdict, Verdict::kFail);
  EXPECT_EQ(verdict("gsm8k == 0.79 within 0.03").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("gsm8k == 0.7 within 0.03").verdict, Verdict::kFail);
  EXPECT_EQ(verdict("gsm8k == 0.79 within 0.01").verdict, Verdict::kInconclusive);
  const RuleVerdict unsure = verdict("gsm8k >= 0.78");
  const Interval wilson = wilson_interval(788, 1000);
  EXPECT_EQ(unsure.interval->low, wilson.low);
  EXPECT_EQ(*unsure.examples_needed, std::ceil(3.841458820694124 * 0.78 * 0.22 / (0.008 * 0.008)));
}

// A CI limit of 95 % of dense was once lowered to 94 % after a drop from 0.781 to 0.736 on 1,000 questions. Whatever share of the pairs was discordant, neither limit
// can be judged on 1,000 questions, though the drop itself is certain.
TEST_F(GateTest, ALimitLoweredAfterADropWasNeverDecidedByAThousandQuestions) {
  for (const int gained : {0, 15, 40, 75, 150}) {
    const std::string file = fmt::format("{}.sqlite", gained);
    add_pairs(736 - gained, 45 + gained, gained, 219 - gained, "pruned", file);
    SCOPED_TRACE(fmt::format("{} lost, {} gained", 45 + gained, gained));
    const RuleVerdict before = verdict("retention(gsm8k) >= 0.95 vs dense", nullptr, file), after = verdict("retention(gsm8k) >= 0.94 vs dense", nullptr, file);
    EXPECT_NEAR(before.value, 736.0 / 781, 1e-12);
    EXPECT_EQ(before.verdict, Verdict::kInconclusive);
    EXPECT_EQ(after.verdict, Verdict::kInconclusive);
    EXPECT_GT(*before.examples_needed, 1000);
    EXPECT_GT(*after.examples_needed, *before.examples_needed);  // 0.9424 lies nearer to 0.94
    const RuleVerdict same = verdict("difference(gsm8k) >= 0 vs dense", nullptr, file);
    EXPECT_EQ(same.verdict, Verdict::kFail);
  }
}

// A run of 50 questions was once judged by a limit that had been set for all 1,319.
TEST_F(GateTest, FiftyQuestionsCannotBeHeldAgainstALimitForAllOfThem) {
  const auto [dense, pruned] = test::paired_grades(26, 5, 3, 16);
  std::vector<int> whole = dense;
  while (whole.size() < 1319) whole.push_back(whole.size() % 13 < 8);
  add({.variant = "dense", .grades = {{"gsm8k", whole}}, .settings = {{"shots", 5}}});
  add({.variant = "pruned", .grades = {{"gsm8k", pruned}}, .settings = {{"shots", 5}, {"limit", 50}}});
  const RuleVerdict share = verdict("gsm8k >= 0.62");
  EXPECT_EQ(share.verdict, Verdict::kInconclusive);
  EXPECT_EQ(share.examples, 50);
  EXPECT_EQ(*share.examples_needed, std::ceil(3.841458820694124 * 0.62 * 0.38 / (0.04 * 0.04)));  // 566
  const RuleVerdict retention = verdict("retention(gsm8k) >= 0.97 vs dense");
  EXPECT_EQ(retention.verdict, Verdict::kInconclusive);
  EXPECT_EQ(retention.examples, 50);
  EXPECT_THAT(verdict_sentence(share, 0.95), HasSubstr("about 566 examples would settle it were the shares to stay"));
}

TEST_F(GateTest, AgreementOnFewExamplesIsNoProof) {
  add_pairs(30, 0, 0, 20);
  EXPECT_EQ(verdict("retention(gsm8k) >= 0.95 vs dense").verdict, Verdict::kInconclusive);
  EXPECT_EQ(verdict("retention(gsm8k) >= 0.85 vs dense").verdict, Verdict::kPass);
  EXPECT_TRUE(std::isinf(*verdict("retention(gsm8k) >= 1 vs dense").examples_needed));
}

TEST_F(GateTest, CostsAreMultiplesOfTheReference) {
  const auto costs = [](double bytes, double speed) {
    return std::vector<Metric>{{.name = "peak_bytes", .value = bytes, .unit = "bytes", .higher_is_better = false},
                               {.name = "decode_tokens_per_second", .value = speed, .unit = "tokens/s"},
                               {.name = "decode_tokens_per_second_low", .value = speed * 0.95, .unit = "tokens/s"},
                               {.name = "decode_tokens_per_second_high", .value = speed * 1.05, .unit = "tokens/s"}};
  };
  add({.variant = "dense", .grades = {{"gsm8k", {1, 0}}}, .more = costs(100, 10)});
  add({.variant = "pruned", .grades = {{"gsm8k", {1, 0}}}, .more = costs(75, 12)});
  EXPECT_EQ(verdict("peak_bytes <= 0.8 * dense").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("peak_bytes <= 0.7 * dense").verdict, Verdict::kFail);
  EXPECT_EQ(verdict("peak_bytes <= 80").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("decode_tokens_per_second >= 1.05 * dense").verdict, Verdict::kPass);
  EXPECT_EQ(verdict("decode_tokens_per_second >= 1.15 * dense").verdict, Verdict::kInconclusive);
  EXPECT_EQ(verdict("decode_tokens_per_second >= 1.4 * dense").verdict, Verdict::kFail);
  EXPECT_EQ(verdict("peak_bytes <= 0.8 * dense").how, "0.1 KiB over 0.1 KiB, joined over tasks as in the leaderboard");
  const Baseline baseline = baseline_of("a.sqlite");
  EXPECT_EQ(verdict("decode_tokens_per_second >= 0.9 * baseline", &baseline).value, 1);  // its own run
}

TEST_F(GateTest, TheWorstVerdictCountsAndMissingIsNoPass) {
  add_pairs(780, 10, 8, 202);
  {
    Store store = Store::open(folder_ / "a.sqlite");
    store.finish(store.begin(test::cell_of({"broken", {}}), {}).id, {TrialStatus::kFailed, "out of memory\n::error::x", {}, {}});
  }
  EXPECT_EQ(overall(gate({"retention(gsm8k) >= 0.95", "gsm8k >= 0.78"}, nullptr, "a.sqlite", {.of = {"pruned"}})), Verdict::kInconclusive);
  const GateReport report = gate({"retention(gsm8k) >= 0.95"});
  ASSERT_EQ(report.verdicts.size(), 2u);
  EXPECT_EQ(overall(report), Verdict::kMissing);
  EXPECT_EQ(report.verdicts[0].reason, "gsm8k failed: out of memory\n::error::x");
}

TEST_F(GateTest, NamesNobodyHasAreRefusedWithTheNearest) {
  add_pairs(6, 1, 1, 2);
  EXPECT_ERROR(gate({"gsm9k >= 0.5"}), kInput,
               "rule \"gsm9k >= 0.5\": there is no task or metric 'gsm9k' in the stores (did you mean 'gsm8k'?); there are: gsm8k, acc");
  EXPECT_ERROR(gate({"gsm8k >= 0.9 * dence"}), kInput,
               "rule \"gsm8k >= 0.9 * dence\": there is no variant 'dence' in the stores (did you mean 'dense'?); there are: dense, pruned");
  EXPECT_ERROR(gate({"gsm8k >= 0.9 * baseline"}), kInput,
               "rule \"gsm8k >= 0.9 * baseline\": there is no baseline; name one with --baseline FILE or \"baseline\" in the rules file");
}

TEST_F(GateTest, AgainstABaselineIsPairedWithoutTheDenseModel) {
  add_pairs(700, 60, 40, 200);
  const RuleVerdict direct = verdict("retention(gsm8k) >= 0.95 vs dense");
  const auto [dense, pruned] = test::paired_grades(700, 60, 40, 200);
  add({"dense", {{"gsm8k", dense}}}, "dense.sqlite");
  add({"pruned", {{"gsm8k", pruned}}}, "pruned.sqlite");
  const Baseline baseline = parse_baseline(baseline_text(baseline_of("dense.sqlite")), "baseline.json");
  const RuleVerdict later = verdict("retention(gsm8k) >= 0.95 vs dense", &baseline, "pruned.sqlite");
  EXPECT_EQ(later.verdict, direct.verdict);
  EXPECT_EQ(later.value, direct.value);
  EXPECT_EQ(later.interval->low, direct.interval->low);
  EXPECT_EQ(later.examples, 1000);
  EXPECT_ERROR_HAS(gate({"retention(gsm8k) >= 0.95 vs dense"}, nullptr, "pruned.sqlite"), kInput, "there is no variant 'dense'");

  add({.variant = "pruned", .grades = {{"gsm8k", {pruned.begin(), pruned.begin() + 50}}}, .settings = {{"shots", 5}, {"limit", 50}}}, "fifty.sqlite");
  EXPECT_EQ(verdict("retention(gsm8k) >= 0.95 vs dense", &baseline, "fifty.sqlite").examples, 50);

  add({.variant = "pruned", .grades = {{"gsm8k", pruned}}, .prompt = "Question: "}, "other.sqlite");
  EXPECT_ERROR_HAS(gate({"retention(gsm8k) >= 0.95 vs dense"}, &baseline, "other.sqlite"), kInput, "1000 of 1000 prompts are not those of the baseline");
  add({.variant = "pruned", .grades = {{"gsm8k", pruned}}, .settings = {{"shots", 4}}}, "shots.sqlite");
  EXPECT_ERROR(gate({"retention(gsm8k) >= 0.95 vs dense"}, &baseline, "shots.sqlite"), kInput,
               "pruned against dense on gsm8k: the baseline was written under other settings (shots 4 against 5); write it again, or run with its settings");
}

TEST_F(GateTest, ReportsAreSafeWhereverTheyAreRead) {
  add_pairs(6, 1, 1, 2, "a<b>&\"|%::,\x1b]8;;x");
  const GateReport report = gate({"gsm8k >= 0.99", "gsm8k >= 0.1"});
  EXPECT_EQ(overall(report), Verdict::kFail);
  const std::string junit = gate_junit(report);
  EXPECT_THAT(junit, HasSubstr("tests=\"2\" failures=\"1\" errors=\"0\""));
  EXPECT_THAT(junit, HasSubstr("tiny/a&lt;b&gt;&amp;&quot;|%::,\\x1b]8;;x"));
  EXPECT_EQ(junit.find('\x1b'), std::string::npos);
  const std::string annotations = gate_annotations(report);
  EXPECT_THAT(annotations, HasSubstr("::error title=gsm8k >= 0.99 · tiny · a<b>&\"|%25%3A%3A%2C\\x1b]8;;x::fail: gsm8k is 0.7000"));
  EXPECT_THAT(gate_markdown(report), HasSubstr("| fail | gsm8k >= 0.99 | tiny · a&lt;b&gt;&amp;\"\\|%::,\\\\x1b\\]8;;x | 0.7000 |"));
  EXPECT_EQ(parse_json(gate_json(report), "gate")["verdict"], "fail");
}

TEST_F(GateTest, AtMostTenAnnotationsWorstFirst) {
  add_pairs(780, 10, 8, 202);
  std::vector<std::string> rules(4, "gsm8k >= 0.78");
  rules.insert(rules.end(), 8, "gsm8k >= 0.9");
  const std::string annotations = gate_annotations(gate(rules));
  EXPECT_EQ(std::ranges::count(annotations, '\n'), 10);
  EXPECT_TRUE(annotations.starts_with("::error title=gsm8k >= 0.9 "));
  EXPECT_THAT(annotations, HasSubstr("::warning title=gsm8k >= 0.78"));
  EXPECT_THAT(annotations, HasSubstr("::3 more verdicts are no pass"));
}

}  // namespace
}  // namespace winnow
