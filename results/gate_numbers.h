#pragma once
#include "results/gate.h"
#include "results/pairing.h"

// Verdicts on numbers: pure.
namespace winnow {

// The limits a rule sets with its tolerance: the quantity has to lie between them.
struct Bounds {
  double low, high;                            // infinite where there is none
  bool low_counts = true, high_counts = true;  // whether the bound itself passes
};
Bounds bounds_of(const GateRule& rule, double limit);

// A verdict as far as numbers decide it.
struct Judged {
  Verdict verdict = Verdict::kPass;
  double value = 0;
  std::optional<Interval> interval;
  std::int64_t examples = 0;
  std::optional<double> needed, needed_80;
  std::string how;
};

// Of a number without error.
Judged judge_number(double value, const Bounds& bounds, const std::string& how);
// Of a number with a standard error over `examples`, by t with that freedom; infinite: normal.
Judged judge_estimate(double value, double standard_error, double freedom, std::int64_t examples, const Bounds& bounds, double level, const std::string& how);
// Share of right answers (Wilson).
Judged judge_share(std::int64_t right, std::int64_t count, const Bounds& bounds, double level);
// Second against first on the same examples: their ratio or their difference.
Judged judge_pairs(const PairedOutcomes& paired, const Grade& grade, GateRule::Scale scale, const Bounds& bounds, double level);
// A ratio of measurements with its range.
Judged judge_range(double value, const Interval& range, const Bounds& bounds, const std::string& how);

}  // namespace winnow
