#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "results/compare_stores.h"
#include "results/comparison_report.h"

namespace winnow {
namespace {

const std::vector<std::string> kComparisonFormats = {"text", "md", "csv", "json"};

struct CompareOptions {
  std::vector<std::string> names;  // stores, then the two sides
  ComparisonRequest request;
  std::string metric, format, out;
  bool subjects = false;
};

std::string text_of(const ComparisonReport& report, const std::string& format, SubjectDetail subjects) {
  if (format == "csv") return comparison_csv(report);
  if (format == "json") return comparison_json(report);
  return for_eyes(comparison_markdown(report, subjects), format);
}

int compare(const CompareOptions& options) {
  if (options.names.size() < 3) throw usage_error("compare takes one store or more and two names: winnow compare STORE… A B");
  ComparisonRequest request = options.request;
  request.first = options.names[options.names.size() - 2];
  request.second = options.names.back();
  if (!options.metric.empty()) {
    const std::size_t comma = options.metric.find(',');
    request.metric = MetricChoice{options.metric.substr(0, comma), comma == std::string::npos ? "" : options.metric.substr(comma + 1)};
  }
  std::vector<Store> stores;
  for (std::size_t i = 0; i + 2 < options.names.size(); ++i) stores.push_back(Store::open_read_only(options.names[i]));
  const std::string format = report_format(options.format, options.out, kComparisonFormats);
  const std::string text = text_of(compare_stores(stores, request), format, options.subjects ? SubjectDetail::kShown : SubjectDetail::kHidden);
  if (!options.out.empty())
    write_file(options.out, text);
  else if (format == "md" || format == "text")
    write_text(text);
  else
    write_output(text);
  return kExitOk;
}

}  // namespace

void add_compare_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      program.add_subcommand("compare",
                             "Compares two variants, or two models, example by example: what the second gained or lost against the first.\n\nExamples:\n"
                             "  winnow compare sweep.sqlite dense random-6\n  winnow compare one.sqlite two.sqlite dense all --task mmlu --subjects\n"
                             "  winnow compare cpu.sqlite gpu.sqlite dense dense --format json\n");
  command
      ->add_option("STORE… A B", options->names,
                   "SQLite files of results, then the two sides: a variant's label (its replicates together), a model, or MODEL/VARIANT; B may be 'all'")
      ->required();
  command->add_option("--task", options->request.tasks, "only this task, by its label or its name; may be given again")
      ->take_all()
      ->expected(1)
      ->delimiter('\0');
  command->add_option("--metric", options->metric, "NAME or NAME,FILTER in place of the headline, such as exact_match,flexible-extract")->type_name("NAME");
  command->add_flag("--subjects", options->subjects, "a table of the subjects of each task too (csv and json always have them)");
  command->add_option("--confidence", options->request.settings.level, "of the intervals")->check(CLI::Range(0.5, 0.9999))->capture_default_str();
  command->add_option("--replicates", options->request.settings.replicates, "resamples of the bootstrap")
      ->check(CLI::Range(100, 1000000))
      ->capture_default_str();
  command->add_option("--seed", options->request.settings.seed, "of the bootstrap")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--format", options->format, "text, md, csv or json; default: what FILE ends in, text on a terminal, else md")
      ->check(CLI::IsMember(kComparisonFormats));
  command->add_option("--out", options->out, "file to write, whole or not at all; default: standard output")->type_name("FILE");
  command->callback([options, &invocation] { invocation.action = [options] { return compare(*options); }; });
}

}  // namespace winnow
