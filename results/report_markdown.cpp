#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "results/measurement_tables.h"
#include "results/report.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

constexpr const char *kNotShown = "~", *kHeldPlace = "\u00a0";

// Numbered notes under the table; equal notes share their number.
class Notes {
 public:
  std::string mark(const std::string& note) {
    const auto found = std::ranges::find(notes_, note);
    const auto number = found - notes_.begin() + 1;
    if (found == notes_.end()) notes_.push_back(note);
    return fmt::format(" \\[{}\\]", number);
  }
  std::string text() const {
    std::string text;
    for (std::size_t i = 0; i < notes_.size(); ++i) text += fmt::format("{}. {}\n", i + 1, notes_[i]);
    return text;
  }

 private:
  std::vector<std::string> notes_;
};

std::string counted(std::int64_t count, const char* one, const char* many) { return fmt::format("{} {}", count, count == 1 ? one : many); }

// What all headlines of a column have in common goes into its heading.
struct Column {
  std::string name, filter;
  bool higher_is_better = true;
  std::int64_t count = 0;
  bool has_any = false, is_same_count = true;
};

Column column_of(const Leaderboard& board, std::size_t task) {
  Column column;
  for (const LeaderboardRow& row : board.rows) {
    const auto& headline = row.cells[task].headline;
    if (!headline) continue;
    if (!column.has_any) column = {headline->name, headline->filter, headline->higher_is_better, headline->count, true, true};
    column.is_same_count = column.is_same_count && column.count == headline->count;
  }
  return column;
}

std::string heading(const std::string& task, const Column& column, Wording wording) {
  if (!column.has_any) return markdown_text(task);
  std::string details = markdown_text(column.name);
  if (column.filter != "none") details += ", " + markdown_text(column.filter);
  if (column.is_same_count)
    details += fmt::format(", {}", wording == Wording::kShort ? fmt::format("n\u00a0=\u00a0{}", column.count) : fmt::format("n = {}", column.count));
  return fmt::format("{} ({}) {}", markdown_text(task), details, column.higher_is_better ? "↑" : "↓");
}

std::string caveat_marks(const Trial& trial, Notes& notes) {
  const Caveats caveats = caveats_of(trial);
  const std::string where =
      fmt::format("{} · {} · {}: ", markdown_text(trial.cell.model), markdown_text(trial.cell.variant), markdown_text(trial.cell.task_label));
  std::vector<std::string> found;
  if (caveats.ties > 0) found.push_back(counted(caveats.ties, "exact tie, decided", "exact ties, decided") + " for the lowest choice");
  if (caveats.prompts_truncated > 0) found.push_back(counted(caveats.prompts_truncated, "prompt", "prompts") + " cut on the left");
  if (caveats.replies_truncated > 0) found.push_back(counted(caveats.replies_truncated, "reply", "replies") + " cut at the token limit");
  std::string marks;
  if (!found.empty()) marks += notes.mark(where + fmt::format("{}", fmt::join(found, "; ")));
  if (caveats.stopped_early) marks += notes.mark(where + markdown_text(trial.reason));
  if (caveats.zeros_in_dense_kernels) marks += notes.mark("zeros in dense kernels: the masked weights are neither smaller in memory nor faster");
  for (const std::string& setting : caveats.generation_settings_ignored) {
    marks += notes.mark(fmt::format("{}: generation_config.json sets {}, which transformers applies to replies and this engine does not",
                                    markdown_text(trial.cell.model), markdown_text(setting)));
  }
  if (!caveats.served_by.empty()) marks += notes.mark(fmt::format("not our engine: answered by {}", markdown_text(caveats.served_by)));
  if (caveats.unverified_data) marks += notes.mark("on unverified data: the files are not the published ones");
  return marks;
}

std::string failure_text(const Trial& trial, Notes& notes) {
  const char* word = trial.status == TrialStatus::kFailed ? "failed" : trial.status == TrialStatus::kSkipped ? "skipped" : "unfinished";
  if (trial.status == TrialStatus::kRunning) return word;
  return word + notes.mark(fmt::format("{} · {} · {}: {}: {}", markdown_text(trial.cell.model), markdown_text(trial.cell.variant),
                                       markdown_text(trial.cell.task_label), word, markdown_text(trial.reason)));
}

std::string change_text(const PairedChange& change, const std::string& unit, Wording wording) {
  const auto number = [&](double value) { return change.is_ratio ? fmt::format("{:.4f}", value) : (value < 0 ? "" : "+") + shown_number(value, unit); };
  if (wording == Wording::kShort)
    return fmt::format(" {} {}{} \\[{}, {}\\]", change.shows_nothing() ? kNotShown : kHeldPlace, change.is_ratio ? "×" : "", number(change.value),
                       number(change.interval.low), number(change.interval.high));
  return fmt::format(" ({}{} \\[{}, {}\\]{})", change.is_ratio ? "×" : "", number(change.value), number(change.interval.low), number(change.interval.high),
                     change.shows_nothing() ? " no difference shown" : "");
}

