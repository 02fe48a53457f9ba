#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/statistics.h"
#include "harness/core/trial.h"
#include "results/pairing.h"

namespace winnow {

struct ComparisonSettings {
  double level = 0.95, power = 0.8;
  int replicates = 2000;  // of the bootstrap; 0: its intervals are no numbers
  std::uint64_t seed = 1234;
};

// One leaf of a task.
struct SubjectComparison {
  std::string name;
  std::int64_t count = 0;
  double first = 0, second = 0;
  PairedDifference difference{};
  std::optional<PairCounts> counts;
  std::optional<double> p, holm_p;  // exact McNemar; Holm over the subjects
};

// Several calibration draws: what the difference is over the examples at hand with the calibration drawn again, and with both drawn again.
struct DrawComparison {
  std::size_t first_draws = 1, second_draws = 1;
  Interval these_items{}, items_and_draws{};
  double these_items_error = 0, items_and_draws_error = 0;
};

// What running the same cell again changes.
struct NoiseFloor {
  std::size_t trial_pairs = 0;
  std::int64_t examples = 0, flips = 0;  // over all pairs; a flip: right in one run, wrong in the other
  double largest_difference = 0;         // of two runs' means
  double reach = 0;  // differences within ± this may come from running again: z·√(flips per run) / examples, 3 flips where none was seen
};

// Two sides on one task, example by example; what the second gained or lost against the first.
struct ScoreComparison {
  std::string model, first_label, second_label, task_label;  // the model of the second side
  Metric metric;                                             // of the first side: name, filter, unit, direction
  Grade::Kind kind = Grade::Kind::kMean;
  std::int64_t pairs = 0, only_first = 0, only_second = 0;
  double first = 0, second = 0;   // over the pairs; perplexities where the grade is one
  PairedDifference difference{};  // second − first with its normal interval, stratified by leaf; of perplexities: of their logarithms
  Interval bootstrap{};           // of the same
  std::optional<Interval> score;  // Tango's, of right-or-wrong answers
  std::optional<PairCounts> counts;
  double p = 1;                 // two-sided
  std::string p_from;           // "exact McNemar", "normal", "t over examples and draws"
  double holm_p = 1;            // over all score comparisons of the command
  std::optional<double> ratio;  // second / first: retention; of perplexities exp(difference)
  Interval ratio_interval{};    // score interval of right-or-wrong answers; bootstrap of other means; exp of the normal one for perplexities
  Interval ratio_bootstrap{};
  double visible = 0;  // smallest difference this many examples can show
  std::optional<DrawComparison> draws;
  std::optional<NoiseFloor> noise;
  std::vector<SubjectComparison> subjects;  // where there are several
  std::vector<std::string> notes;           // sentences
};

// Pure. Everything but labels, metric, Holm, noise and notes.
ScoreComparison compare_scores(const PairedOutcomes& outcomes, const Grade& grade, const ComparisonSettings& settings);

// Adds a pair of trials of one cell.
void add_noise(NoiseFloor& floor, const PairedOutcomes& again);
// Sets `reach` from what was added.
void conclude_noise(NoiseFloor& floor, double level);

// Memory, speed, divergence and the like: how often as much the second takes.
struct CostComparison {
  std::string model, first_label, second_label, name, part, task_label, unit;  // part: "batch_8"; no task: over all tasks
  bool higher_is_better = true;
  double first = 0, second = 0;         // median
  double ratio = 0, low = 0, high = 0;  // median and range over the measurements
  std::optional<double> second_error;   // standard error of the second, where the measurement has one
  std::size_t measurements = 0;         // pairs the ratio is over
  std::string spread_from;              // "trials", "repeats", "" where there is one measurement
};

struct ComparisonReport {
  ComparisonSettings settings;
  std::vector<ScoreComparison> scores;
  std::vector<CostComparison> costs;
  std::vector<std::string> notes;
};

}  // namespace winnow
