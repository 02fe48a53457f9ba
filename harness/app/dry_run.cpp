#include "harness/app/dry_run.h"

#include <algorithm>
#include <cmath>

#include "harness/app/output.h"
#include "harness/app/progress.h"
#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "results/text_table.h"

namespace winnow {
namespace {

std::string shown_memory(double bytes) {
  const double gibibytes = bytes / (1 << 30);
  return gibibytes < 0.095 ? fmt::format("{:.1f} MiB", bytes / (1 << 20)) : fmt::format("{:.1f} GiB", gibibytes);
}

struct Total {
  double tokens = 0, seconds = 0, bytes = 0;
  std::size_t to_do = 0, without_time = 0;

  void add(const CellEstimate& estimate) {
    ++to_do;
    tokens += estimate.tokens.value_or(0);
    seconds += estimate.seconds.value_or(0);
    bytes = std::max(bytes, estimate.bytes.value_or(0));
    without_time += !estimate.seconds;
  }

  std::string text() const {
    if (to_do == 0) return "nothing left to do\n";
    std::string text = fmt::format("to do: {} cells, {} tokens, {} of memory at most, about {:.3g} hours ({})\n", to_do, shown_count(std::llround(tokens)),
                                   shown_memory(bytes), seconds / 3600, shown_seconds(seconds));
    if (without_time > 0)
      text += fmt::format("of {} cells nothing is known yet: recorded or served answers, and measurements; their time comes on top\n", without_time);
    return text;
  }
};

}  // namespace

void print_dry_run(const DryRunInputs& inputs, Store* store, const std::vector<Cell>& cells) {
  std::set<std::string> finished;
  EstimateInputs asked{.sweep = inputs.sweep, .cells = {}, .trials = {}, .datasets = inputs.datasets, .environment = inputs.environment};
  if (store != nullptr) {
    finished = store->finished_keys();
    asked.trials = store->latest();
  }
  for (const Cell& cell : cells) {
    if (!finished.contains(cell.key)) asked.cells.push_back(&cell);
  }
  const SweepEstimate estimated = estimate(asked);
  TextTable table{.columns = {{"state"}, {"model"}, {"variant"}, {"task"}, {"key"}, {"tokens", true}, {"memory", true}, {"time", true}}, .rows = {}};
  Total total;
  auto next = estimated.cells.begin();
  for (const Cell& cell : cells) {
    const bool is_done = finished.contains(cell.key);
    table.rows.push_back(
        {is_done ? "done" : "to do", one_line(cell.model, 60), one_line(cell.variant, 60), one_line(cell.task_label, 80), cell.key.substr(0, 12), "", "", ""});
    if (is_done) continue;
    std::vector<std::string>& row = table.rows.back();
    row[5] = next->tokens ? shown_count(std::llround(*next->tokens)) : "–";
    row[6] = next->bytes ? shown_memory(*next->bytes) : "–";
    row[7] = next->seconds ? shown_seconds(*next->seconds) : "–";
    total.add(*next++);
  }
  write_text(laid_out(table, kAnyWidth, SharedNames::kInRows) +
             fmt::format("grid {}: {} cells, {} done\n", inputs.grid_sha256.substr(0, 12), cells.size(), cells.size() - total.to_do) + total.text());
  for (const std::string& source : estimated.sources) say("winnow: estimate for " + source);
  say(fmt::format("winnow: {} cells, {} of them done; nothing was run", cells.size(), cells.size() - total.to_do));
}

}  // namespace winnow
