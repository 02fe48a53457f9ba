#include "results/measurement_tables.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "results/report.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

// As the report's other tables have it, but for ratios and numbers whose first digit may stand far behind the point.
std::string shown_value(double value, const std::string& unit) {
  if (unit == "nats" && std::isfinite(value)) return fmt::format("{:.3g}", value);
  if (unit == "ratio") return fmt::format("{:.2f}", value);
  return shown_number(value, unit);
}

std::string shown(const Metric* metric) {
  if (metric == nullptr) return kNothing;
  std::string text = shown_value(metric->value, metric->unit);
  if (metric->standard_error && !std::isnan(*metric->standard_error)) text += " ± " + shown_value(*metric->standard_error, metric->unit);
  return text;
}

// One column: its heading, and the text for a trial (of one part of it: "batch_8").
struct MeasuredColumn {
  std::string heading;
  std::function<std::string(const Trial& trial, const std::string& leaf)> text;
};

MeasuredColumn plain(std::string heading, std::string name) {
  return {std::move(heading), [name](const Trial& trial, const std::string& leaf) { return shown(find_metric(trial, name, leaf)); }};
}

// "12.0 (11.5–12.1)"
MeasuredColumn ranged(std::string heading, std::string name) {
  return {std::move(heading), [name](const Trial& trial, const std::string& leaf) -> std::string {
            const Metric *middle = find_metric(trial, name, leaf), *low = find_metric(trial, name + "_low", leaf),
                         *high = find_metric(trial, name + "_high", leaf);
            if (middle == nullptr || low == nullptr || high == nullptr) return shown(middle);
            return fmt::format("{} ({}–{})", shown(middle), shown(low), shown(high));
          }};
}

MeasuredColumn before_and_after(std::string heading, std::string name) {
  return {std::move(heading), [name](const Trial& trial, const std::string& leaf) -> std::string {
            const Metric *after = find_metric(trial, name, leaf), *before = find_metric(trial, name + "_before", leaf);
            return before == nullptr ? shown(after) : fmt::format("{} → {}", shown(before), shown(after));
          }};
}

struct TableForm {
  std::string task;
  std::vector<MeasuredColumn> columns;
  std::string lines_of = {};  // a metric: one line for each leaf "batch_…" that has it; empty: one line a trial
};

const std::vector<TableForm>& table_forms() {
  static const std::vector<TableForm> forms = {
      {"footprint",
       {plain("stored", "stored_bytes"), plain("resident", "resident_bytes"), plain("KV a token", "kv_bytes_per_token"),
        plain("peak anonymous", "peak_anonymous_bytes"), plain("peak file", "peak_file_bytes"), plain("device peak", "device_peak_bytes"),
        plain("parameters", "parameters"), plain("active", "active_parameters"), plain("sparsity", "realised_sparsity"),
        before_and_after("excess kurtosis", "excess_kurtosis")}},
      {"speed",
       {ranged("prefill tokens/s", "prefill_tokens_per_second"), ranged("decode tokens/s", "decode_tokens_per_second"),
        ranged("decode against dense", "decode_speed_ratio"), plain("experts touched a step", "experts_touched"),
        plain("expert rows a step", "expert_rows_per_step"), plain("weights read a step", "weight_bytes_per_step")},
       "decode_tokens_per_second"},
      {"divergence",
       {plain("KL mean", "kl_divergence"), plain("median", "kl_divergence_median"), plain("90 %", "kl_divergence_p90"), plain("99 %", "kl_divergence_p99"),
        plain("99.9 %", "kl_divergence_p999"), plain("max", "kl_divergence_max"), plain("same top token", "same_top"),
        plain("Δp 5 %", "probability_change_p05"), plain("Δp 95 %", "probability_change_p95"), plain("ratio of perplexities", "perplexity_ratio")}},
      {"reconstruction_error",
       {plain("error, dense inputs", "reconstruction_error"), plain("error, own inputs", "reconstruction_error_own"),
        before_and_after("load entropy", "load_entropy"), before_and_after("dead experts", "dead_experts")}},
  };
  return forms;
}

// What is known of other measurements: the headline.
TableForm form_of(const std::string& task) {
  const auto found = std::ranges::find(table_forms(), task, &TableForm::task);
  if (found != table_forms().end()) return *found;
  return {task, {{"result", [](const Trial& trial, const std::string&) {
                    return trial.metrics.empty() ? std::string(kNothing) : markdown_text(trial.metrics.front().name) + " " + shown(&trial.metrics.front());
                  }}}};
}

