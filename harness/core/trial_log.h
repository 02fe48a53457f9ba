#pragma once
#include <set>
#include <span>
#include <string>
#include <vector>

#include "harness/core/trial.h"

namespace winnow {

// Where the runner saves. results/store.h implements it over SQLite; tests over memory.
class TrialLog {
 public:
  virtual ~TrialLog() = default;

  // Cells that the same command need not run again: ok, and skipped because unsupported.
  virtual std::set<std::string> finished_keys() = 0;

  struct OpenTrial {
    std::int64_t id = 0;  // 0: another live process is running the cell, or finished it since finished_keys(); leave it alone
    std::set<std::pair<std::string, std::int64_t>> answered;  // (leaf, doc_id) already saved by a run that was cut off
    std::map<std::string, double> seconds;                    // what that run had spent
  };
  // Opens a trial of the cell, or the one a killed run left open.
  virtual OpenTrial begin(const Cell& cell, const Json& environment) = 0;

  // One transaction: all of these answers or none. `seconds` replaces what was saved of the trial's phases.
  virtual void append(std::int64_t trial_id, std::span<const RecordedAnswer> answers, const std::map<std::string, double>& seconds) = 0;

  // Everything saved of the trial, for aggregate().
  virtual std::vector<ScoredAnswer> answers(std::int64_t trial_id) = 0;

  // Everything saved of the newest good trial of a cell; nothing where there is none. "until" compares with it.
  virtual std::vector<ScoredAnswer> answers_of_cell(const std::string& /*key*/) { return {}; }

  // One transaction: metrics and status together.
  virtual void finish(std::int64_t trial_id, const TrialEnd& end) = 0;

  // Stores a plan once under the sha256 of its text and ties the trial to it.
  virtual void record_plan(std::int64_t trial_id, const std::string& plan_json) = 0;
};

}  // namespace winnow
