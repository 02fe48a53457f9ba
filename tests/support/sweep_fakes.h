#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/api/task.h"
#include "harness/sweep/run_sweep.h"

namespace winnow::test {

// A pruner table with one pruner, "halve", whose factory refuses the seed 13.
PrunerDeclarations fake_pruners();

// A sweep over one model, its dense and halved variants and the fake task "letters" (registered in sweep_fakes.cpp): one question a letter, in
// groups of four, answered well when the log-likelihood is above −1.
std::string letters_sweep(std::string_view tasks = R"([{"task": "letters"}])", std::string_view models = R"([{"name": "one", "path": "one"}])",
                          std::string_view variants = R"([{"label": "dense", "steps": []}, {"label": "half", "steps": [{"pruner": "halve"}]}])");

class FakeDatasets : public DatasetSource {
 public:
  const DatasetRows& read(const DatasetPart& part) override;
  std::string sha256 = "d1";

 private:
  std::map<std::string, DatasetRows> parts_;
};

// Answers a score request with −(number of calls so far mod 3) and counts.
class FakeModel : public LanguageModel {
 public:
  explicit FakeModel(int* answered, int fail_at) : answered_(answered), fail_at_(fail_at) {}
  void answer(std::span<const Request> requests, const AnswerSettings& settings, const OnResponse& on_response) override;
  std::vector<std::int32_t> encode(std::string_view, Special) const override { return {1}; }
  WorkCounters counters() const override { return counters_; }

 private:
  int* answered_;
  int fail_at_;
  WorkCounters counters_;
};

class FakeOpener : public ModelOpener {
 public:
  ModelIdentity identify(const ModelSpec& model) override;
  void check(const ModelSpec& model, const VariantSpec& variant) override;
  OpenedModel open(const ModelSpec& model, const VariantSpec& variant) override;

  int opened = 0, answered = 0;
  int fail_at = -1;         // the answer with this number throws
  std::string cannot_open;  // sentence of the std::runtime_error that open throws
  std::string unsupported;  // … or of the Error(kUnsupported)
  std::function<void()> on_identify = [] {};
  std::string wrong;    // sentence of the Error(kInput) that check throws
  std::string changed;  // sentence of the std::runtime_error that check_unchanged throws
  std::optional<Error> tokenizer_fault = {};
  bool random_weights = false;
  std::string content = "weights";
};

// Keeps everything in memory; a trial that was begun and not finished stays open, as after a kill.
class MemoryLog : public TrialLog {
 public:
  std::set<std::string> finished_keys() override;
  OpenTrial begin(const Cell& cell, const Json& environment) override;
  void append(std::int64_t trial_id, std::span<const RecordedAnswer> answers, const std::map<std::string, double>& seconds) override;
  std::vector<ScoredAnswer> answers(std::int64_t trial_id) override;
  std::vector<ScoredAnswer> answers_of_cell(const std::string& key) override;
  void finish(std::int64_t trial_id, const TrialEnd& end) override;
  void record_plan(std::int64_t trial_id, const std::string& plan_json) override;

  struct Kept {
    Cell cell;
    std::vector<RecordedAnswer> answers;
    std::map<std::string, double> seconds;
    std::optional<TrialEnd> end;
    std::string plan_json;
  };
  std::vector<Kept> trials;
  int appends = 0;
  bool full = false;          // append throws "disk full"
  std::string busy_key = {};  // begin answers that another process has it
};

// Of the metric with this name over all examples; a failure where there is none.
double metric_of(const TrialEnd& end, const std::string& name);

// A sweep with all it runs on.
template <class Opener = FakeOpener>
struct SweepBench {
  explicit SweepBench(const std::string& text = letters_sweep()) : sweep(parse_sweep(text, "s.json", "/sweeps", fake_pruners())) {}
  SweepOutcome run() { return run_sweep(sweep, expand(sweep, opener, datasets), opener, datasets, log, controls); }

  Sweep sweep;
  Opener opener;
  FakeDatasets datasets;
  MemoryLog log;
  RunControls controls;
};

}  // namespace winnow::test
