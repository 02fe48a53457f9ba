#include "results/pairing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "harness/core/error.h"

namespace winnow {
namespace {

using Outcomes = std::vector<Outcome>;

auto place_of(const Outcome& outcome) { return std::tie(outcome.question->leaf, outcome.question->doc_id); }

double value_in(const Outcome& outcome, const std::string& name) {
  const double* value = outcome.values.find(name);
  if (value == nullptr) throw input_error("{} document {}: its answer has no '{}'", outcome.question->leaf, outcome.question->doc_id, name);
  return *value;
}

// What is summed over the examples: the value itself, or a negative log-likelihood.
double term(const Grade& grade, const Outcome& outcome) {
  if (grade.kind == Grade::Kind::kMean) return value_in(outcome, grade.value);
  const double loss = -value_in(outcome, "log_likelihood");
  return grade.weight == "tokens" ? loss / value_in(outcome, "tokens") : loss;
}

double weight(const Grade& grade, const Outcome& outcome) { return grade.weight == "tokens" ? 1 : value_in(outcome, grade.weight); }

// Walks all lists together over the examples that every list has.
class CommonExamples {
 public:
  explicit CommonExamples(std::vector<const Outcomes*> lists) : lists_(std::move(lists)), at_(lists_.size(), 0) {}

  // The next common example, one outcome per list, valid until the next call; empty at the end.
  std::span<const Outcome* const> next() {
    while (true) {
      for (std::size_t i = 0; i < lists_.size(); ++i) {
        if (at_[i] == lists_[i]->size()) return {};
      }
      std::size_t furthest = 0;
      for (std::size_t i = 1; i < lists_.size(); ++i) {
        if (here(i).question != here(furthest).question && place_of(here(furthest)) < place_of(here(i))) furthest = i;
      }
      bool is_common = true;
      const Outcome& goal = here(furthest);
      const auto is_at_goal = [&](std::size_t i) { return here(i).question == goal.question || place_of(here(i)) == place_of(goal); };
      for (std::size_t i = 0; i < lists_.size(); ++i) {
        while (at_[i] < lists_[i]->size() && !is_at_goal(i) && place_of(here(i)) < place_of(goal)) ++at_[i];
        is_common = is_common && at_[i] < lists_[i]->size() && is_at_goal(i);
      }
      if (!is_common) continue;
      found_.clear();
      for (std::size_t i = 0; i < lists_.size(); ++i) found_.push_back(&(*lists_[i])[at_[i]++]);
      return found_;
    }
  }

 private:
  const Outcome& here(std::size_t list) const { return (*lists_[list])[at_[list]]; }
  std::vector<const Outcomes*> lists_;
  std::vector<std::size_t> at_;
  std::vector<const Outcome*> found_;
};

// Counts examples that were not asked alike, for one sentence at the end.
class Unlike {
 public:
  void check(std::span<const Outcome* const> found) {
    ++examples_;
    for (const Outcome* outcome : found) {
      const Question &first = *found.front()->question, &other = *outcome->question;
      if (&first == &other) continue;
      if (other.doc_hash != first.doc_hash) return add(rows_, first);
      if (other.prompt_sha256 != first.prompt_sha256 || other.arguments_sha256 != first.arguments_sha256) return add(prompts_, first);
    }
  }

  void refuse(const std::string& what) const {
    if (rows_.count > 0) {
      throw input_error("{}: {} of {} common examples are other rows of data, first {} document {}; compare trials over the same data files", what, rows_.count,
                        examples_, rows_.leaf, rows_.doc_id);
    }
    if (prompts_.count > 0) {
      throw input_error(
          "{}: the prompts of {} of {} common examples differ, first {} document {}; compare trials with the same shots, seed and prompt settings", what,
          prompts_.count, examples_, prompts_.leaf, prompts_.doc_id);
    }
  }

 private:
  struct Found {
    std::int64_t count = 0, doc_id = 0;
    std::string leaf;
  };
  static void add(Found& found, const Question& question) {
    if (found.count++ == 0) {
      found.leaf = question.leaf;
      found.doc_id = question.doc_id;
    }
  }
  std::int64_t examples_ = 0;
  Found rows_, prompts_;
};

std::int64_t most(std::span<const Outcomes* const> lists) {
  std::size_t count = 0;
  for (const Outcomes* list : lists) count = std::max(count, list->size());
  return static_cast<std::int64_t>(count);
}

std::vector<double> mean_over_draws(const Draws& draws) {
  if (draws.size() == 1) return draws.front();
  std::vector<double> means(draws.front().size());
  for (const std::vector<double>& draw : draws) {
    for (std::size_t i = 0; i < draw.size(); ++i) means[i] += draw[i] / static_cast<double>(draws.size());
  }
  return means;
}

bool are_right_or_wrong(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double value) { return value == 0 || value == 1; });
}

}  // namespace

