#include "harness/app/program.h"

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/core/settings.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

constexpr const char* kPurpose =
    "Winnow prunes Mixture-of-Experts language models and measures what that does.\n"
    "\nExamples:\n  winnow run sweep.json\n  winnow report sweep.sqlite --out table.csv\n";

constexpr std::size_t kMaxSentence = 4000;
constexpr std::string_view kWorkerVerb = "worker";  // for the program itself

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage: return kExitUsage;
    case ErrorKind::kInput: return kExitInput;
    case ErrorKind::kUnsupported: return kExitUnsupported;
  }
  return kExitBug;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// The list of commands has the first clause of each; its own --help has the rest.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_subcommand(const CLI::App* verb) const override {
    const std::string whole = verb->get_description(), clause = whole.substr(0, whole.find_first_of(";:.\n"));
    return fmt::format("  {:<11} {}\n", verb->get_name(), clause);
  }
};

int tell(const std::string& sentence, int code) {
  say("winnow: " + one_line(sentence, kMaxSentence));
  return code;
}

void refuse_unknown_verb(const CLI::App& program, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> verbs;
  for (const CLI::App* verb : program.get_subcommands(nullptr)) {
    if (!verb->get_group().empty()) verbs.push_back(verb->get_name());
  }
  if (std::string_view(argv[1]) == kWorkerVerb) return;
  for (const std::string& verb : verbs) {
    if (verb == argv[1]) return;
  }
  throw usage_error("there is no command '{}'{}; there are: {}", argv[1], did_you_mean(argv[1], verbs), fmt::join(verbs, ", "));
}

// " (did you mean '--data'?)" for an option that the verb does not have.
std::string near_option(CLI::App& verb, const std::vector<std::string>& unexpected) {
  if (unexpected.empty() || !unexpected.front().starts_with("--")) return "";
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::string& asked = unexpected.front();
  return did_you_mean(asked.substr(0, asked.find('=')), names);
}

// CLI11 has exit codes of its own, from 100 on.
int parse(CLI::App& program, int argc, char** argv) {
  try {
    refuse_unknown_verb(program, argc, argv);
    program.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help, --version
    std::string text = wanted.what() + std::string("\n");
    if (dynamic_cast<const CLI::CallForHelp*>(&wanted) || dynamic_cast<const CLI::CallForAllHelp*>(&wanted)) text = program.help();
    write_output(text);
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    const std::vector<CLI::App*> chosen = program.get_subcommands();
    const std::string near = chosen.empty() ? "" : near_option(*chosen.front(), program.remaining(true));
    return tell(fmt::format("{}{}; see winnow {}--help", first_line(error.what()), near, chosen.empty() ? "" : chosen.front()->get_name() + " "), kExitUsage);
  }
  return -1;
}

int run(int argc, char** argv) {
  CLI::App program(kPurpose, "winnow");
  program.formatter(std::make_shared<HelpFormatter>());
  program.require_subcommand(1);
  program.set_version_flag("--version", version_text, "commit, libtorch and devices");
  Invocation invocation{.command_line = {argv, argv + argc}, .action = {}};
  add_run_command(program, invocation);
  add_validate_command(program, invocation);
  add_report_command(program, invocation);
  add_compare_command(program, invocation);
  add_import_command(program, invocation);
  add_worker_command(program, invocation);
  add_gate_command(program, invocation);
  add_show_command(program, invocation);
  add_verify_command(program, invocation);
  add_list_command(program, invocation);
  add_inspect_command(program, invocation);
  add_plan_command(program, invocation);
  add_calibrate_command(program, invocation);
  add_prune_command(program, invocation);
  add_trace_command(program, invocation);
  add_tokenize_command(program, invocation);
  add_requests_command(program, invocation);
  add_demo_command(program, invocation);
  add_fetch_command(program, invocation);
  program.footer("winnow COMMAND --help has a command's options and examples.");
  const int parsed = parse(program, argc, argv);
  return parsed >= 0 ? parsed : invocation.action();
}

// A file opened later would get the number of a stream that the caller closed, and what is said would be written into it. Standard output stays one that
// cannot be written to, so that a report which went nowhere is told.
void occupy_closed_streams() {
  for (const auto& [stream, mode] : {std::pair{STDIN_FILENO, O_RDONLY}, {STDOUT_FILENO, O_RDONLY}, {STDERR_FILENO, O_WRONLY}}) {
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", mode);  // takes the lowest number
  }
}

}  // namespace

int run_program(int argc, char** argv) {
  occupy_closed_streams();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    return tell(error.what(), exit_code(error.kind()));
  } catch (const std::filesystem::filesystem_error& error) {  // a name too long, a folder that may not be looked into …
    return tell(fmt::format("{}: {}; name another file or folder", error.path1().string(), error.code().message()), kExitInput);
  } catch (const std::bad_alloc&) {
    return tell("out of memory", kExitSomeFailed);
  } catch (const c10::Error& error) {
    return tell("libtorch: " + first_line(error.what_without_backtrace()), kExitBug);
  } catch (const std::logic_error& bug) {
    return tell(std::string("this is a bug: ") + bug.what(), kExitBug);
  } catch (const std::exception& failure) {
    return tell(failure.what(), kExitBug);
  }
}

}  // namespace winnow
