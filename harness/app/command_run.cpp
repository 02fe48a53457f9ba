#include <ATen/Parallel.h>

#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/environment.h"
#include "harness/app/open_model.h"
#include "harness/app/output.h"
#include "harness/app/progress.h"
#include "harness/app/stop_signals.h"
#include "harness/app/sweep_options.h"
#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "harness/sweep/surroundings.h"
#include "results/board.h"
#include "results/report.h"
#include "results/store.h"

namespace winnow {
namespace {

struct RunOptions {
  SweepOptions sweep;
  std::string store;
  bool dry_run = false, quiet = false;
  std::vector<std::string> command_line;
};

std::filesystem::path store_file(const RunOptions& options, const Sweep& sweep) {
  return options.store.empty() ? std::filesystem::path(options.sweep.file).parent_path() / (sweep.name + ".sqlite") : std::filesystem::path(options.store);
}

std::string shell_quoted(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:@%+,";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

std::string shown_command(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + shell_quoted(word);
  return line;
}

int dry_run(const std::filesystem::path& store, const std::vector<Cell>& cells) {
  std::set<std::string> finished;
  if (std::filesystem::exists(store)) finished = Store::open_read_only(store).finished_keys();
  std::string table = "state  model  variant  task  key\n";
  std::size_t done = 0;
  for (const Cell& cell : cells) {
    done += finished.contains(cell.key);
    table += fmt::format("{}  {}  {}  {}  {}\n", finished.contains(cell.key) ? "done" : "to do", one_line(cell.model, 60), one_line(cell.variant, 60),
                         one_line(cell.task_label, 80), cell.key.substr(0, 12));
  }
  write_text(table);
  say(fmt::format("winnow: {} cells, {} of them done; nothing was run", cells.size(), done));
  return kExitOk;
}

// Of the sweep's own cells only: a store may hold others.
std::string leaderboard_of(Store& store, const std::vector<Cell>& cells) {
  std::set<std::string> keys;
  for (const Cell& cell : cells) keys.insert(cell.key);
  return report_markdown(board_of({&store, 1}, keys));
}

void tell_outcome(const SweepOutcome& outcome, std::size_t cells) {
  if (outcome.already_done == cells) return say(fmt::format("winnow: all {} cells are done", cells));
  std::string text = fmt::format("winnow: {} of {} cells ran", outcome.ran, cells);
  const auto add = [&](std::size_t count, const char* what) {
    if (count > 0) text += fmt::format(", {} {}", count, what);
  };
  add(outcome.already_done, "were done before");
  add(outcome.failed, "failed");
  add(outcome.skipped, "skipped");
  add(outcome.elsewhere, "left to another process");
  say(text);
}

int run(const RunOptions& options) {
  const Sweep sweep = options.sweep.read();
  const int threads = sweep.threads > 0 ? sweep.threads : usable_cores();
  at::set_num_threads(threads);
  const std::unique_ptr<DatasetSource> datasets = options.sweep.open_data();
  const std::filesystem::path file = store_file(options, sweep);
  const std::unique_ptr<ModelOpener> opener = make_model_opener({.device = sweep.device,
                                                                 .token_budget = sweep.token_budget,
                                                                 .datasets = datasets.get(),
                                                                 .cache = std::filesystem::path(file).replace_extension(".cache")});
  const std::vector<Cell> cells = expand(sweep, *opener, *datasets);
  check_variants(sweep, *opener);
  if (options.dry_run) return dry_run(file, cells);

  Store store = Store::open(file);
  store.start_sweep(sweep.name, canonical_json(sweep.file), cells);
  SweepOutcome outcome;
  {
    const StopSignals signals;
    Progress progress(options.quiet ? Progress::Talk::kQuiet : Progress::Talk::kNormal);
    RunControls controls{.should_stop = StopSignals::arrived,
                         .on_progress = [&](const SweepProgress& now) { progress.update(now); },
                         .on_cell_end = [&](const Cell& cell, const TrialEnd& end) { progress.end_cell(cell, end); }};
    controls.environment = environment_of(sweep, threads, options.command_line);
    outcome = run_sweep(sweep, cells, *opener, *datasets, store, controls);
  }
  if (outcome.stopped) {
    say(fmt::format("winnow: stopped; everything answered so far is saved in {}. Go on with:\n  {}", file.string(), shown_command(options.command_line)));
    return StopSignals::exit_code();
  }
  tell_outcome(outcome, cells.size());
  write_text(leaderboard_of(store, cells));
  return outcome.failed > 0 ? kExitSomeFailed : kExitOk;
}

}  // namespace

void add_run_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* command =
      program.add_subcommand("run",
                             "Runs what a sweep file asks for and prints the leaderboard; the same command again goes on where it was stopped.\n\nExamples:\n"
                             "  winnow run sweep.json --data datasets\n  winnow run sweep.json --set models[0].dtype=bf16 --dry-run\n");
  options->sweep.add_to(*command);
  command->add_option("--store", options->store, "SQLite file of the results; default: NAME.sqlite beside the sweep file")->type_name("FILE");
  command->add_flag("--dry-run", options->dry_run, "check everything, list the cells, run none");
  command->add_flag("--quiet", options->quiet, "no progress on standard error");
  command->callback([options, &invocation] {
    options->command_line = invocation.command_line;
    invocation.action = [options] { return run(*options); };
  });
}

}  // namespace winnow
