#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/statistics.h"
#include "results/baseline.h"
#include "results/gate_rules.h"
#include "results/store.h"

namespace winnow {

enum class Verdict { kPass, kInconclusive, kFail, kMissing };  // kMissing: there is no good trial to judge; it counts as a failure

// What a rule says of one model and variant.
struct RuleVerdict {
  std::string rule, name, model, variant;
  Verdict verdict = Verdict::kMissing;
  std::string quantity;         // "retention(gsm8k) vs dense"
  double value = 0, limit = 0;  // of the quantity; with the tolerance
  std::string sign;
  std::string unit;
  std::optional<Interval> interval;          // none where the number has no known error
  std::int64_t examples = 0;                 // it is over; 0 for costs
  std::optional<double> examples_needed;     // inconclusive: how many would settle it at what was seen, in one run of two (infinite: none would) …
  std::optional<double> examples_needed_80;  // … and in four of five
  std::string how;                           // how value and interval were obtained
  std::string reason;                        // the verdict in a sentence
};

struct NamedRule {
  GateRule rule;
  std::string name;  // empty: its text
};

struct GateSettings {
  double level = 0.95;
  std::vector<std::string> of;  // variants that are judged; empty: all that no rule takes as reference
};

struct GateReport {
  GateSettings settings;
  std::vector<RuleVerdict> verdicts;
  std::vector<std::string> notes;
};

// The worst of the verdicts; kPass where there is none.
Verdict overall(const GateReport& report);
const char* verdict_text(Verdict verdict);

// Judges every rule for every variant. Throws Error(kInput) for a rule whose names nobody has, and where baseline or reference were asked in other words.
GateReport judge(std::span<Store> stores, const std::vector<NamedRule>& rules, const Baseline* baseline, const GateSettings& settings);

}  // namespace winnow
