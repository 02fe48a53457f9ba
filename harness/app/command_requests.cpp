#include <CLI/App.hpp>
#include <memory>
#include <set>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/app/sweep_options.h"
#include "harness/core/digest.h"
#include "harness/core/files.h"
#include "harness/sweep/known_tasks.h"
#include "harness/text/request_lines.h"

namespace winnow {
namespace {

// Each line once, whatever the number of examples that ask it.
class RequestWriter {
 public:
  explicit RequestWriter(const std::string& path) : file_(path) {}

  void add(const Request& request) {
    const std::string line = request_line(request) + "\n";
    if (!written_.insert(sha256_bytes(line)).second) return;
    buffer_ += line;
    if (buffer_.size() >= kBufferBytes) flush();
  }
  std::size_t count() const { return written_.size(); }
  void commit() {
    flush();
    file_.commit();
  }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
  void flush() {
    file_.write(buffer_);
    buffer_.clear();
  }
  AtomicFile file_;
  std::string buffer_;
  std::set<std::array<std::uint8_t, 32>> written_;
};

int write_requests(const SweepOptions& options, const std::string& out) {
  const Sweep sweep = options.read();
  const std::unique_ptr<DatasetSource> datasets = options.open_data();
  RequestWriter writer(out);
  for (const TaskSpec& spec : sweep.tasks) {
    if (is_measurement(spec.task)) {
      say(fmt::format("winnow: {} measures the engine and asks nothing; left out", spec.task));
      continue;
    }
    const std::unique_ptr<Task> task = Registry<Task>::instance().make(spec.task, spec.settings);
    if (task->needs_tokenizer()) {
      say(fmt::format("winnow: {} asks for windows of token ids, which recorded outputs cannot answer; left out", spec.task));
      continue;
    }
    const ExampleList examples = task->examples({.datasets = datasets.get(), .encode = {}});
    for (std::size_t i = 0; i < examples.count; ++i) {
      for (const Request& request : examples.make(i).requests) writer.add(request);
    }
  }
  if (writer.count() == 0) throw unsupported_error("{}: none of its tasks has requests that recorded outputs can answer", options.file);
  writer.commit();
  say(fmt::format("winnow: {} requests written to {}", writer.count(), out));
  return kExitOk;
}

}  // namespace

void add_requests_command(CLI::App& program, Invocation& invocation) {
  struct Options {
    SweepOptions sweep;
    std::string out;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("requests",
                                             "Writes every request a sweep would make, one JSON object a line, for any engine to answer.\n\nExamples:\n"
                                             "  winnow requests sweep.json --out requests.jsonl --data datasets\n"
                                             "  winnow requests sweep.json --out requests.jsonl --set tasks.*.limit=100\n");
  options->sweep.add_to(*command);
  command->add_option("--out", options->out, "file to write")->required()->type_name("FILE");
  command->callback([options, &invocation] { invocation.action = [options] { return write_requests(options->sweep, options->out); }; });
}

}  // namespace winnow
