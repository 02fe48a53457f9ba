#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/api/dataset.h"
#include "harness/api/measure.h"
#include "harness/core/trial_log.h"
#include "harness/sweep/sweep_file.h"
#include "harness/text/language_model.h"

namespace winnow {

// What names a model in cell keys; cheap to get compared with loading it.
struct ModelIdentity {
  std::string content_sha256;
  std::string tokenizer_sha256;               // empty for recorded outputs
  std::optional<Error> tokenizer_fault = {};  // why there is none that can be used: the model reads no text
  bool is_recorded = false;
  bool has_random_weights = false;  // accuracy tasks refuse it
  std::string engine_version;       // empty for recorded outputs
  Json served;                      // of a model behind an endpoint: which, and what its server says of itself
};

// A model, pruned and ready.
struct OpenedModel {
  std::unique_ptr<LanguageModel> model;
  std::optional<std::int32_t> bos_id;
  std::map<std::string, double> seconds;            // load, plan, apply
  std::string plan_json;                            // empty for dense
  std::vector<Metric> metrics;                      // realised sparsity and the like, recorded with every trial
  std::function<void()> check_unchanged;            // throws if its files changed since they were read; asked when a cell ends
  std::function<std::int64_t()> device_peak_bytes;  // of the accelerator since it was asked last; empty where there is none
};

// A model with some of its variants, to be measured together.
struct OpenedToMeasure {
  std::unique_ptr<MeasuredModel> model;
  std::function<std::string(VariantNumber variant)> plan;  // makes the variant's plan and gives its JSON, empty for dense; to be called once for each, first
  std::function<void()> check_unchanged;                   // as in OpenedModel
};

// How the runner gets models; the app room implements it, tests fake it.
class ModelOpener {
 public:
  virtual ~ModelOpener() = default;
  virtual ModelIdentity identify(const ModelSpec& model) = 0;
  // Throws Error if the variant cannot work on the model; called for every pair before any work.
  virtual void check(const ModelSpec& model, const VariantSpec& variant) = 0;
  virtual OpenedModel open(const ModelSpec& model, const VariantSpec& variant) = 0;
  // Loads nothing yet. Throws Error(kUnsupported) for models whose engine is not ours.
  virtual OpenedToMeasure open_to_measure(const ModelSpec& model, const std::vector<VariantSpec>& /*variants*/) {
    throw unsupported_error("model '{}' does not run in this engine, so there is nothing of it to measure; tasks that ask questions can be run", model.name);
  }
};

// All cells of a sweep in running order: pure but for the digests asked of `opener` and `datasets`. Recorded and served models meet the empty variant only.
// Throws Error(kInput) naming a data file, a model, or two models that are one.
std::vector<Cell> expand(const Sweep& sweep, ModelOpener& opener, DatasetSource& datasets);

// Every (model, variant) pair of the cells through ModelOpener::check, before any work. What is merely unsupported passes: its cells become skipped rows.
void check_variants(const Sweep& sweep, std::span<const Cell> cells, ModelOpener& opener);

struct SweepProgress {
  std::size_t cells_done = 0, cells_total = 0;
  const Cell* cell = nullptr;
  std::size_t examples_done = 0, examples_total = 0;
  WorkCounters counters;
  std::optional<Metric> score;  // the task's headline over the answers so far
};

struct SweepOutcome {
  std::size_t ran = 0, already_done = 0, failed = 0, skipped = 0;  // ran: ended ok
  std::size_t elsewhere = 0;                                       // another live process is at them
  bool stopped = false;                                            // asked to stop; everything finished is saved
  bool device_lost = false;                                        // its context is gone: only a new process can run what is left
};

struct RunControls {
  std::function<bool()> should_stop;                              // asked after every response
  std::function<void(const Cell&)> on_cell_begin;                 // its trial is open
  std::function<void(const SweepProgress&)> on_progress;          // at most a few times a second
  std::function<void(const Cell&, const TrialEnd&)> on_cell_end;  // also for cells that another process runs: status kRunning
  double save_every_seconds = 5;                                  // of work at most that a kill can lose, but for the pack under way
  Json environment;                                               // of this process, saved with every trial
};

// By the sentence of a failed trial: what is worth another try with less at a time, and what leaves a process without its accelerator.
bool is_out_of_memory(const std::string& reason);
bool is_device_lost(const std::string& reason);

// Runs the cells that the log has not finished; a failing cell becomes a row and the sweep goes on.
SweepOutcome run_sweep(const Sweep& sweep, const std::vector<Cell>& cells, ModelOpener& opener, DatasetSource& datasets, TrialLog& log,
                       const RunControls& controls);

}  // namespace winnow
