#pragma once
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/sweep/cell_groups.h"
#include "harness/sweep/child_process.h"
#include "harness/sweep/run_workers.h"
#include "harness/sweep/worker_messages.h"

namespace winnow {

// Cells of one group that still have to be run.
struct Portion {
  enum class Look { kFirst, kSecond };  // kSecond: at what another process seemed to run
  CellGroup::Kind kind;
  std::vector<const Cell*> cells;
  bool has_half_budget = false;
  Look look = Look::kFirst;
};

// A process at a portion, and what is known of it from what it said.
class Worker {
 public:
  Worker(Portion portion, std::size_t seat, const WorkersSetup& setup, const WorkerSeat& on);

  const Portion& portion() const { return portion_; }
  std::size_t seat() const { return seat_; }
  ChildProcess& process() { return process_; }
  const std::optional<WorkerMessage>& last_word() const { return last_word_; }

  // A cell that another process has: not begun here, and not ended.
  static bool is_left_to_others(const WorkerMessage& message);

  void hear(const WorkerMessage& message);  // notes what it means for its cells
  void keep_line(const std::string& line);  // of its standard error
  void stop();
  void kill_if_overdue(const Limits& limits, double grace_seconds);

  // Of one that is no more. Why, for the rows of the cells it was at.
  std::string death(const ChildProcess::End& end) const;
  bool died_of_memory(const ChildProcess::End& end) const;
  const std::vector<const Cell*>& out_of_memory() const { return out_of_memory_; }  // cells that failed so while it went on
  std::vector<const Cell*> struck() const;                                          // cells it was at: all of them where it did not get to begin one
  std::vector<const Cell*> untouched() const;                                       // neither begun nor ended

 private:
  using Clock = std::chrono::steady_clock;

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

}  // namespace winnow
