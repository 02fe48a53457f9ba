#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/core/paired.h"
#include "harness/core/proportions.h"
#include "harness/core/trial.h"
#include "results/outcome.h"

namespace winnow {

// How a metric is made of what answers hold.
struct Grade {
  enum class Kind {
    kMean,        // of the value
    kPerplexity,  // exp(Σ −log_likelihood / Σ weight), or its logarithm
  };
  Kind kind = Kind::kMean;
  std::string value;   // "acc", "exact_match"
  std::string weight;  // "words", "bytes"; "tokens": the mean over windows of −log_likelihood / tokens
};
// Of a trial's answers under the metric's filter. Throws Error(kInput) where they do not hold what the metric is of.
Grade grade_of(const Metric& metric, std::span<const Outcome> answers);

// The same examples answered by two sides, each in one draw of its calibration or in several.
struct PairedOutcomes {
  struct Leaf {
    std::string name;
    std::size_t begin, end;  // into the examples
    double weight = 0;       // in the metric; 0: by its examples
  };
  std::vector<Leaf> leaves;
  Draws first, second;                           // values: [draw][example], examples by leaf and document
  std::vector<double> weights;                   // of the examples, where the grade has some
  std::int64_t only_first = 0, only_second = 0;  // examples that the other side was not asked

  std::size_t count() const { return first.front().size(); }
  bool is_replicated() const { return first.size() > 1 || second.size() > 1; }
  bool is_right_or_wrong() const;                               // one draw on each side, all values 0 or 1, every example weighing alike
  bool has_only_right_and_wrong() const;                        // all values of all draws are 0 or 1
  std::vector<PairedStratum> strata() const;                    // a stratum for each leaf; means over the draws
  PairCounts counts(std::size_t begin, std::size_t end) const;  // of values that are 0 or 1
};

// Pairs by task, document and prompt; outcomes come as Store::outcomes gives them. Examples that some draw lacks are left out.
// Throws Error(kInput) where an example of both was another row of data, or was asked in other words; `what` names the comparison in it.
PairedOutcomes pair_outcomes(std::span<const std::vector<Outcome>> first, std::span<const std::vector<Outcome>> second, const Grade& grade,
                             const std::string& what);

PairedOutcomes pair_outcomes(std::span<const std::vector<Outcome>* const> first, std::span<const std::vector<Outcome>* const> second, const Grade& grade,
                             const std::string& what);

// Lets leaves weigh as in the trial's metric, where that is the plain mean of its parts' means (lu_average).
void weigh_leaves(PairedOutcomes& outcomes, const Trial& trial, const Metric& metric);

}  // namespace winnow
