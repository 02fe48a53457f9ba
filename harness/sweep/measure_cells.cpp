#include "harness/sweep/measure_cells.h"

#include <chrono>
#include <memory>

#include "harness/api/measure.h"
#include "harness/core/clock.h"
#include "harness/sweep/machine_state.h"
#include "harness/sweep/run_cell.h"
#include "harness/sweep/surroundings.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;

class CellsMeasurer {
 public:
  explicit CellsMeasurer(const MeasureRun& run) : run_(run), spec_(run.sweep.tasks[run.cells[0]->task_index]) {}

  Continue run() {
    for (const Cell* cell : run_.cells) {
      const TrialLog::OpenTrial trial = run_.begin(*cell);
      if (trial.id == 0) {
        run_.close(*cell, trial, {});
      } else {
        open_.push_back({cell, trial});
      }
    }
    if (open_.empty()) return Continue::kYes;
    run_.progress.cell = open_.front().cell;
    try {
      measure();
      for (const Opened& cell : open_) WINNOW_CHECK(cell.is_closed);
    } catch (const StoppedMeasuring&) {
      return Continue::kNo;
    } catch (const std::exception& failure) {
      for (Opened& cell : open_) {
        if (!cell.is_closed) close(cell, run_.end_of(failure));
      }
    }
    return Continue::kYes;
  }

 private:
  struct Opened {
    const Cell* cell;
    TrialLog::OpenTrial trial;
    bool is_closed = false;
  };

  void measure() {
    std::vector<VariantSpec> variants;
    for (const Opened& cell : open_) variants.push_back(run_.sweep.variants[cell.cell->variant_index]);
    const OpenedToMeasure opened = run_.opener.open_to_measure(run_.sweep.models[open_[0].cell->model_index], variants);
    const std::unique_ptr<Measurement> measurement = Registry<Measurement>::instance().make(spec_.task, spec_.settings);
    measurement->check_model(*opened.model);
    MeasureInputs inputs{.model = *opened.model,
                         .threads = run_.sweep.threads > 0 ? run_.sweep.threads : usable_cores(),
                         .machine = [device = run_.sweep.device] { return machine_state(device); },
                         .datasets = run_.datasets};
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (plan(opened, i)) {
        inputs.variants.push_back(static_cast<VariantNumber>(i));
        inputs.labels.push_back(open_[i].cell->variant);
      }
    }
    if (inputs.variants.empty()) return;
    inputs.on_step = [this](std::size_t done, std::size_t total) { step(done, total); };
    inputs.on_measured = [&](VariantNumber variant, Measured measured) {
      if (opened.check_unchanged) opened.check_unchanged();
      Opened& cell = open_.at(static_cast<std::size_t>(variant));
      WINNOW_CHECK(!cell.is_closed && !measured.metrics.empty());
      close(cell, {.reason = std::move(measured.note), .metrics = std::move(measured.metrics), .seconds = std::move(measured.seconds)});
    };
    inputs.on_failed = [this](VariantNumber variant, const std::string& reason) {
      close(open_.at(static_cast<std::size_t>(variant)), {.status = TrialStatus::kFailed, .reason = reason});
    };
    inputs.attempt = [this](VariantNumber variant, const std::function<void()>& work) { return attempt(open_.at(static_cast<std::size_t>(variant)), work); };
    step(0, 1);
    measurement->measure(inputs);
  }

  // A variant that cannot be planned fails alone.
  bool plan(const OpenedToMeasure& opened, std::size_t index) {
    Opened& cell = open_[index];
    step(0, 1);
    return attempt(cell, [&] {
      const std::string plan_json = opened.plan(static_cast<VariantNumber>(index));
      if (!plan_json.empty()) saving([&] { run_.log.record_plan(cell.trial.id, plan_json); });
    });
  }

  bool attempt(Opened& cell, const std::function<void()>& work) {
    try {
      work();
      return true;
    } catch (const std::exception& failure) {
      close(cell, run_.end_of(failure));
      return false;
    }
  }

  void close(Opened& cell, TrialEnd end) {
    cell.is_closed = true;
    end.seconds["total"] = seconds_since(began_);
    run_.close(*cell.cell, cell.trial, std::move(end));
    for (const Opened& next : open_) {
      if (next.is_closed) continue;
      run_.progress.cell = next.cell;
      return;
    }
  }

  void step(std::size_t done, std::size_t total) {
    if (run_.controls.should_stop && run_.controls.should_stop()) throw StoppedMeasuring{};
    if (!run_.controls.on_progress || seconds_since(reported_at_) < kSecondsBetweenReports) return;
    reported_at_ = Clock::now();
    run_.progress.examples_done = done;
    run_.progress.examples_total = total;
    run_.controls.on_progress(run_.progress);
  }

  const MeasureRun& run_;
  const TaskSpec& spec_;
  std::vector<Opened> open_;
  Clock::time_point began_ = Clock::now(), reported_at_{};
};

}  // namespace

Continue measure_cells(const MeasureRun& run) { return CellsMeasurer(run).run(); }

}  // namespace winnow
