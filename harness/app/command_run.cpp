#include <ATen/Parallel.h>

#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/dry_run.h"
#include "harness/app/environment.h"
#include "harness/app/open_model.h"
#include "harness/app/output.h"
#include "harness/app/progress.h"
#include "harness/app/shell_words.h"
#include "harness/app/slurm_script.h"
#include "harness/app/stop_signals.h"
#include "harness/app/sweep_options.h"
#include "harness/app/worker_seats.h"
#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "harness/core/unicode.h"
#include "harness/sweep/grid_difference.h"
#include "harness/sweep/run_workers.h"
#include "harness/sweep/shard.h"
#include "harness/sweep/surroundings.h"
#include "harness/sweep/worker_messages.h"
#include "results/board.h"
#include "results/report.h"
#include "results/store.h"

namespace winnow {
namespace {

struct RunOptions {
  SweepOptions sweep;
  std::string store, shard, retry, expected_grid;
  int workers = 1;
  bool dry_run = false, quiet = false, print_slurm = false;
  SlurmOptions slurm;
  std::vector<std::string> command_line;
};

std::filesystem::path store_file(const RunOptions& options, const Sweep& sweep) {
  return options.store.empty() ? std::filesystem::path(options.sweep.file).parent_path() / (sweep.name + ".sqlite") : std::filesystem::path(options.store);
}

// Workers are told their paths as JSON.
void refuse_bytes_that_are_no_text(const RunOptions& options, const std::filesystem::path& store) {
  for (const std::string& path : {options.sweep.file, options.sweep.data.folder(), store.string()}) {
    if (!is_valid_utf8(path))
      throw usage_error("{}: the path is not UTF-8, so it cannot be handed to the processes that run the cells; give it another name", path);
  }
}

// How the grid differs from the one that the store holds of this sweep.
void tell_difference(Store& store, const Sweep& sweep, const std::vector<Cell>& grid) {
  constexpr std::size_t kMaxLines = 20;
  const std::vector<Cell> before = store.frozen_cells(sweep.name);
  const GridDifference difference = before.empty() ? GridDifference{} : grid_difference(before, grid);
  if (difference.empty()) return;
  say(
      fmt::format("winnow: the sweep has changed since it was last run into {}: {} cells are the same, {} new, {} changed, {} gone; results of what is gone "
                  "stay in the store",
                  store.file().string(), difference.same, difference.added, difference.changed, difference.gone));
  for (std::size_t i = 0; i < difference.lines.size() && i < kMaxLines; ++i) say("  " + one_line(difference.lines[i], 500));
  if (difference.lines.size() > kMaxLines) say(fmt::format("  and {} more", difference.lines.size() - kMaxLines));
}

void check_expected_grid(const RunOptions& options, const std::vector<Cell>& grid) {
  const std::string digest = grid_sha256(grid);
  if (options.expected_grid.empty() || options.expected_grid == digest) return;
  throw input_error("{}: its grid is now {} of {} cells, and {} was expected: the sweep, a model or data have changed since; print the script again",
                    options.sweep.file, digest.substr(0, 12), grid.size(), options.expected_grid.substr(0, 12));
}

// The cells this process is for. No store: nothing has failed yet.
std::vector<Cell> chosen_cells(const RunOptions& options, Store* store, const std::vector<Cell>& grid) {
  std::vector<Cell> cells = options.shard.empty() ? grid : cells_of_shard(grid, parse_shard(options.shard));
  if (options.retry.empty()) return cells;
  const std::set<std::string> failed = store == nullptr ? std::set<std::string>{} : store->failed_keys();
  std::erase_if(cells, [&](const Cell& cell) { return !failed.contains(cell.key); });
  return cells;
}

int dry_run(const RunOptions& options, const DryRunInputs& inputs, const std::vector<Cell>& grid) {
  std::optional<Store> store;
  if (std::filesystem::exists(inputs.store) && std::filesystem::file_size(inputs.store) > 0) store.emplace(Store::open_read_only(inputs.store));
  if (store) tell_difference(*store, inputs.sweep, grid);
  print_dry_run(inputs, store ? &*store : nullptr, chosen_cells(options, store ? &*store : nullptr, grid));
  return kExitOk;
}

int print_slurm(const RunOptions& options, const Sweep& sweep, const std::filesystem::path& file, const std::vector<Cell>& grid) {
  constexpr std::size_t kMaxTasks = 64;
  std::set<std::pair<std::size_t, std::size_t>> variants;
  for (const Cell& cell : grid) variants.emplace(cell.model_index, cell.variant_index);
  SlurmSweep about{.name = sweep.name,
                   .program = std::filesystem::read_symlink("/proc/self/exe"),
                   .folder = std::filesystem::current_path(),
                   .run_words = {options.sweep.file},
                   .store = file};
  const DataOptions& data = options.sweep.data;
  if (const std::string folder = data.folder(); !folder.empty()) about.run_words.insert(about.run_words.end(), {"--data", folder});
  if (data.unverified_data) about.run_words.push_back("--unverified-data");
  for (const std::string& change : options.sweep.overrides) about.run_words.insert(about.run_words.end(), {"--set", change});
  if (options.workers > 1) about.run_words.insert(about.run_words.end(), {"--workers", std::to_string(options.workers)});
  about.grid_sha256 = grid_sha256(grid);
  about.cells = grid.size();
  about.tasks = std::min(options.slurm.tasks > 0 ? options.slurm.tasks : std::min(variants.size(), kMaxTasks), grid.size());
  write_output(slurm_script(about, options.slurm));
  return kExitOk;
}

// Of the sweep's own cells only: a store may hold others.
std::string leaderboard_of(Store& store, const std::vector<Cell>& cells) {
  std::set<std::string> keys;
  for (const Cell& cell : cells) keys.insert(cell.key);
  return report_for_eyes(board_of({&store, 1}, keys), report_format(""));
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

// A line of a worker's order and what it runs with.
std::string order_line(const RunOptions& options, const Sweep& sweep, const std::filesystem::path& store, const Json& environment,
                       const Assignment& assignment) {
  WorkOrder order{.sweep_json = canonical_json(sweep.file),
                  .folder = std::filesystem::path(options.sweep.file).parent_path().string(),
                  .data = options.sweep.data.folder()};
  order.takes_unverified_data = options.sweep.data.unverified_data;
  order.store = store.string();
  order.cache = std::filesystem::path(store).replace_extension(".cache").string();
  order.device = assignment.seat.device;
  order.threads = assignment.seat.threads;
  order.token_budget = assignment.token_budget;
  order.environment = environment;
  order.environment["device"] = order.device;
  order.environment["threads"] = order.threads;
  order.environment["token_budget"] = order.token_budget;
  order.cells = assignment.cells;
  return to_line(order);
}

SweepOutcome run_in_workers(const RunOptions& options, const Sweep& sweep, const std::vector<Cell>& cells, Store& store, const Json& environment) {
  const StopSignals signals;
  Progress progress(options.quiet ? Progress::Talk::kQuiet : Progress::Talk::kNormal);
  RunControls controls{.should_stop = StopSignals::arrived,
                       .on_progress = [&](const SweepProgress& now) { progress.update(now); },
                       .on_cell_end = [&](const Cell& cell, const TrialEnd& end) { progress.end_cell(cell, end); }};
  controls.environment = environment;
  WorkersSetup setup{.command = {std::filesystem::read_symlink("/proc/self/exe").string(), "worker"},
                     .seats = deal_seats(options.workers, sweep),
                     .alone = deal_seats(1, sweep).front()};
  setup.order = [&](const Assignment& assignment) { return order_line(options, sweep, store.file(), environment, assignment); };
  setup.on_line = [&](const std::string& line) { progress.note("winnow: worker: " + one_line(line, 2000)); };
  setup.token_budget = sweep.token_budget;
  setup.limits = sweep.limits;
  return run_workers(cells, store, controls, setup);
}

int run(const RunOptions& options) {
  if (!options.shard.empty()) parse_shard(options.shard);
  const Sweep sweep = options.sweep.read();
  const std::filesystem::path file = store_file(options, sweep);
  refuse_bytes_that_are_no_text(options, file);
  const bool is_talk = options.dry_run || options.print_slurm;  // may happen where the device is not: on a cluster's login node
  if (!is_talk) Store::check_place(file);
  const int threads = sweep.threads > 0 ? sweep.threads : usable_cores();
  at::set_num_threads(threads);
  const std::unique_ptr<DatasetSource> datasets = options.sweep.open_data();
  const std::unique_ptr<ModelOpener> opener = make_model_opener({.device = is_talk ? "cpu" : sweep.device,
                                                                 .token_budget = sweep.token_budget,
                                                                 .datasets = datasets.get(),
                                                                 .cache = std::filesystem::path(file).replace_extension(".cache")});
  const std::vector<Cell> grid = expand(sweep, *opener, *datasets);
  check_variants(sweep, grid, *opener);
  if (options.print_slurm) return print_slurm(options, sweep, file, grid);
  check_expected_grid(options, grid);
  const Json environment = environment_of(sweep, threads, options.command_line);
  if (options.dry_run)
    return dry_run(options, {.sweep = sweep, .store = file, .grid_sha256 = grid_sha256(grid), .datasets = *datasets, .environment = environment}, grid);

  Store store = Store::open(file);
  tell_difference(store, sweep, grid);
  store.start_sweep(sweep.name, canonical_json(sweep.file), grid);
  const std::vector<Cell> cells = chosen_cells(options, &store, grid);
  if (cells.empty()) {
    say(options.retry.empty() ? "winnow: this shard has no cells" : "winnow: no cell of the sweep has failed");
    return kExitOk;
  }
  const SweepOutcome outcome = run_in_workers(options, sweep, cells, store, environment);
  if (outcome.stopped) {
    say(fmt::format("winnow: stopped; everything answered so far is saved in {}. Go on with:\n  {}", file.string(), shown_command(options.command_line)));
    return StopSignals::exit_code();
  }
  tell_outcome(outcome, cells.size());
  write_text(leaderboard_of(store, cells));
  return outcome.failed > 0 ? kExitSomeFailed : kExitOk;
}

void add_slurm_options(CLI::App& command, RunOptions& options) {
  CLI::Option* print =
      command.add_flag("--print-slurm", options.print_slurm, "print an sbatch script that runs the sweep as an array of shards, and run nothing");
  const auto add = [&](CLI::Option* option) { option->needs(print)->group("With --print-slurm"); };
  add(command.add_option("--gpus", options.slurm.gpus, "GPUs of each task")->check(CLI::Range(1, 64)));
  add(command.add_option("--time", options.slurm.time, "limit of each task, such as 4:00:00; one that runs into it is requeued and goes on"));
  add(command.add_option("--partition", options.slurm.partition, "partition to run in"));
  add(command.add_option("--account", options.slurm.account, "account to charge"));
  add(command.add_option("--cpus", options.slurm.cpus, "CPU cores of each task")->check(CLI::Range(1, 4096)));
  add(command.add_option("--mem", options.slurm.memory, "memory of each task, such as 64G"));
  add(command.add_option("--tasks", options.slurm.tasks, "tasks of the array; default: one for each model and variant, at most 64")
          ->check(CLI::Range(1, 100000)));
  add(command.add_option("--at-once", options.slurm.at_once, "tasks that may run side by side")->check(CLI::Range(1, 100000)));
  add(command.add_option("--sbatch", options.slurm.more, "a further sbatch option, such as --sbatch=--constraint=h100")->take_all()->expected(1));
}

}  // namespace

void add_run_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* command =
      program.add_subcommand("run",
                             "Runs what a sweep file asks for and prints the leaderboard; the same command again goes on where it was stopped.\n\nExamples:\n"
                             "  winnow run sweep.json --data datasets\n  winnow run sweep.json --set models[0].dtype=bf16 --dry-run\n"
                             "  winnow run sweep.json --retry failed\n  winnow run sweep.json --print-slurm --gpus 1 --time 4:00:00 > sweep.sbatch\n");
  options->sweep.add_to(*command);
  command->add_option("--store", options->store, "SQLite file of the results; default: NAME.sqlite beside the sweep file")->type_name("FILE");
  command->add_flag("--dry-run", options->dry_run, "check everything, list the cells with what they will take, run none");
  command->add_option("--retry", options->retry, "failed: run only the cells whose newest trial failed")->check(CLI::IsMember({"failed"}));
  command->add_option("--shard", options->shard, "run part I of N of the grid, such as 3/8; join the stores with winnow import")->type_name("I/N");
  command->add_option("--expect-grid", options->expected_grid, "run nothing unless the grid has this sha256")->type_name("SHA256");
  command->add_option("--workers", options->workers, "variants run side by side, each in its process with its share of the cores, or a GPU in turn")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--quiet", options->quiet, "no progress on standard error");
  add_slurm_options(*command, *options);
  command->callback([options, &invocation] {
    options->command_line = invocation.command_line;
    invocation.action = [options] { return run(*options); };
  });
}

}  // namespace winnow
