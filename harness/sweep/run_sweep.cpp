#include "harness/sweep/run_sweep.h"

#include <chrono>
#include <new>
#include <set>
#include <span>

#include "harness/sweep/cell_groups.h"
#include "harness/sweep/measure_cells.h"
#include "harness/sweep/run_cell.h"

namespace winnow {
namespace {

// What an exception means for the cells it ends: a row that says so. libtorch's own texts go on with a backtrace after the first line.
TrialEnd end_of(const std::exception& failure) {
  const std::string text = failure.what();
  const auto* error = dynamic_cast<const Error*>(&failure);
  TrialEnd end{.status = error && error->kind() == ErrorKind::kUnsupported ? TrialStatus::kSkipped : TrialStatus::kFailed,
               .reason = text.substr(0, text.find('\n'))};
  const bool allocator_says_so = text.find("can't allocate memory") != std::string::npos || text.find("not enough memory") != std::string::npos;
  if (dynamic_cast<const std::bad_alloc*>(&failure)) end.reason = "out of memory";
  if (!error && allocator_says_so) end.reason = "out of memory: " + end.reason;
  return end;
}

class SweepRunner {
 public:
  SweepRunner(const Sweep& sweep, const std::vector<Cell>& cells, ModelOpener& opener, DatasetSource& datasets, TrialLog& log, const RunControls& controls)
      : sweep_(sweep), opener_(opener), datasets_(datasets), log_(log), controls_(controls) {
    std::set<std::string> finished;
    saving([&] { finished = log_.finished_keys(); });
    progress_.cells_total = cells.size();
    for (const Cell& cell : cells) {
      if (finished.contains(cell.key))
        ++outcome_.already_done;
      else
        pending_.push_back(&cell);
    }
    progress_.cells_done = outcome_.already_done;
  }

  SweepOutcome run() {
    for (const CellGroup& group : group_cells(pending_)) {
      if (stopping() || outcome_.device_lost) break;
      if (group.kind == CellGroup::Kind::kMeasurement) {
        measure_group(group.cells);
      } else {
        run_group(group.cells);
      }
    }
    return outcome_;
  }

 private:
  bool stopping() {
    outcome_.stopped = outcome_.stopped || (controls_.should_stop && controls_.should_stop());
    return outcome_.stopped;
  }

  void run_group(std::span<const Cell* const> cells) {
    const ModelSpec& model = sweep_.models[cells[0]->model_index];
    OpenedModel opened;
    memory_.restart();
    try {
      if (opener_.identify(model).has_random_weights) return skip_scoring(cells, model);
      opened = opener_.open(model, sweep_.variants[cells[0]->variant_index]);
    } catch (const std::exception& failure) {
      if (stopping()) return;  // it may have been broken off by that: the next run goes on with these cells
      for (const Cell* cell : cells) close(*cell, begin(*cell), end_of(failure));
      return;
    }
    const ResidentBytes load_peaks = memory_.peaks();
    for (const Cell* cell : cells) {
      if (stopping() || outcome_.device_lost) return;
      run_one(*cell, opened, load_peaks);
    }
  }

  void skip_scoring(std::span<const Cell* const> cells, const ModelSpec& random) {
    for (const Cell* cell : cells) {
      const std::string reason =
          fmt::format("task {} scores answers, and model '{}' has random weights, which only measuring tasks take", cell->task, random.name);
      close(*cell, begin(*cell), {.status = TrialStatus::kSkipped, .reason = reason});
    }
  }

  void measure_group(std::span<const Cell* const> cells) {
    progress_.examples_done = progress_.examples_total = 0;
    progress_.score.reset();
    const MeasureRun run{.sweep = sweep_,
                         .cells = cells,
                         .opener = opener_,
                         .datasets = datasets_,
                         .log = log_,
                         .controls = controls_,
                         .progress = progress_,
                         .begin = [this](const Cell& cell) { return begin(cell); },
                         .close = [this](const Cell& cell, const TrialLog::OpenTrial& trial, TrialEnd end) { close(cell, trial, std::move(end)); },
                         .end_of = end_of};
    if (measure_cells(run) == Continue::kNo) outcome_.stopped = true;
  }

  TrialLog::OpenTrial begin(const Cell& cell) {
    TrialLog::OpenTrial trial;
    saving([&] { trial = log_.begin(cell, controls_.environment); });
    if (trial.id != 0 && controls_.on_cell_begin) controls_.on_cell_begin(cell);
    return trial;
  }

  void run_one(const Cell& cell, OpenedModel& opened, const ResidentBytes& load_peaks) {
    const TrialLog::OpenTrial trial = begin(cell);
    if (trial.id == 0) return close(cell, trial, {});
    progress_.cell = &cell;
    progress_.examples_done = progress_.examples_total = 0;
    progress_.score.reset();
    memory_.restart();
    std::optional<TrialEnd> end;
    try {
      if (!opened.plan_json.empty()) saving([&] { log_.record_plan(trial.id, opened.plan_json); });
      end = run_cell({sweep_, cell, opened, datasets_, log_, trial, controls_, memory_, progress_, load_peaks});
      if (!end) {
        outcome_.stopped = true;
        return;
      }
    } catch (const std::exception& failure) {
      end = end_of(failure);
    }
    close(cell, trial, *end);
  }

  void close(const Cell& cell, const TrialLog::OpenTrial& trial, TrialEnd end) {
    if (trial.id == 0) {
      end.status = TrialStatus::kRunning;
      end.reason = "another process is running it or has just finished it";
      ++outcome_.elsewhere;
    } else {
      saving([&] { log_.finish(trial.id, end); });
      outcome_.device_lost = outcome_.device_lost || (end.status == TrialStatus::kFailed && is_device_lost(end.reason));
      ++(end.status == TrialStatus::kOk ? outcome_.ran : end.status == TrialStatus::kFailed ? outcome_.failed : outcome_.skipped);
    }
    ++progress_.cells_done;
    if (controls_.on_cell_end) controls_.on_cell_end(cell, end);
  }

  const Sweep& sweep_;
  ModelOpener& opener_;
  DatasetSource& datasets_;
  TrialLog& log_;
  const RunControls& controls_;
  MemoryWatch memory_;
  std::vector<const Cell*> pending_;
  SweepProgress progress_;
  SweepOutcome outcome_;
};

}  // namespace

bool is_out_of_memory(const std::string& reason) { return reason.find("out of memory") != std::string::npos; }

// CUDA's errors stay with the context; running out of memory does not.
bool is_device_lost(const std::string& reason) { return reason.find("CUDA error") != std::string::npos && !is_out_of_memory(reason); }

SweepOutcome run_sweep(const Sweep& sweep, const std::vector<Cell>& cells, ModelOpener& opener, DatasetSource& datasets, TrialLog& log,
                       const RunControls& controls) {
  try {
    return SweepRunner(sweep, cells, opener, datasets, log, controls).run();
  } catch (const LogFailure& failure) {
    std::rethrow_exception(failure.cause);
  }
}

}  // namespace winnow
