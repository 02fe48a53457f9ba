#include "harness/sweep/run_workers.h"

#include <poll.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <utility>

#include "harness/sweep/until_examples.h"
#include "harness/sweep/worker.h"

namespace winnow {
namespace {

using Kind = WorkerMessage::Kind;
using Look = Portion::Look;
constexpr int kMillisecondsBetweenLooks = 200;

class WorkersRunner {
 public:
  WorkersRunner(const std::vector<Cell>& cells, TrialLog& log, const RunControls& controls, const WorkersSetup& setup)
      : log_(log), controls_(controls), setup_(setup), is_taken_(setup.seats.size()), cells_total_(cells.size()) {
    const std::set<std::string> finished = log_.finished_keys();
    std::vector<const Cell*> pending;
    for (const Cell& cell : cells) {
      if (!finished.contains(cell.key)) pending.push_back(&cell);
    }
    outcome_.already_done = cells.size() - pending.size();
    for (CellGroup& group : group_cells(pending)) waiting_.push_back({.kind = group.kind, .cells = std::move(group.cells)});
  }

  SweepOutcome run() {
    work_off();
    look_again_at_what_others_had();
    work_off();
    if (failure_) throw *failure_;
    for (const auto& [key, status] : ends_) {
      ++(status == TrialStatus::kOk        ? outcome_.ran
         : status == TrialStatus::kFailed  ? outcome_.failed
         : status == TrialStatus::kSkipped ? outcome_.skipped
                                           : outcome_.elsewhere);
    }
    return outcome_;
  }

 private:
  void work_off() {
    while (!waiting_.empty() || !workers_.empty()) {
      look_whether_to_stop();
      if (is_stopping_) waiting_.clear();
      start_what_fits();
      wait_for_news();
      for (const std::unique_ptr<Worker>& worker : workers_) read(*worker);
      for (std::size_t i = workers_.size(); i-- > 0;) settle_if_ended(i);
    }
  }

  // The process that had them may have died meanwhile.
  void look_again_at_what_others_had() {
    if (elsewhere_.empty() || is_stopping_) return;
    const std::set<std::string> finished = log_.finished_keys();
    const auto is_finished = std::ranges::partition(elsewhere_, [&](const Cell* cell) { return !finished.contains(cell->key); });
    for (const Cell* cell : is_finished) note_end(*cell, {.status = TrialStatus::kRunning, .reason = "another process has just finished it"});
    elsewhere_.erase(is_finished.begin(), is_finished.end());
    look_ = Look::kSecond;
    for (CellGroup& group : group_cells(std::exchange(elsewhere_, {})))
      waiting_.push_back({.kind = group.kind, .cells = std::move(group.cells), .look = look_});
  }

  void look_whether_to_stop() {
    if (is_stopping_ || !(failure_ || (controls_.should_stop && controls_.should_stop()))) return;
    is_stopping_ = true;
    outcome_.stopped = !failure_;
    for (const std::unique_ptr<Worker>& worker : workers_) worker->stop();
  }

  static bool measures(const Portion& portion) { return portion.kind == CellGroup::Kind::kMeasurement; }

  bool is_to_come(const std::string& key) const {
    const auto has = [&](const Portion& portion) { return std::ranges::any_of(portion.cells, [&](const Cell* cell) { return cell->key == key; }); };
    return !ends_.contains(key) &&
           (std::ranges::any_of(waiting_, has) || std::ranges::any_of(workers_, [&](const auto& worker) { return has(worker->portion()); }));
  }

  // A task with "until" is compared with the unpruned model's answers, which have to be there.
  bool has_to_wait(const Portion& portion) const {
    return std::ranges::any_of(portion.cells, [&](const Cell* cell) { return until_of(*cell) && is_to_come(unpruned_key(*cell)); });
  }

  bool is_elsewhere(const std::string& key) const {
    const auto ended = ends_.find(key);
    const bool is_left = ended != ends_.end() && ended->second == TrialStatus::kRunning;
    return (is_left || std::ranges::any_of(elsewhere_, [&](const Cell* cell) { return cell->key == key; })) && !log_.finished_keys().contains(key);
  }

  // What is compared with a trial that another process is running is left as that is.
  void leave_what_waits_for_others() {
    for (Portion& portion : waiting_) {
      std::vector<const Cell*> left;
      std::erase_if(portion.cells, [&](const Cell* cell) {
        const bool waits = until_of(*cell) && is_elsewhere(unpruned_key(*cell));
        if (waits) left.push_back(cell);
        return waits;
      });
      for (const Cell* cell : left) leave_elsewhere(*cell, portion.look);
    }
    std::erase_if(waiting_, [](const Portion& portion) { return portion.cells.empty(); });
  }

  // Measurements have the machine to themselves.
  void start_what_fits() {
    if (!elsewhere_.empty() || look_ == Look::kSecond) leave_what_waits_for_others();
    while (!waiting_.empty()) {
      const auto next = std::ranges::find_if(waiting_, [&](const Portion& portion) { return !has_to_wait(portion); });
      if (next == waiting_.end()) return;
      const bool is_alone = measures(*next);
      const auto seat = std::ranges::find(is_taken_, false);
      if (seat == is_taken_.end() || (is_alone && !workers_.empty()) ||
          std::ranges::any_of(workers_, [](const auto& worker) { return measures(worker->portion()); }))
        return;
      const auto number = static_cast<std::size_t>(seat - is_taken_.begin());
      workers_.push_back(std::make_unique<Worker>(std::move(*next), number, setup_, is_alone ? setup_.alone : setup_.seats[number]));
      waiting_.erase(next);
      is_taken_[number] = true;
    }
  }