Grade grade_of(const Metric& metric, std::span<const Outcome> answers) {
  const auto has = [&](const std::string& name) { return !answers.empty() && answers.front().values.find(name) != nullptr; };
  if (has(metric.name)) return {Grade::Kind::kMean, metric.name, ""};
  if (has("log_likelihood") && (metric.unit == "perplexity" || metric.unit == "bits")) {
    const std::string weight = metric.name.starts_with("word") ? "words" : metric.name.starts_with("byte") || metric.unit == "bits" ? "bytes" : "tokens";
    if (has(weight)) return {Grade::Kind::kPerplexity, "log_likelihood", weight};
  }
  throw input_error("the answers hold no '{}' that examples could be compared by", metric.name);
}

bool PairedOutcomes::is_right_or_wrong() const {
  if (is_replicated() || std::ranges::any_of(leaves, [](const Leaf& leaf) { return leaf.weight > 0; })) return false;
  return has_only_right_and_wrong();
}

bool PairedOutcomes::has_only_right_and_wrong() const {
  return std::ranges::all_of(first, are_right_or_wrong) && std::ranges::all_of(second, are_right_or_wrong);
}

std::vector<PairedStratum> PairedOutcomes::strata() const {
  const std::vector<double> before = mean_over_draws(first), after = mean_over_draws(second);
  std::vector<PairedStratum> strata;
  for (const Leaf& leaf : leaves) {
    const auto begin = static_cast<std::ptrdiff_t>(leaf.begin), end = static_cast<std::ptrdiff_t>(leaf.end);
    strata.push_back({{before.begin() + begin, before.begin() + end}, {after.begin() + begin, after.begin() + end}, leaf.weight});
  }
  return strata;
}

PairCounts PairedOutcomes::counts(std::size_t begin, std::size_t end) const {
  PairCounts counts;
  for (std::size_t i = begin; i < end; ++i) {
    const bool before = first.front()[i] == 1, after = second.front()[i] == 1;
    ++(before ? (after ? counts.both : counts.only_first) : after ? counts.only_second : counts.neither);
  }
  return counts;
}

PairedOutcomes pair_outcomes(std::span<const Outcomes> first, std::span<const Outcomes> second, const Grade& grade, const std::string& what) {
  std::vector<const Outcomes*> of_first, of_second;
  for (const Outcomes& list : first) of_first.push_back(&list);
  for (const Outcomes& list : second) of_second.push_back(&list);
  return pair_outcomes(of_first, of_second, grade, what);
}

PairedOutcomes pair_outcomes(std::span<const Outcomes* const> first, std::span<const Outcomes* const> second, const Grade& grade, const std::string& what) {
  WINNOW_CHECK(!first.empty() && !second.empty());
  PairedOutcomes paired;
  paired.first.resize(first.size());
  paired.second.resize(second.size());
  std::vector<const Outcomes*> lists(first.begin(), first.end());
  lists.insert(lists.end(), second.begin(), second.end());
  CommonExamples examples(std::move(lists));
  Unlike unlike;
  for (std::span<const Outcome* const> found = examples.next(); !found.empty(); found = examples.next()) {
    unlike.check(found);
    if (paired.leaves.empty() || paired.leaves.back().name != found.front()->question->leaf)
      paired.leaves.push_back({found.front()->question->leaf, paired.count(), paired.count()});
    for (std::size_t i = 0; i < found.size(); ++i) (i < first.size() ? paired.first[i] : paired.second[i - first.size()]).push_back(term(grade, *found[i]));
    if (grade.kind == Grade::Kind::kPerplexity) paired.weights.push_back(weight(grade, *found.front()));
    paired.leaves.back().end = paired.count();
  }
  unlike.refuse(what);
  const auto count = static_cast<std::int64_t>(paired.count());
  paired.only_first = most(first) - count;
  paired.only_second = most(second) - count;
  return paired;
}

void weigh_leaves(PairedOutcomes& outcomes, const Trial& trial, const Metric& metric) {
  std::vector<const Metric*> parts;
  double sum = 0, weighed = 0, count = 0;
  for (const Metric& part : trial.metrics) {
    if (part.name != metric.name || part.filter != metric.filter || part.leaf.empty() || part.parent != trial.cell.task) continue;
    parts.push_back(&part);
    sum += part.value;
    weighed += part.value * static_cast<double>(part.count);
    count += static_cast<double>(part.count);
  }
  constexpr double kSame = 1e-9;
  const bool is_plain_mean = !parts.empty() && std::abs(sum / static_cast<double>(parts.size()) - metric.value) < kSame;
  if (!is_plain_mean || std::abs(weighed / count - metric.value) < kSame) return;
  for (const Metric* part : parts) {
    std::size_t examples = 0;
    const auto is_of_part = [&](const PairedOutcomes::Leaf& leaf) { return leaf.name == part->leaf || leaf.name.starts_with(part->leaf + "_"); };
    for (const PairedOutcomes::Leaf& leaf : outcomes.leaves) examples += is_of_part(leaf) ? leaf.end - leaf.begin : 0;
    for (PairedOutcomes::Leaf& leaf : outcomes.leaves) {
      if (is_of_part(leaf)) leaf.weight = static_cast<double>(leaf.end - leaf.begin) / static_cast<double>(examples);
    }
  }
}

}  // namespace winnow
