#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

// What is to be run: one model, pruned one way, on one task.
struct Cell {
  std::string key;         // sha256 of canonical_json(identity)
  Json identity;           // model and tokenizer digests, dtype, device kind, engine version; steps with versions; task, version, settings, data digests
  std::string model;       // as the sweep file names it
  std::string variant;     // its label
  std::string task;        // registered name
  std::string task_label;  // what reports show: the task, with its settings where a sweep has it twice
  std::size_t model_index = 0, variant_index = 0, task_index = 0;  // into the Sweep
};

// One number with its meaning. `leaf` is the task in lm-eval's naming that it is of (mmlu_anatomy, mmlu_stem), empty for the headline task itself;
// `parent` the group that leaf belongs to (mmlu_anatomy → mmlu_stem, mmlu_stem → mmlu), empty where there is none.
// Reports know these names, measured with every trial: tokens_asked, tokens_forwarded, peak_bytes, prefill_tokens_per_second,
// decode_tokens_per_second; and as footnotes the counts ties, prompts_truncated, replies_truncated.
struct Metric {
  std::string name;
  std::string filter = "none";
  double value = 0;
  std::optional<double> standard_error;
  std::string unit;  // "share", "perplexity", "bytes", "seconds", "tokens", "tokens/s", "bits", "examples"
  bool higher_is_better = true;
  std::int64_t count = 0;  // examples it is over
  std::string leaf = {};
  std::string parent = {};
};

// One example of a task, as it is stored once for all cells.
struct ExampleRecord {
  std::string leaf;  // task in lm-eval's naming
  std::string data_sha256;
  std::int64_t doc_id = 0;  // row of the evaluated split, from 0
  std::string doc_json;     // two-space indent, non-ASCII kept
  std::string doc_hash;     // sha256 of doc_json
  std::string target;
  std::optional<std::int64_t> gold;
};

// What came back for one example under one filter.
struct Answer {
  std::string filter = "none";
  std::string reply;                          // after the filter; for multiple choice empty
  std::map<std::string, double> values = {};  // "acc" → 1; what aggregate() sums
};

struct RecordedAnswer {
  ExampleRecord example;
  std::string prompt;                  // context of the first request
  std::vector<std::string> arguments;  // continuations, or the stop strings
  std::string raw_reply;               // generated text before filters
  std::vector<double> log_likelihoods;
  std::vector<bool> greedy;
  std::vector<Answer> answers;             // one per filter
  std::vector<std::string> contexts = {};  // of every argument, where choices have contexts of their own (WinoGrande); empty where `prompt` is that of all
};

// What aggregate() reads: an answer without its texts.
struct ScoredAnswer {
  std::string leaf;
  std::int64_t doc_id = 0;
  std::string filter;
  std::map<std::string, double> values;
};

enum class TrialStatus { kRunning, kOk, kFailed, kSkipped };

struct TrialEnd {
  TrialStatus status = TrialStatus::kOk;
  std::string reason;  // a sentence, for failed and skipped
  std::vector<Metric> metrics;
  std::map<std::string, double> seconds;  // by phase: load, plan, prefill, decode, total
};

// A finished trial as reports read it.
struct Trial {
  std::int64_t id = 0;
  Cell cell;
  std::string sweep;
  TrialStatus status = TrialStatus::kRunning;
  std::string reason;
  std::string started_at;  // ISO 8601, UTC
  std::map<std::string, double> seconds;
  std::vector<Metric> metrics;
  Json environment;
};

}  // namespace winnow