class Table {
 public:
  explicit Table(TableForm form) : form_(std::move(form)) {}

  void add(const Trial& trial) {
    if (trial.status != TrialStatus::kOk) return add_failure(trial);
    if (form_.lines_of.empty()) return add_line(trial, "");
    for (const Metric& metric : trial.metrics) {
      if (metric.name == form_.lines_of && !metric.leaf.empty()) add_line(trial, metric.leaf);
    }
  }

  std::string text(const std::string& title) const {
    std::vector<bool> is_used(form_.columns.size(), false);
    for (const Line& line : lines_) {
      for (std::size_t i = 0; i < line.numbers.size(); ++i) is_used[i] = is_used[i] || line.numbers[i] != kNothing;
    }
    std::vector<std::string> headings{"model", "variant"}, rules{"---", "---"};
    if (!form_.lines_of.empty()) {
      headings.push_back("batch");
      rules.push_back("---");  // it names a line
    }
    for (std::size_t i = 0; i < form_.columns.size(); ++i) {
      if (!is_used[i]) continue;
      headings.push_back(form_.columns[i].heading);
      rules.push_back("---:");
    }
    std::string text = "**" + markdown_text(title) + "**\n\n" + markdown_line(headings) + markdown_line(rules);
    for (const Line& line : lines_) {
      std::vector<std::string> fields = line.names;
      for (std::size_t i = 0; i < line.numbers.size(); ++i) {
        if (is_used[i]) fields.push_back(line.numbers[i]);
      }
      fields.resize(headings.size());  // a failure has no numbers
      text += markdown_line(fields);
    }
    if (!notes_.empty()) text += "\n";
    for (std::size_t i = 0; i < notes_.size(); ++i) text += fmt::format("{}. {}\n", i + 1, markdown_text(notes_[i]));
    return text;
  }

 private:
  struct Line {
    std::vector<std::string> names, numbers;
  };

  std::string mark(const std::string& note) {
    if (note.empty()) return "";
    const auto found = std::ranges::find(notes_, note);
    const auto number = found - notes_.begin() + 1;
    if (found == notes_.end()) notes_.push_back(note);
    return fmt::format(" \\[{}\\]", number);
  }

  void add_line(const Trial& trial, const std::string& leaf) {
    const Metric* contended = find_metric(trial, "contended");
    const bool is_contended = contended != nullptr && contended->value > 0;
    Line line{.names = {markdown_text(trial.cell.model), markdown_text(trial.cell.variant) + (is_contended ? " (contended)" : "") + mark(trial.reason)},
              .numbers = {}};
    if (!form_.lines_of.empty()) line.names.push_back(markdown_text(leaf.substr(leaf.rfind('_') + 1)));
    for (const MeasuredColumn& column : form_.columns) line.numbers.push_back(column.text(trial, leaf));
    lines_.push_back(std::move(line));
  }

  void add_failure(const Trial& trial) {
    const char* word = trial.status == TrialStatus::kFailed ? "failed" : trial.status == TrialStatus::kSkipped ? "skipped" : "unfinished";
    lines_.push_back(
        {.names = {markdown_text(trial.cell.model), fmt::format("{} ({}){}", markdown_text(trial.cell.variant), word, mark(trial.reason))}, .numbers = {}});
  }

  TableForm form_;
  std::vector<Line> lines_;
  std::vector<std::string> notes_;
};

}  // namespace

bool is_measurement(const Trial& trial) { return object_in(trial.cell.identity, "task").contains("measures"); }

std::string measurement_tables(std::span<const Trial> trials) {
  std::vector<std::pair<std::string, Table>> tables;  // by label
  for (const Trial& trial : trials) {
    if (!is_measurement(trial)) continue;
    auto table = std::ranges::find(tables, trial.cell.task_label, &std::pair<std::string, Table>::first);
    if (table == tables.end()) table = tables.insert(tables.end(), {trial.cell.task_label, Table(form_of(trial.cell.task))});
    table->second.add(trial);
  }
  std::string text;
  for (const auto& [label, table] : tables) text += (text.empty() ? "" : "\n") + table.text(label);
  return text;
}

}  // namespace winnow
