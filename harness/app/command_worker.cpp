#include <ATen/Parallel.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cerrno>
#include <set>

#include "harness/app/commands.h"
#include "harness/app/open_model.h"
#include "harness/app/sweep_options.h"
#include "harness/core/error.h"
#include "harness/sweep/data_folder.h"
#include "harness/sweep/worker_messages.h"
#include "results/store.h"

namespace winnow {
namespace {

constexpr int kMessages = 3;

// The first line of standard input. The sweep writes nothing after it, and closes its end to say: stop.
std::string read_order() {
  std::string line;
  char buffer[65536];
  while (line.empty() || line.back() != '\n') {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw usage_error("worker: an order is expected on standard input; `winnow run` starts workers by itself");
    line.append(buffer, static_cast<std::size_t>(count));
  }
  return line;
}

bool is_asked_to_stop() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return ::poll(&input, 1, 0) > 0;
}

void send(const WorkerMessage& message) {
  const std::string line = to_line(message);
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t written = ::write(kMessages, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return;  // nobody listens: the sweep has ended, and its end ends this process
    left.remove_prefix(static_cast<std::size_t>(written));
  }
}

// What the keys of the cells say must still hold: hours may lie between the sweep's start and a worker's.
void check_unchanged(const WorkOrder& order, const Sweep& sweep, ModelOpener& opener, DatasetSource& datasets) {
  std::set<std::size_t> tasks;
  for (const Cell& cell : order.cells) {
    if (!tasks.insert(cell.task_index).second) continue;
    const ModelSpec& model = sweep.models.at(cell.model_index);
    for (const char* digest : {"content_sha256", "recorded_sha256"}) {
      if (cell.identity["model"].contains(digest) && cell.identity["model"][digest] != opener.identify(model).content_sha256)
        throw input_error("model '{}' has changed since the sweep began; run the same command again", model.name);
    }
    for (const Json& part : cell.identity["task"].value("data", Json::array())) {
      const DatasetPart read{.dataset = part.at("dataset"), .split = part.at("split"), .subset = part.at("subset")};
      if (datasets.read(read).sha256 != part.at("sha256"))
        throw input_error("data set {} has changed since the sweep began; run the same command again", read.dataset);
    }
  }
}

RunControls controls_of(const WorkOrder& order) {
  const auto index_of = [&order](const Cell& cell) { return static_cast<std::size_t>(&cell - order.cells.data()); };
  RunControls controls;
  controls.environment = order.environment;
  controls.should_stop = is_asked_to_stop;
  controls.on_cell_begin = [index_of](const Cell& cell) { send({.kind = WorkerMessage::Kind::kBegin, .cell = index_of(cell)}); };
  controls.on_progress = [index_of](const SweepProgress& progress) {
    send({.kind = WorkerMessage::Kind::kProgress,
          .cell = index_of(*progress.cell),
          .examples_done = progress.examples_done,
          .examples_total = progress.examples_total,
          .tokens_forwarded = progress.counters.tokens_forwarded,
          .score = progress.score});
  };
  controls.on_cell_end = [index_of](const Cell& cell, const TrialEnd& end) {
    WorkerMessage message{.kind = WorkerMessage::Kind::kEnd, .cell = index_of(cell), .status = end.status, .reason = end.reason};
    if (!end.metrics.empty()) message.score = end.metrics.front();
    if (const auto total = end.seconds.find("total"); total != end.seconds.end()) message.seconds = total->second;
    send(message);
  };
  return controls;
}

SweepOutcome carry_out(const WorkOrder& order) {
  Sweep sweep = parse_sweep(order.sweep_json, "the sweep", order.folder, pruner_declarations());
  sweep.device = order.device;
  sweep.threads = order.threads;
  sweep.token_budget = order.token_budget;
  at::set_num_threads(order.threads);
  const std::unique_ptr<DatasetSource> datasets =
      open_data_folder(order.data, order.takes_unverified_data ? UnverifiedData::kMarked : UnverifiedData::kRefused);
  OpenerOptions options{.device = sweep.device, .token_budget = sweep.token_budget, .datasets = datasets.get(), .cache = order.cache};
  options.on_step = [] { send({.kind = WorkerMessage::Kind::kAlive}); };
  options.should_stop = is_asked_to_stop;
  const std::unique_ptr<ModelOpener> opener = make_model_opener(options);
  check_unchanged(order, sweep, *opener, *datasets);
  Store store = Store::open(order.store);
  store.continue_sweep(sweep.name, order.sweep_json);
  const SweepOutcome outcome = run_sweep(sweep, order.cells, *opener, *datasets, store, controls_of(order));
  if (outcome.device_lost) {  // nothing that lies on the device can be freed any more
    send({.kind = WorkerMessage::Kind::kLost});
    ::_exit(kExitOk);
  }
  return outcome;
}

int work() {
  try {
    const SweepOutcome outcome = carry_out(work_order(read_order()));
    send({.kind = outcome.stopped ? WorkerMessage::Kind::kStopped : WorkerMessage::Kind::kFinished});
    return kExitOk;
  } catch (const Error& error) {
    send({.kind = WorkerMessage::Kind::kError, .error = error.kind(), .sentence = error.what()});
    return kExitInput;  // the sweep says it
  }
}

}  // namespace

void add_worker_command(CLI::App& program, Invocation& invocation) {
  CLI::App* command = program.add_subcommand("worker",
                                             "Runs some cells of a sweep in a process of their own; winnow run starts it.\n\nExamples:\n"
                                             "  winnow run sweep.json\n  winnow run sweep.json --workers 2\n");
  command->group("");  // not listed
  command->callback([&invocation] { invocation.action = work; });
}

}  // namespace winnow
