#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/trial.h"
#include "results/outcome.h"
#include "results/sides.h"
#include "results/store.h"

namespace winnow {

// The examples of a task that some trials were asked, in the order of their prompts' digests (of one prompt: by leaf and document).
struct BaselineTask {
  std::string task, label;
  Json identity;                       // task, version, settings, data_sha256
  std::string prompts_sha256;          // over all digests in order: equal sets are known by it
  std::vector<std::uint32_t> prompts;  // the first 32 bits of each digest, ascending
};

// One trial: its metrics, and which examples it answered rightly, for every metric that counts right answers.
struct BaselineTrial {
  std::size_t task = 0;  // into Baseline::tasks
  std::vector<Metric> metrics;
  std::map<std::string, double> seconds;
  struct Right {
    std::string name, filter;
    std::vector<bool> bits;  // in the task's order
  };
  std::vector<Right> right;
};

struct BaselineVariant {
  std::string model, variant;
  Json model_identity, steps;
  std::vector<BaselineTrial> trials;
};

// Outcomes of a run that later gates compare with, without its stores: a file of some 70 kB for GSM8K and MMLU.
struct Baseline {
  Json environment;
  std::vector<BaselineTask> tasks;
  std::vector<BaselineVariant> variants;
};

// Of all good trials of the stores.
Baseline make_baseline(std::span<Store> stores);

std::string baseline_text(const Baseline& baseline);
// Throws Error(kInput) for what is no baseline, is of another version, or was changed.
Baseline parse_baseline(std::string_view text, const std::string& source);
Baseline read_baseline(const std::filesystem::path& file);

// The outcomes that a trial of the baseline had on these examples, which are taken to be in the order of Store::outcomes. Examples that the baseline lacks are
// left out if it has no others either (it had a smaller limit), as are its own that are not asked now.
// Throws Error(kInput) where prompts or task settings differ; `what` names the comparison.
std::vector<Outcome> baseline_outcomes(const Baseline& baseline, const BaselineTrial& trial, const Metric& metric, std::span<const Outcome> asked,
                                       const Cell& cell, const std::string& what);

}  // namespace winnow
