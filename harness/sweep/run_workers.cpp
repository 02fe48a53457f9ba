#include "harness/sweep/run_workers.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <utility>

#include "harness/core/clock.h"
#include "harness/sweep/cell_groups.h"
#include "harness/sweep/child_process.h"
#include "harness/sweep/until_examples.h"
#include "harness/sweep/worker_messages.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = WorkerMessage::Kind;
constexpr std::size_t kLastWords = 8;
constexpr int kMillisecondsBetweenLooks = 200;
constexpr double kSecondsToEnd = 60;  // after its last word

enum class Look { kFirst, kSecond };  // kSecond: at what another process seemed to run

// Cells of one group that still have to be run.
struct Portion {
  CellGroup::Kind kind;
  std::vector<const Cell*> cells;
  bool has_half_budget = false;
  Look look = Look::kFirst;
};

class Worker {
 public:
  Worker(Portion portion, std::size_t seat, const WorkersSetup& setup, const WorkerSeat& on)
      : portion_(std::move(portion)),
        seat_(seat),
        process_({.command = setup.command, .processors = on.processors, .memory_bytes = setup.limits.memory_bytes}) {
    Assignment assignment{
        .cells = {}, .seat = on, .token_budget = portion_.has_half_budget ? std::max<std::int64_t>(1, setup.token_budget / 2) : setup.token_budget};
    for (const Cell* cell : portion_.cells) assignment.cells.push_back(*cell);
    process_.send(setup.order(assignment));
  }

  const Portion& portion() const { return portion_; }
  std::size_t seat() const { return seat_; }
  ChildProcess& process() { return process_; }
  const std::optional<WorkerMessage>& last_word() const { return last_word_; }

  // Notes what the message means for its cells.
  void hear(const WorkerMessage& message) {
    heard_at_ = Clock::now();
    if (message.kind == Kind::kBegin || message.kind == Kind::kEnd) began_at_ = heard_at_;
    if (message.kind == Kind::kBegin) open_.insert(message.cell);
    if (message.kind == Kind::kEnd) {
      open_.erase(message.cell);
      ended_.insert(message.cell);
      if (message.status == TrialStatus::kFailed && is_out_of_memory(message.reason)) out_of_memory_.push_back(portion_.cells.at(message.cell));
    }
    if (message.kind >= Kind::kFinished) last_word_ = message;
  }

  // What was answered is to be saved. Before its first cell there is nothing: a model may take hours to be opened and pruned.
  void stop() { open_.empty() && ended_.empty() ? process_.kill() : process_.close_input(); }

  void keep_line(const std::string& line) {
    if (line.empty()) return;
    lines_.push_back(line.substr(0, 500));
    if (lines_.size() > kLastWords) lines_.pop_front();
  }

  void kill_if_overdue(const Limits& limits, double grace_seconds) {
    if (!why_killed_.empty()) return;
    if (last_word_ && seconds_since(heard_at_) > kSecondsToEnd) process_.kill();
    if (last_word_) return;
    const double open = static_cast<double>(std::max<std::size_t>(1, open_.size()));  // cells that are measured together end together
    if (limits.seconds > 0 && !open_.empty() && seconds_since(began_at_) > limits.seconds * open + grace_seconds) {
      why_killed_ = fmt::format("timed out after {:.0f} s (limits.seconds is {}) and was killed", seconds_since(began_at_), limits.seconds);
    } else if (seconds_since(heard_at_) > limits.silence_seconds) {
      why_killed_ = fmt::format("said nothing for {:.0f} s (limits.silence_seconds is {}) and was killed", seconds_since(heard_at_), limits.silence_seconds);
    } else {
      return;
    }
    process_.kill();
  }

  // Why it is no more, for the rows of the cells it was at.
  std::string death(const ChildProcess::End& end) const {
    std::string text = "the worker that ran it ";
    if (!why_killed_.empty()) {
      text += why_killed_;
    } else if (end.signal != 0) {
      text += fmt::format("was killed by signal {} ({})", end.signal, end.signal == SIGKILL ? "out of memory?" : ::strsignal(end.signal));
    } else {
      text += fmt::format("ended with exit code {}", end.exit_code);
    }
    return lines_.empty() ? text : fmt::format("{}; its last words: {}", text, fmt::join(lines_, " | "));
  }

  bool died_of_memory(const ChildProcess::End& end) const {
    if (!why_killed_.empty()) return false;
    return end.signal == SIGKILL ||
           std::ranges::any_of(lines_, [](const std::string& line) { return is_out_of_memory(line) || line.find("bad_alloc") != std::string::npos; });
  }

  const std::vector<const Cell*>& out_of_memory() const { return out_of_memory_; }

  // The cells it was at when it died: all of them where it did not get to begin one.
  std::vector<const Cell*> struck() const {
    if (open_.empty() && ended_.empty()) return portion_.cells;
    std::vector<const Cell*> cells;
    for (const std::size_t i : open_) cells.push_back(portion_.cells[i]);
    return cells;
  }

  std::vector<const Cell*> untouched() const {
    std::vector<const Cell*> cells;
    for (std::size_t i = 0; i < portion_.cells.size(); ++i) {
      if (!ended_.contains(i) && !open_.contains(i)) cells.push_back(portion_.cells[i]);
    }
    return cells;
  }

 private:
  Portion portion_;
  std::size_t seat_;
  ChildProcess process_;
  std::set<std::size_t> open_, ended_;  // cells, by their place in the order
  std::vector<const Cell*> out_of_memory_;
  Clock::time_point heard_at_ = Clock::now(), began_at_ = heard_at_;
  std::optional<WorkerMessage> last_word_;
  std::deque<std::string> lines_;
  std::string why_killed_;
};

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
    for (CellGroup& group : group_cells(std::exchange(elsewhere_, {})))
      waiting_.push_back({.kind = group.kind, .cells = std::move(group.cells), .look = Look::kSecond});
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

  // Measurements have the machine to themselves.
  void start_what_fits() {
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
    } else if (message.kind == Kind::kEnd) {
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
    if (!worker.portion().has_half_budget) rest.insert(rest.begin(), again.begin(), again.end());
    if (!rest.empty())
      waiting_.push_front({.kind = worker.portion().kind, .cells = std::move(rest), .has_half_budget = has_half_budget, .look = worker.portion().look});
  }

  void leave_elsewhere(const Cell& cell, Look look) {
    if (look == Look::kSecond)
      note_end(cell, {.status = TrialStatus::kRunning, .reason = "another process is running it"});
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
  std::optional<Error> failure_;
  SweepOutcome outcome_;
};

}  // namespace

SweepOutcome run_workers(const std::vector<Cell>& cells, TrialLog& log, const RunControls& controls, const WorkersSetup& setup) {
  return WorkersRunner(cells, log, controls, setup).run();
}

}  // namespace winnow
