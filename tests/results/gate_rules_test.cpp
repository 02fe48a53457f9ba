#include "results/gate_rules.h"

#include <gtest/gtest.h>

#include "harness/core/error.h"

namespace winnow {
namespace {

using Scale = GateRule::Scale;
using Sign = GateRule::Sign;

std::string fault_of(const std::string& text) {
  try {
    parse_rule(text);
  } catch (const RuleFault& fault) {
    return fmt::format("{}: {}", fault.at, fault.sentence);
  }
  return "no fault";
}

TEST(GateRule, RetentionAgainstAReference) {
  const GateRule rule = parse_rule("retention(gsm8k) >= 0.95 vs dense");
  EXPECT_EQ(rule.task, "gsm8k");
  EXPECT_EQ(rule.scale, Scale::kRatio);
  EXPECT_EQ(rule.sign, Sign::kAtLeast);
  EXPECT_EQ(rule.factor, 0.95);
  EXPECT_EQ(rule.reference, "dense");
  EXPECT_EQ(parse_rule("retention(gsm8k)>=95%").reference, "dense");
  EXPECT_EQ(parse_rule("retention(gsm8k)>=95%").factor, 0.95);
}

TEST(GateRule, ANumberWithATolerance) {
  const GateRule rule = parse_rule("mmlu >= 0.62 within 0.01");
  EXPECT_TRUE(rule.is_bare);
  EXPECT_EQ(rule.scale, Scale::kValue);
  EXPECT_EQ(rule.offset, 0.62);
  EXPECT_EQ(rule.within, 0.01);
  EXPECT_TRUE(rule.reference.empty());
}

TEST(GateRule, AMultipleOfAReferenceOrADistanceFromIt) {
  const GateRule multiple = parse_rule("peak_bytes <= 0.8 * dense");
  EXPECT_EQ(multiple.scale, Scale::kRatio);
  EXPECT_EQ(multiple.factor, 0.8);
  EXPECT_EQ(parse_rule("decode_tokens_per_second >= 0.97 * baseline").reference, "baseline");
  const GateRule distance = parse_rule("mmlu >= dense - 0.02");
  EXPECT_EQ(distance.scale, Scale::kDifference);
  EXPECT_EQ(distance.offset, -0.02);
  EXPECT_EQ(parse_rule("difference(mmlu) > -0.02 vs random-6").reference, "random-6");
  EXPECT_EQ(parse_rule("difference(mmlu) > -0.02").offset, -0.02);
}

TEST(GateRule, NamesMayBeQuotedAndVariantsListed) {
  const GateRule rule = parse_rule("'exact_match,flexible-extract'('gsm8k limit=40') < 0.5 of 'random 6', frequency");
  EXPECT_EQ(rule.metric, "exact_match,flexible-extract");
  EXPECT_EQ(rule.task, "gsm8k limit=40");
  EXPECT_EQ(rule.of, (std::vector<std::string>{"random 6", "frequency"}));
}

TEST(GateRule, FaultsSayWhereAndWhat) {
  EXPECT_EQ(fault_of(""), "0: expected a task, a metric or retention(TASK), found the end of the rule");
  EXPECT_EQ(fault_of("mmlu => 0.5"), "5: expected one of >=, >, <=, <, ==, found '='");
  EXPECT_EQ(fault_of("mmlu >= high-ish 3"), "17: expected 'within', 'vs', 'of' or the end of the rule, found '3'");
  EXPECT_EQ(fault_of("mmlu >= 0.62 whithin 0.01"), "13: expected 'within', found 'whithin'");
  EXPECT_EQ(fault_of("retention(gsm8k >= 0.9"), "16: expected ')', found '>='");
  EXPECT_EQ(fault_of("retention(gsm8k) >= 0.9 * dense"),
            "20: retention and difference are of a reference already; the limit is a number, as in retention(gsm8k) >= 0.95 vs dense");
  EXPECT_EQ(fault_of("mmlu >= 0.9 vs dense"), "12: 'vs' belongs to retention(TASK) and difference(TASK), once");
  EXPECT_EQ(fault_of("mmlu >= 0.9 * dense - 1"), "20: a limit is a multiple of the reference or a distance from it, not both");
  EXPECT_EQ(fault_of("mmlu == 0.6"), "11: '==' needs a tolerance: add 'within 0.01'");
  EXPECT_EQ(fault_of("'mmlu >= 0.6"), "0: the quoted name has no end; expected another '");
  EXPECT_EQ(fault_of("mmlu >= ."), "8: expected a number such as 0.95");
  EXPECT_EQ(fault_of("mmlu >= 0.6 within -1"), "12: the tolerance after 'within' is not negative");
}

}  // namespace
}  // namespace winnow
