#include <CLI/App.hpp>
#include <memory>

#include "harness/api/task.h"
#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/core/error.h"
#include "harness/core/registry.h"
#include "harness/core/terminal.h"
#include "results/store.h"

namespace winnow {
namespace {

constexpr std::size_t kMostShown = 2000;  // characters of a sentence

// What the task's own code makes of the stored grades.
std::vector<Metric> recomputed_metrics(const std::string& task, const Json& identity, std::vector<ScoredAnswer> answers) {
  const Json& of_task = identity.at("task");
  const int version = of_task.at("version").get<int>(), known = Registry<Task>::instance().find(task).version;
  if (version != known) throw input_error("{} of version {} graded it, this Winnow has version {}", task, version, known);
  Json settings = of_task.at("settings");
  settings.erase("until");  // decides what is asked, not what it scores
  return Registry<Task>::instance().make(task, settings)->aggregate(answers);
}

int verify(const std::vector<std::string>& files) {
  bool all_well = true;
  for (const std::string& file : files) {
    const Store::Verified verified = Store::open_read_only(file).verify(recomputed_metrics);
    for (const std::string& sentence : verified.faults) write_text(fmt::format("{}: {}\n", file, one_line(sentence, kMostShown)));
    for (const std::string& sentence : verified.not_recomputed) write_text(fmt::format("{}: not computed again: {}\n", file, one_line(sentence, kMostShown)));
    std::string left_out;
    if (verified.without_digest > 0) left_out += fmt::format("; without a digest, of an older Winnow, {}", verified.without_digest);
    if (verified.unfinished > 0) left_out += fmt::format("; unfinished and left out {}", verified.unfinished);
    write_text(fmt::format("{}: trials {}, metrics computed again of {}, {}{}\n", file, verified.trials, verified.recomputed,
                           verified.faults.empty() ? "all as they ended" : fmt::format("faults {}", verified.faults.size()), left_out));
    all_well = all_well && verified.faults.empty();
  }
  return all_well ? kExitOk : kExitSomeFailed;
}

}  // namespace

void add_verify_command(CLI::App& program, Invocation& invocation) {
  const auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* command =
      program.add_subcommand("verify",
                             "Checks that a store still tells what its trials ended with: the file's pages, the digest of every text and trial, and every\n"
                             "metric, computed again from the answers. Exit code 1 where something differs. It finds accidents and edits by hand, but\n"
                             "not an author who changes a store and its digests together.\n\nExamples:\n"
                             "  winnow verify sweep.sqlite\n  winnow verify shards/*.sqlite\n");
  command->add_option("STORE", *files, "SQLite files of results")->required();
  command->callback([files, &invocation] { invocation.action = [files] { return verify(*files); }; });
}

}  // namespace winnow
