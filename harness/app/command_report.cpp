#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "results/board.h"
#include "results/lm_eval_export.h"
#include "results/report.h"
#include "results/store.h"

namespace winnow {
namespace {

const std::vector<std::string> kReportFormats = {"text", "md", "csv", "json", "svg", "lm-eval"};

struct ReportOptions {
  std::vector<std::string> stores;
  std::string format, out, task;
};

std::string report_text(std::vector<Store>& stores, const std::string& format, const std::string& task) {
  const Leaderboard board = board_of(stores);
  if (format == "svg") return report_svg(board, task);
  if (format == "csv" || format == "json") return format == "csv" ? report_csv(board) : report_json(board);
  return report_for_eyes(board, format);
}

int report(const ReportOptions& options) {
  const std::string format = report_format(options.format, options.out, kReportFormats);
  std::vector<Store> stores;
  for (const std::string& file : options.stores) stores.push_back(Store::open_read_only(file));
  if (format == "lm-eval") {
    if (options.out.empty()) throw usage_error("--format lm-eval writes a folder of files; name it with --out DIR");
    const std::vector<std::filesystem::path> files = export_lm_eval(stores, options.out);
    say(fmt::format("winnow: {} files written below {}", files.size(), options.out));
    return kExitOk;
  }
  const std::string text = report_text(stores, format, options.task);
  if (!options.out.empty()) {
    write_file(options.out, text);
  } else if (format == "md" || format == "text") {
    write_text(text);
  } else {
    write_output(text);
  }
  return kExitOk;
}

}  // namespace

void add_report_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* command =
      program.add_subcommand("report",
                             "Makes the leaderboard of one or more stores.\n\nExamples:\n"
                             "  winnow report one.sqlite two.sqlite --out table.csv\n  winnow report sweep.sqlite --format lm-eval --out results\n"
                             "  winnow report sweep.sqlite --task gsm8k --out gsm8k.svg\n");
  command->add_option("STORE", options->stores, "SQLite files of results; for a cell in several, the later one counts")->required();
  command
      ->add_option("--format", options->format,
                   "text, md, csv, json, svg: a picture of one task's score against stored size, or lm-eval: that harness's result and sample files; "
                   "default: what FILE ends in, text on a terminal, else md")
      ->check(CLI::IsMember(kReportFormats));
  command->add_option("--task", options->task, "label of the task that the picture shows; default: the first")->type_name("TASK");
  command->add_option("--out", options->out, "file to write, whole or not at all; default: standard output; with lm-eval a folder")->type_name("FILE|DIR");
  command->callback([options, &invocation] { invocation.action = [options] { return report(*options); }; });
}

}  // namespace winnow
