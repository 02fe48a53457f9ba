#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/python_random.h"
#include "harness/core/stopping.h"

namespace winnow::test {

// A task whose strata differ in how often, and to which side, the pair is discordant.
struct SimulatedTask {
  std::size_t examples = 14042, strata = 57;
  double discordant = 0.2;  // share of the examples, in the mean
  double lost = 0.6;        // of these, what only the unpruned model answers, in the mean
};
struct Simulation {
  double coverage = 0, mean_share = 0, largest_share = 0;  // shares of the examples that were asked
};

// What the rule judged when it stopped, over `differences` of all examples, and after how many of them.
struct Stopped {
  UntilJudgement judgement;
  std::size_t asked = 0;
};
inline Stopped judge_until_stopped(const UntilRule& rule, const std::vector<double>& differences) {
  Stopped result;
  std::vector<double> seen;
  for (const std::size_t look : rule.looks()) {
    while (seen.size() < look) seen.push_back(differences[rule.order()[seen.size()]]);
    result.judgement = rule.judge(seen);
    if (result.judgement.stops) break;
  }
  result.asked = seen.size();
  return result;
}

inline Simulation simulate(UntilSettings settings, const SimulatedTask& task, int runs) {
  Simulation result;
  constexpr int kRunsOfAnOrder = 50;
  std::optional<UntilRule> drawn;
  std::vector<std::string> strata;
  for (std::size_t i = 0; i < task.examples; ++i) strata.push_back(std::to_string(i * task.strata / task.examples));
  for (int run = 0; run < runs; ++run) {
    PythonRandom random(static_cast<std::uint64_t>(run) + 1000);
    std::vector<double> differences;
    double truth = 0;
    for (std::size_t i = 0; i < task.examples; ++i) {
      const double place = static_cast<double>(i * task.strata / task.examples) / static_cast<double>(task.strata - 1);
      const double discordant = task.discordant * (0.5 + place), lost = task.lost + 0.3 * (place - 0.5);
      const double u = random.uniform();
      differences.push_back(u >= discordant ? 0 : u < discordant * lost ? -1 : 1);
      truth += differences.back() / static_cast<double>(task.examples);
    }
    if (run % kRunsOfAnOrder == 0) {  // examples of a stratum are alike, so that an order may serve several runs
      settings.seed = static_cast<std::uint64_t>(run);
      drawn.emplace(settings, strata);
    }
    const auto& [judgement, asked] = judge_until_stopped(*drawn, differences);
    const double share = static_cast<double>(asked) / static_cast<double>(task.examples);
    result.coverage += (judgement.interval.low <= truth + 1e-12 && judgement.interval.high >= truth - 1e-12) / static_cast<double>(runs);
    result.mean_share += share / runs;
    result.largest_share = std::max(result.largest_share, share);
  }
  return result;
}

}  // namespace winnow::test
