#include <cmath>

#include "harness/core/terminal.h"
#include "results/report.h"
#include "results/stored_values.h"

namespace winnow {
namespace {

std::string csv_text(std::string_view text) {
  std::string field = printable(text);
  if (!text.empty() && std::string_view("=+-@\t\r\n\0", 8).find(text[0]) != std::string_view::npos) field.insert(field.begin(), '\'');
  if (field.find_first_of(",\"\n\t") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char byte : field) {
    if (byte == '"') quoted += '"';
    quoted += byte;
  }
  return quoted + "\"";
}

std::string csv_number(double value) {
  if (std::isnan(value)) return "nan";
  return fmt::format("{}", value);  // the shortest text that reads back as the same double
}

std::string trial_fields(const Trial& trial) {
  return fmt::format("{},{},{},{},{},{},{},{},{}", csv_text(trial.cell.model), csv_text(trial.cell.variant), csv_text(trial.cell.task), csv_text(trial.cell.task_label),
                     status_name(trial.status), csv_text(trial.reason), csv_text(trial.sweep), csv_text(trial.started_at), csv_text(trial.cell.key));
}

}  // namespace

std::string report_csv(const Leaderboard& board) {
  std::string text = "model,variant,task,task_label,status,reason,sweep,started_at,cell_key,leaf,metric,filter,value,stderr,unit,higher_is_better,n,is_headline\n";
  for (const Trial& trial : board.trials) {
    const std::string fields = trial_fields(trial);
    if (trial.metrics.empty()) text += fields + ",,,,,,,,,\n";
    for (const Metric& metric : trial.metrics) {
      text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", fields, csv_text(metric.leaf), csv_text(metric.name), csv_text(metric.filter), csv_number(metric.value),
                          metric.standard_error ? csv_number(*metric.standard_error) : "", csv_text(metric.unit), metric.higher_is_better ? 1 : 0, metric.count,
                          &metric == &trial.metrics.front() ? 1 : 0);
    }
  }
  return text;
}

}  // namespace winnow
