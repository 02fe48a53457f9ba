#include <CLI/App.hpp>
#include <cstdlib>
#include <memory>
#include <optional>

#include "harness/app/commands.h"
#include "harness/app/gate_file.h"
#include "harness/app/output.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/core/json.h"
#include "results/baseline.h"
#include "results/gate_report.h"

namespace winnow {
namespace {

struct GateOptions {
  std::vector<std::string> stores;
  std::string rules, baseline, write_baseline, junit, summary, format;
  bool github = false;
};

// A sweep file stands for the store that `winnow run` makes of it.
std::filesystem::path store_named(const std::string& name) {
  const std::filesystem::path file(name);
  if (file.extension() != ".json") return file;
  const Json sweep = read_json_file(file, JsonComments::kAllowed);
  if (!sweep.is_object() || !sweep.contains("name") || !sweep["name"].is_string())
    throw input_error("{}: neither a store nor a sweep file with a \"name\"", name);
  return file.parent_path() / (sweep["name"].get<std::string>() + ".sqlite");
}

// The summary goes below what earlier commands of the step wrote.
void append_step_summary(const std::string& text) {
  const char* file = std::getenv("GITHUB_STEP_SUMMARY");
  if (file == nullptr || *file == '\0') return;
  const std::string before = std::filesystem::exists(file) ? read_file(file) : "";
  write_file(file, before + text + "\n");
}

int exit_code(const GateReport& report) {
  switch (overall(report)) {
    case Verdict::kPass: return kExitOk;
    case Verdict::kInconclusive: return kExitInconclusive;
    default: return kExitSomeFailed;
  }
}

void tell(const GateReport& report, const GateOptions& options) {
  const std::string summary = gate_markdown(report);
  if (!options.junit.empty()) write_file(options.junit, gate_junit(report));
  if (!options.summary.empty()) write_file(options.summary, summary);
  if (options.format == "json")
    write_output(gate_json(report));
  else
    write_text(for_eyes(summary, report_format(options.format)));
  if (!options.github) return;
  write_output(gate_annotations(report));
  append_step_summary(summary);
}

int gate(const GateOptions& options) {
  if (options.github && options.format == "json")
    throw usage_error("--github writes annotations to standard output, where --format json writes its document; leave one of them out");
  std::vector<Store> stores;
  for (const std::string& name : options.stores) stores.push_back(Store::open_read_only(store_named(name)));
  GateReport report;
  if (!options.rules.empty()) {
    const GateFile file = read_gate_file(options.rules);
    const std::string baseline_file = options.baseline.empty() ? file.baseline : options.baseline;
    std::optional<Baseline> baseline;
    if (!baseline_file.empty()) baseline = read_baseline(baseline_file);
    report = judge(stores, file.rules, baseline ? &*baseline : nullptr, file.settings);
    if (report.verdicts.empty() && options.write_baseline.empty())
      throw input_error("{}: the stores hold only what the rules take as reference, so there is nothing to judge", options.rules);
    tell(report, options);
  } else if (options.write_baseline.empty()) {
    throw usage_error("gate needs --rules FILE, or --write-baseline FILE, or both");
  }
  if (options.write_baseline.empty()) return exit_code(report);
  if (overall(report) >= Verdict::kFail) {
    say(fmt::format("winnow: {} was not written: a rule is not met", options.write_baseline));
  } else {
    write_file(options.write_baseline, baseline_text(make_baseline(stores)));
    say(fmt::format("winnow: {} written", options.write_baseline));
  }
  return exit_code(report);
}

}  // namespace

void add_gate_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<GateOptions>();
  CLI::App* command =
      program.add_subcommand("gate",
                             "Judges results by rules: 0 all pass, 1 a rule is not met, 5 too few examples to say.\n\nExamples:\n"
                             "  winnow gate sweep.sqlite --rules rules.json --junit gate.xml\n  winnow gate dense.sqlite --write-baseline baseline.json\n"
                             "  winnow gate pruned.sqlite --rules rules.json --baseline baseline.json --github\n\nRules:\n"
                             "  {\"rules\": [\"retention(gsm8k) >= 0.95 vs dense\", \"mmlu >= 0.62 within 0.01\",\n"
                             "             \"peak_bytes <= 0.8 * dense\", \"decode_tokens_per_second >= 0.97 * baseline\"]}\n"
                             "  QUANTITY (>= > <= < ==) LIMIT [within N] [vs NAME] [of NAME,…]; results/README.md has the grammar\n");
  command->add_option("STORE", options->stores, "SQLite files of results, or sweep files that were run")->required();
  command->add_option("--rules", options->rules, "JSON file of rules, comments allowed")->type_name("FILE");
  command->add_option("--baseline", options->baseline, "file that --write-baseline wrote, for rules against 'baseline' or a variant the stores lack")
      ->type_name("FILE");
  command->add_option("--write-baseline", options->write_baseline, "writes the outcomes of every good trial for later gates, unless a rule fails")
      ->type_name("FILE");
  command->add_option("--junit", options->junit, "JUnit XML to write")->type_name("FILE");
  command->add_option("--summary", options->summary, "Markdown to write")->type_name("FILE");
  command->add_flag("--github", options->github, "annotations on standard output, at most ten, and the summary appended to $GITHUB_STEP_SUMMARY");
  command->add_option("--format", options->format, "of standard output: text, md or json; default: text on a terminal, else md")
      ->check(CLI::IsMember({"text", "md", "json"}));
  command->callback([options, &invocation] { invocation.action = [options] { return gate(*options); }; });
}

}  // namespace winnow