std::string score_text(const Leaderboard& board, const LeaderboardCell& cell, const Column& column, Wording wording, Notes& notes) {
  if (!cell.trial) return kNothing;
  const Trial& trial = board.trials[*cell.trial];
  if (trial.status != TrialStatus::kOk) return failure_text(trial, notes);
  if (!cell.headline) return kNothing;
  const Metric& metric = *cell.headline;
  std::string text = shown_number(metric.value, metric.unit);
  if (cell.difference) {
    text += change_text(*cell.difference, metric.unit, wording);
  } else if (metric.standard_error && !std::isnan(*metric.standard_error)) {
    text += " ± " + shown_number(*metric.standard_error, metric.unit);
  }
  if (metric.name != column.name || metric.filter != column.filter) text += fmt::format(" ({}, {})", markdown_text(metric.name), markdown_text(metric.filter));
  if (!column.is_same_count) text += fmt::format(" (n = {})", metric.count);
  return text + caveat_marks(trial, notes);
}

std::string cost_heading(const std::string& name) {
  if (name == "peak_bytes") return "peak memory";
  if (name == "device_peak_bytes") return "device peak";
  if (name == "prefill_tokens_per_second") return "prefill tokens/s";
  if (name == "decode_tokens_per_second") return "decode tokens/s";
  std::string words = name;
  std::ranges::replace(words, '_', ' ');
  return words;
}

// Units of what is counted; means of counts have digits behind the point.
bool is_counted(const std::string& unit) {
  constexpr std::array kCounted{"tokens", "examples", "experts", "rows", "matrices", "mark"};
  return std::ranges::find(kCounted, unit) != kCounted.end();
}

std::string legend(const Leaderboard& board, Wording wording) {
  std::string text = "\nBest mean rank over the tasks first. ± is one standard error; ↑ higher is better, ↓ lower is better.\n";
  if (!board.has_differences) return text;
  if (wording == Wording::kShort)
    return text + fmt::format(
                      "After a score its difference from the whole model on the same examples (× of perplexities: how often as much) with its paired "
                      "95 % interval; {}: no difference shown.\n",
                      kNotShown);
  return text + "In brackets the difference from the whole model on the same examples (× of perplexities: how often as much), with its paired 95 % interval.\n";
}

}  // namespace

std::string shown_number(double value, const std::string& unit) {
  if (std::isnan(value)) return "not a number";
  if (std::isinf(value)) return value > 0 ? "∞" : "-∞";
  if (unit == "bytes") {
    constexpr double kMebi = 1024.0 * 1024.0;
    if (value != 0 && std::abs(value) < kMebi) return fmt::format("{:.1f} KiB", value / 1024);
    return std::abs(value) < 1024 * kMebi ? fmt::format("{:.1f} MiB", value / kMebi) : fmt::format("{:.2f} GiB", value / (1024 * kMebi));
  }
  if (unit == "bytes/s") return shown_number(value, "bytes") + "/s";
  if (unit == "parameters") return std::abs(value) < 1e9 ? fmt::format("{:.2f} M", value / 1e6) : fmt::format("{:.2f} B", value / 1e9);
  if (unit == "tokens/s") return fmt::format("{:.1f}", value);
  if (unit == "seconds") return std::abs(value) < 0.1 ? fmt::format("{:.3g}", value) : fmt::format("{:.2f}", value);
  if (is_counted(unit)) return value == std::round(value) ? fmt::format("{:.0f}", value) : fmt::format("{:.2f}", value);
  return std::abs(value) < 1e6 ? fmt::format("{:.4f}", value) : fmt::format("{:.6g}", value);
}

std::string report_markdown(const Leaderboard& board, Wording wording) {
  const std::string measured = measurement_tables(board.trials);
  if (board.rows.empty()) return measured.empty() ? "No trials yet.\n" : measured;
  std::vector<std::string> headings{"model", "variant"}, rules{"---", "---"};
  std::vector<Column> columns;
  for (std::size_t task = 0; task < board.tasks.size(); ++task) {
    columns.push_back(column_of(board, task));
    headings.push_back(heading(board.tasks[task], columns.back(), wording));
    rules.push_back("---:");
  }
  for (const std::string& cost : board.costs) {
    headings.push_back(cost_heading(cost));
    rules.push_back("---:");
  }
  Notes notes;
  std::string text = markdown_line(headings) + markdown_line(rules);
  for (const LeaderboardRow& row : board.rows) {
    std::vector<std::string> fields{markdown_text(row.model), markdown_text(row.variant)};
    for (std::size_t task = 0; task < row.cells.size(); ++task) fields.push_back(score_text(board, row.cells[task], columns[task], wording, notes));
    for (const auto& cost : row.costs) fields.push_back(cost ? shown_number(cost->value, cost->unit) : kNothing);
    text += markdown_line(fields);
  }
  text += legend(board, wording);
  if (board.hidden_trials > 0) text += fmt::format("{} under the same names not shown.\n", counted(board.hidden_trials, "other result", "other results"));
  const std::string numbered = notes.text();
  if (!numbered.empty()) text += "\n" + numbered;
  return measured.empty() ? text : text + "\n" + measured;
}

}  // namespace winnow