  void wait_for_news() {
    std::vector<pollfd> ends;
    int milliseconds = kMillisecondsBetweenLooks;
    for (const std::unique_ptr<Worker>& worker : workers_) {
      ChildProcess& process = worker->process();
      if (process.messages_end() < 0) milliseconds = 1;  // it is about to end
      for (const int end : {process.messages_end(), process.errors_end()}) ends.push_back({end, POLLIN, 0});
      ends.push_back({process.input_end(), POLLOUT, 0});
    }
    if (!ends.empty()) ::poll(ends.data(), ends.size(), milliseconds);
  }

  void read(Worker& worker) {
    worker.process().flush();
    for (const std::string& line : worker.process().read_messages()) {
      const std::optional<WorkerMessage> message = worker_message(line);
      if (!message || message->cell >= worker.portion().cells.size()) continue;
      worker.hear(*message);
      tell(worker, *message);
    }
    for (const std::string& line : worker.process().read_errors()) {
      worker.keep_line(line);
      if (setup_.on_line) setup_.on_line(line);
    }
    worker.kill_if_overdue(setup_.limits, setup_.grace_seconds);
  }

  void tell(const Worker& worker, const WorkerMessage& message) {
    const Cell& cell = *worker.portion().cells[message.cell];
    if (message.kind == Kind::kProgress && controls_.on_progress) {
      SweepProgress progress{.cells_done = outcome_.already_done + ends_.size(),
                             .cells_total = cells_total_,
                             .cell = &cell,
                             .examples_done = message.examples_done,
                             .examples_total = message.examples_total};
      progress.counters.tokens_forwarded = message.tokens_forwarded;
      progress.score = message.score;
      controls_.on_progress(progress);
    } else if (message.kind == Kind::kEnd && !Worker::is_left_to_others(message)) {
      TrialEnd end{.status = message.status, .reason = message.reason};
      if (message.score) end.metrics.push_back(*message.score);
      end.seconds["total"] = message.seconds;
      note_end(cell, end);
    }
  }

  void note_end(const Cell& cell, const TrialEnd& end) {
    ends_[cell.key] = end.status;
    if (controls_.on_cell_end) controls_.on_cell_end(cell, end);
  }

  void settle_if_ended(std::size_t index) {
    Worker& worker = *workers_[index];
    const std::optional<ChildProcess::End> end = worker.process().try_wait();
    if (!end) return;
    read(worker);  // what it said last
    settle(worker, *end);
    is_taken_[worker.seat()] = false;
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  void settle(const Worker& worker, const ChildProcess::End& end) {
    std::vector<const Cell*> again = worker.out_of_memory(), rest;
    if (!worker.last_word()) {
      if (is_stopping_) return;  // its cells stay open: the next run goes on with them
      const std::vector<const Cell*> struck = worker.struck();
      const std::string reason = worker.death(end);
      for (const Cell* cell : struck) close_as_failed(*cell, reason, worker.portion().look);
      if (worker.died_of_memory(end)) again.insert(again.end(), struck.begin(), struck.end());
      if (struck != worker.portion().cells) rest = worker.untouched();
    } else if (worker.last_word()->kind == Kind::kError) {
      if (!failure_) failure_ = Error(worker.last_word()->error, worker.last_word()->sentence);
      return;
    } else if (worker.last_word()->kind == Kind::kLost) {
      rest = worker.untouched();
    } else if (worker.last_word()->kind == Kind::kFinished) {
      for (const Cell* cell : worker.untouched()) leave_elsewhere(*cell, worker.portion().look);
    }
    if (is_stopping_) return;
    const bool has_half_budget = worker.portion().has_half_budget || !again.empty();
    if (!worker.portion().has_half_budget) {
      for (const Cell* cell : again) ends_.erase(cell->key);  // what it ended with is not the last word
      rest.insert(rest.begin(), again.begin(), again.end());
    }
    if (!rest.empty())
      waiting_.push_front({.kind = worker.portion().kind, .cells = std::move(rest), .has_half_budget = has_half_budget, .look = worker.portion().look});
  }

  void leave_elsewhere(const Cell& cell, Look look) {
    if (look == Look::kSecond)
      note_end(cell, {.status = TrialStatus::kRunning, .reason = "another process is running it, or the unpruned model that it is compared with"});
    else
      elsewhere_.push_back(&cell);
  }

  // Its lock went with the worker, so the trial that the worker had open is ours to close.
  void close_as_failed(const Cell& cell, const std::string& reason, Look look) {
    const TrialLog::OpenTrial trial = log_.begin(cell, controls_.environment);
    const TrialEnd end{.status = TrialStatus::kFailed, .reason = reason};
    if (trial.id == 0) return leave_elsewhere(cell, look);
    log_.finish(trial.id, end);
    note_end(cell, end);
  }

  TrialLog& log_;
  const RunControls& controls_;
  const WorkersSetup& setup_;
  std::deque<Portion> waiting_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<bool> is_taken_;               // seats
  std::vector<const Cell*> elsewhere_;       // left to other processes
  std::map<std::string, TrialStatus> ends_;  // newest, by key; kRunning: elsewhere
  std::size_t cells_total_;
  bool is_stopping_ = false;
  Look look_ = Look::kFirst;
  std::optional<Error> failure_;
  SweepOutcome outcome_;
};

}  // namespace

SweepOutcome run_workers(const std::vector<Cell>& cells, TrialLog& log, const RunControls& controls, const WorkersSetup& setup) {
  return WorkersRunner(cells, log, controls, setup).run();
}

}  // namespace winnow
