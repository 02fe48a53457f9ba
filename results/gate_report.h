#pragma once
#include <string>
#include <vector>

#include "results/gate.h"

namespace winnow {

// Pure functions of a gate's verdicts, as of results/report.h.

// The verdict in a sentence: value, interval, limit, and what would settle it.
std::string verdict_sentence(const RuleVerdict& verdict, double level);

// A table, worst first, for terminals, pull requests and $GITHUB_STEP_SUMMARY.
std::string gate_markdown(const GateReport& report);
std::string gate_json(const GateReport& report);
// One test case per verdict: failures for fail, errors for inconclusive and missing, so that neither looks like a pass.
std::string gate_junit(const GateReport& report);
// GitHub workflow commands, worst first, at most ten lines: errors for fail and missing, warnings for inconclusive.
std::string gate_annotations(const GateReport& report);

}  // namespace winnow
