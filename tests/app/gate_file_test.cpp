#include "harness/app/gate_file.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace winnow {
namespace {

GateFile parse(const std::string& text) { return parse_gate_file(text, "rules.json", "folder"); }

TEST(GateFile, HoldsRulesWithCommentsAndOptions) {
  const GateFile file = parse(R"({// what a release must keep
    "rules": ["retention(gsm8k) >= 0.95 vs dense", {"rule": "mmlu >= 0.62 within 0.01", "name": "floor", "of": ["random-6"]}],
    "confidence": 0.9, "of": ["frequency"], "baseline": "baseline.json"})");
  ASSERT_EQ(file.rules.size(), 2u);
  EXPECT_EQ(file.rules[1].name, "floor");
  EXPECT_EQ(file.rules[1].rule.of, std::vector<std::string>{"random-6"});
  EXPECT_EQ(file.settings.level, 0.9);
  EXPECT_EQ(file.settings.of, std::vector<std::string>{"frequency"});
  EXPECT_EQ(file.baseline, "folder/baseline.json");
}

TEST(GateFile, FaultsHaveLineColumnAndTheNearestName) {
  EXPECT_ERROR(parse("{\"rules\": [\n  \"mmlu >= 0.6\",\n  \"mmlu >= 0.6 whithin 1\"]}"), kInput,
               "rules.json:3:16: rules[1]: in \"mmlu >= 0.6 whithin 1\": expected 'within', found 'whithin'");
  EXPECT_ERROR(parse("{\"rules\": [{\"rule\": \"mmlu ~ 1\"}]}"), kInput,
               "rules.json:1:27: rules[0].rule: in \"mmlu ~ 1\": expected one of >=, >, <=, <, ==, found '~'");
  EXPECT_ERROR(parse("{\"rule\": []}"), kInput,
               "rules.json:1:2: rule: a rules file does not know 'rule' (did you mean 'rules'?); it knows: rules, $schema, confidence, of, baseline");
  EXPECT_ERROR_HAS(parse("{\"rules\": [], \"confidence\": 2}"), kInput, "rules.json:1:29: confidence: ");
  EXPECT_ERROR(parse("{\"rules\": []}"), kInput, "rules.json:1:11: rules: the list has 0 rules; expected 1 to 10000");
  EXPECT_ERROR(parse("{\"rules\": [7]}"), kInput, "rules.json:1:12: rules[0]: expected a rule such as \"mmlu >= 0.62\", found a number");
}

}  // namespace
}  // namespace winnow
