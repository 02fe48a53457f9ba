#include "harness/app/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "harness/app/output.h"
#include "harness/core/terminal.h"
#include "results/report.h"

namespace winnow {
namespace {

constexpr double kSecondsBetweenTerminalLines = 0.1, kSecondsBetweenLogLines = 30;

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string name_of(const Cell& cell) { return one_line(fmt::format("{} · {} · {}", cell.model, cell.variant, cell.task_label), 1000); }

std::size_t terminal_columns() {
  winsize size = {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

std::string score_text(const Metric& metric) {
  return fmt::format("{}{} {}", metric.name, metric.filter == "none" ? "" : "," + metric.filter, shown_number(metric.value, metric.unit));
}

}  // namespace

std::string shown_count(std::int64_t count) {
  std::string digits = std::to_string(count);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string shown_seconds(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string status_text(const SweepProgress& progress, const Rate& rate) {
  std::string text = fmt::format("{}/{} examples", shown_count(progress.examples_done), shown_count(progress.examples_total));
  if (rate.examples_this_run > 0) {
    const double left =
        static_cast<double>(progress.examples_total - progress.examples_done) * rate.seconds_in_cell / static_cast<double>(rate.examples_this_run);
    const std::size_t cells_after = progress.cells_total - progress.cells_done - 1;
    const double per_cell = rate.seconds_per_other_cell > 0 ? rate.seconds_per_other_cell : rate.seconds_in_cell + left;
    text += fmt::format(", about {} left", shown_seconds(left + static_cast<double>(cells_after) * per_cell));
  }
  if (rate.seconds_in_cell > 0 && rate.tokens_this_run > 0)
    text += fmt::format(", {} tokens/s", shown_count(std::llround(rate.tokens_this_run / rate.seconds_in_cell)));
  if (progress.score) text += fmt::format(", {} so far", score_text(*progress.score));
  return text;
}

Progress::Progress(Talk talk) : talk_(talk) {
  const char* terminal = std::getenv("TERM");
  on_terminal_ = isatty(STDERR_FILENO) && !(terminal && std::string_view(terminal) == "dumb");
}

Progress::~Progress() { clear_line(); }

void Progress::clear_line() {
  if (!std::exchange(line_is_shown_, false)) return;
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, "\r\x1b[K", 4);
}

const Progress::CellStart& Progress::follow(const SweepProgress& progress) {
  if (!cells_at_start_) cells_at_start_ = progress.cells_done;
  const CellStart start{Clock::now(), progress.examples_done, progress.counters.tokens_forwarded};
  const auto [running, is_new] = running_.try_emplace(progress.cell->key, start);
  if (is_new) shown_at_ = start.began;
  return running->second;
}

void Progress::note(const std::string& line) {
  clear_line();
  say(line);
}

void Progress::update(const SweepProgress& progress) {
  if (talk_ == Talk::kQuiet) return;
  const CellStart& start = follow(progress);
  const Clock::time_point now = Clock::now();
  if (seconds_between(shown_at_, now) < (on_terminal_ ? kSecondsBetweenTerminalLines : kSecondsBetweenLogLines)) return;
  shown_at_ = now;
  const std::size_t cells_finished = progress.cells_done - *cells_at_start_;
  const Rate rate{.seconds_in_cell = seconds_between(start.began, now),
                  .examples_this_run = progress.examples_done - start.examples,
                  .tokens_this_run = progress.counters.tokens_forwarded - start.tokens,
                  .seconds_per_other_cell = cells_finished > 0 ? seconds_between(began_, start.began) / static_cast<double>(cells_finished) : 0};
  const std::string line = fmt::format("[{}/{}] {}: {}", progress.cells_done + 1, progress.cells_total, name_of(*progress.cell), status_text(progress, rate));
  if (!on_terminal_) return say(line);
  const std::string shown = "\r" + one_line(line, terminal_columns()) + "\x1b[K";
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, shown.data(), shown.size());
  line_is_shown_ = true;
}

void Progress::end_cell(const Cell& cell, const TrialEnd& end) {
  running_.erase(cell.key);
  if (talk_ == Talk::kQuiet && end.status != TrialStatus::kFailed) return;
  clear_line();
  if (end.status == TrialStatus::kOk) {
    const auto total = end.seconds.find("total");
    say(fmt::format("{}: {}{}", name_of(cell), end.metrics.empty() ? "done" : score_text(end.metrics.front()),
                    total == end.seconds.end() ? "" : fmt::format(" in {}", shown_seconds(total->second))));
  } else {
    const char* what = end.status == TrialStatus::kFailed ? "failed" : end.status == TrialStatus::kSkipped ? "skipped" : "left alone";
    say(fmt::format("{}: {}: {}", name_of(cell), what, one_line(end.reason, 2000)));
  }
}

}  // namespace winnow
