#include "results/report.h"
#include "results/stored_values.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

std::string trial_fields(const Trial& trial) {
  return fmt::format("{},{},{},{},{},{},{},{},{}", csv_text(trial.cell.model), csv_text(trial.cell.variant), csv_text(trial.cell.task),
                     csv_text(trial.cell.task_label), status_name(trial.status), csv_text(trial.reason), csv_text(trial.sweep), csv_text(trial.started_at),
                     csv_text(trial.cell.key));
}

}  // namespace

std::string report_csv(const Leaderboard& board) {
  std::string text =
      "model,variant,task,task_label,status,reason,sweep,started_at,cell_key,leaf,metric,filter,value,stderr,unit,higher_is_better,n,is_headline\n";
  for (const Trial& trial : board.trials) {
    const std::string fields = trial_fields(trial);
    if (trial.metrics.empty()) text += fields + ",,,,,,,,,\n";
    for (const Metric& metric : trial.metrics) {
      text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", fields, csv_text(metric.leaf), csv_text(metric.name), csv_text(metric.filter),
                          csv_number(metric.value), metric.standard_error ? csv_number(*metric.standard_error) : "", csv_text(metric.unit),
                          metric.higher_is_better ? 1 : 0, metric.count, &metric == &trial.metrics.front() ? 1 : 0);
    }
  }
  return text;
}

}  // namespace winnow
