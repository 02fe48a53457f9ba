#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/statistics.h"
#include "harness/core/trial.h"

namespace winnow {

// The trial's metric of this name over all its examples, or over those of one leaf; null where it has none.
const Metric* find_metric(const Trial& trial, std::string_view name, std::string_view leaf = "");

// A size of a row's model as `footprint` measured it, in the format executed (a plan counts every weight in the model's dtype); null where it did not.
const Metric* measured_size(std::span<const Trial> trials, std::string_view model, std::string_view variant, std::string_view name);

// From the whole model's score on the same examples, with its 95 % interval: a difference, or of perplexities how often as much.
struct PairedChange {
  double value;
  Interval interval;
  bool is_ratio;
  bool shows_nothing() const { return interval.low <= (is_ratio ? 1 : 0) && interval.high >= (is_ratio ? 1 : 0); }
};

// What a model under a variant reached on a task: the place in `trials` of its trial, or none where it was not run.
struct LeaderboardCell {
  std::optional<std::size_t> trial;
  std::optional<Metric> headline;  // of a good trial
  std::optional<PairedChange> difference = {};
};

struct LeaderboardRow {
  std::string model, variant;
  std::vector<LeaderboardCell> cells;        // one per task
  std::vector<std::optional<Metric>> costs;  // one per cost column
  std::optional<double> mean_rank;           // over the tasks in which the row has a headline; 1 is best
};

struct Leaderboard {
  std::vector<std::string> tasks;    // labels, in the order of the trials
  std::vector<std::string> costs;    // names of memory, speed and size metrics that some trial has
  std::vector<LeaderboardRow> rows;  // best mean rank first; rows without any headline last
  std::vector<Trial> trials;
  std::size_t hidden_trials = 0;  // older ones under the same labels
  bool has_differences = false;
};

// Pure. Ranks rows (model × variant) by the mean of their ranks over the tasks; equal values share their rank. Costs are joined over a row's
// trials: the largest of peaks, the sum of tokens, rates weighted by the seconds of their phase.
Leaderboard rank(std::vector<Trial> trials);

// Counts that make a score worth a footnote.
struct Caveats {
  std::int64_t ties = 0, prompts_truncated = 0, replies_truncated = 0;
  bool unverified_data = false;
  bool stopped_early = false;                                 // by "until": the trial's reason says when and why
  bool zeros_in_dense_kernels = false;                        // weights were masked, and stored and multiplied all the same
  std::vector<std::string> generation_settings_ignored = {};  // "repetition_penalty 1.05" of generation_config.json, where replies were generated
  std::string served_by = {};                                 // not our engine: "vllm 0.6.3 at http://127.0.0.1:8000/v1"
};
Caveats caveats_of(const Trial& trial);

}  // namespace winnow
