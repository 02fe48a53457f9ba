#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "harness/sweep/run_sweep.h"

namespace winnow {

// Tells on standard error how a sweep goes: on a terminal one line that is written over, at most ten times a second; elsewhere a line per
// finished cell, and one every 30 seconds in between. What a cell ended with always stays.
class Progress {
 public:
  enum class Talk { kQuiet, kNormal };
  explicit Progress(Talk talk);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(const SweepProgress& progress);
  void note(const std::string& line);  // a line that stays
  void end_cell(const Cell& cell, const TrialEnd& end);

 private:
  using Clock = std::chrono::steady_clock;
  struct CellStart {
    Clock::time_point began;
    std::size_t examples;
    std::int64_t tokens;
  };
  const CellStart& follow(const SweepProgress& progress);
  void clear_line();

  Talk talk_;
  bool on_terminal_, line_is_shown_ = false;
  Clock::time_point shown_at_{}, began_ = Clock::now();
  std::map<std::string, CellStart> running_;  // by key: several at a time where there are workers
  std::optional<std::size_t> cells_at_start_;
};

// "1,234", "12 s", "3 min 10 s", "2 h 5 min": as people read them.
std::string shown_count(std::int64_t count);
std::string shown_seconds(double seconds);

// The status line without its cell: "12/40 examples, about 3 min 10 s left, 1,234 tokens/s, acc 0.4500 so far" (a narrow terminal cuts the end).
struct Rate {
  double seconds_in_cell = 0;
  std::size_t examples_this_run = 0;
  std::int64_t tokens_this_run = 0;
  double seconds_per_other_cell = 0;  // mean of the finished ones; 0: none yet
};
std::string status_text(const SweepProgress& progress, const Rate& rate);

}  // namespace winnow
