#include "harness/sweep/worker.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "harness/core/clock.h"

namespace winnow {
namespace {

using Said = WorkerMessage::Kind;
constexpr std::size_t kLastWords = 8;
constexpr double kSecondsToEnd = 60;  // after its last word

}  // namespace

Worker::Worker(Portion portion, std::size_t seat, const WorkersSetup& setup, const WorkerSeat& on)
    : portion_(std::move(portion)), seat_(seat), process_({.command = setup.command, .processors = on.processors, .memory_bytes = setup.limits.memory_bytes}) {
  Assignment assignment{
      .cells = {}, .seat = on, .token_budget = portion_.has_half_budget ? std::max<std::int64_t>(1, setup.token_budget / 2) : setup.token_budget};
  for (const Cell* cell : portion_.cells) assignment.cells.push_back(*cell);
  process_.send(setup.order(assignment));
}

bool Worker::is_left_to_others(const WorkerMessage& message) { return message.kind == Said::kEnd && message.status == TrialStatus::kRunning; }

void Worker::hear(const WorkerMessage& message) {
  heard_at_ = Clock::now();
  if (is_left_to_others(message)) return;
  if (message.kind == Said::kBegin || message.kind == Said::kEnd) began_at_ = heard_at_;
  if (message.kind == Said::kBegin) open_.insert(message.cell);
  if (message.kind == Said::kEnd) {
    open_.erase(message.cell);
    ended_.insert(message.cell);
    if (message.status == TrialStatus::kFailed && is_out_of_memory(message.reason)) out_of_memory_.push_back(portion_.cells.at(message.cell));
  }
  if (message.kind >= Said::kFinished) last_word_ = message;
}

void Worker::keep_line(const std::string& line) {
  if (line.empty()) return;
  lines_.push_back(line.substr(0, 500));
  if (lines_.size() > kLastWords) lines_.pop_front();
}

// What was answered is to be saved. Before its first cell there is nothing: a model may take hours to be opened and pruned.
void Worker::stop() { open_.empty() && ended_.empty() ? process_.kill() : process_.close_input(); }

void Worker::kill_if_overdue(const Limits& limits, double grace_seconds) {
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

std::string Worker::death(const ChildProcess::End& end) const {
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

bool Worker::died_of_memory(const ChildProcess::End& end) const {
  if (!why_killed_.empty()) return false;
  return end.signal == SIGKILL ||
         std::ranges::any_of(lines_, [](const std::string& line) { return is_out_of_memory(line) || line.find("bad_alloc") != std::string::npos; });
}

std::vector<const Cell*> Worker::struck() const {
  if (open_.empty() && ended_.empty()) return portion_.cells;
  std::vector<const Cell*> cells;
  for (const std::size_t i : open_) cells.push_back(portion_.cells[i]);
  return cells;
}

std::vector<const Cell*> Worker::untouched() const {
  std::vector<const Cell*> cells;
  for (std::size_t i = 0; i < portion_.cells.size(); ++i) {
    if (!ended_.contains(i) && !open_.contains(i)) cells.push_back(portion_.cells[i]);
  }
  return cells;
}

}  // namespace winnow
