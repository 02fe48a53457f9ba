#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "results/store.h"

namespace winnow {
namespace {

struct ImportOptions {
  std::string format, store;
  std::vector<std::string> sources;
};

int import_stores(const ImportOptions& options) {
  Store::check_place(options.store);
  std::vector<Store> sources;
  for (const std::string& file : options.sources) {
    std::error_code ignored;
    if (std::filesystem::equivalent(file, options.store, ignored)) throw usage_error("{}: cannot be joined into itself; name another file with --store", file);
    sources.push_back(Store::open_read_only(file));
  }
  Store into = Store::open(options.store);
  std::size_t added = 0, already_there = 0, conflicts = 0;
  for (Store& source : sources) {
    const Store::Joined joined = into.join(source);
    added += joined.added;
    already_there += joined.already_there;
    conflicts += joined.conflicts.size();
    if (joined.unfinished > 0) say(fmt::format("winnow: {}: {} trials have not ended and stay there", source.file().string(), joined.unfinished));
    for (const std::string& conflict : joined.conflicts) say(fmt::format("winnow: conflict: {}: {}", source.file().string(), one_line(conflict, 2000)));
  }
  say(fmt::format("winnow: {} trials joined into {}, {} were there", added, options.store, already_there));
  if (conflicts == 0) return kExitOk;
  say(fmt::format("winnow: {} conflicts: both trials are kept, and the one joined last counts; look for what differs in data, libraries or machines",
                  conflicts));
  return kExitSomeFailed;
}

}  // namespace

void add_import_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* command =
      program.add_subcommand("import",
                             "Joins the results of several stores into one; what is there already stays as it is, so again is harmless.\n\nExamples:\n"
                             "  winnow import --format store sweep.parts/part-*.sqlite --store sweep.sqlite\n"
                             "  winnow import --format store monday.sqlite tuesday.sqlite --store week.sqlite\n");
  command->add_option("FILE", options->sources, "what to join, in this order: where two tell different results of a cell, the later one counts")->required();
  command->add_option("--format", options->format, "store: SQLite files of winnow run")->required()->check(CLI::IsMember({"store"}));
  command->add_option("--store", options->store, "SQLite file to join into; made where there is none")->required()->type_name("FILE");
  command->callback([options, &invocation] { invocation.action = [options] { return import_stores(*options); }; });
}

}  // namespace winnow
