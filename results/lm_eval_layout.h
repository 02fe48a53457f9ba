#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/trial.h"

// The pieces of lm-evaluation-harness's result files, as pure functions. Field names and order are those of its releases 0.4.x.
namespace winnow {

// What the samples of one leaf were, gathered while they were written.
struct LeafSamples {
  std::string leaf;
  std::int64_t documents = 0;
  std::string task_hash;  // sha256 over doc, prompt and target hash of every sample
};

// The part of a results file that one trial fills.
struct TrialResults {
  OrderedJson results = OrderedJson::object(), groups = OrderedJson::object(), group_subtasks = OrderedJson::object(), configs = OrderedJson::object(),
              versions = OrderedJson::object(), shots = OrderedJson::object(), higher_is_better = OrderedJson::object(), sample_counts = OrderedJson::object(),
              task_hashes = OrderedJson::object();
};

// Metrics of the task itself: not those that were measured beside it (memory, speed, tokens, counts of ties and truncations).
std::vector<Metric> task_metrics(const Trial& trial);

// One sample: one document under one filter.
OrderedJson sample_json(const RecordedAnswer& recorded, std::span<const Metric> metrics, const Json& settings);
// doc_hash + prompt_hash + target_hash, which a task hash is taken over.
std::string sample_hashes(const RecordedAnswer& recorded);

TrialResults trial_results(const Trial& trial, std::span<const LeafSamples> leaves);

// A number as Python's str() writes a float.
std::string python_float(double value);
// A name for a folder or file: runs of "<>:/|\?*[] become two underscores, as there; control characters and a leading dot one.
std::string sanitised_name(const std::string& name);

}  // namespace winnow
