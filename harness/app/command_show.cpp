#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/core/error.h"
#include "results/item_report.h"

namespace winnow {
namespace {

struct ShowOptions {
  std::vector<std::string> names;  // stores, then the item
  std::vector<std::string> of;
  std::string format = "text";
};

int show(const ShowOptions& options) {
  if (options.names.size() < 2) throw usage_error("show takes one store or more and an example: winnow show STORE… gsm8k/17");
  const ItemName item = parse_item(options.names.back());
  std::vector<Store> stores;
  for (std::size_t i = 0; i + 1 < options.names.size(); ++i) stores.push_back(Store::open_read_only(options.names[i]));
  const std::vector<ItemAnswer> answers = find_item(stores, item, options.of);
  if (options.format == "json")
    write_output(item_json(answers));
  else
    write_text(item_text(answers, output_columns()));
  return kExitOk;
}

}  // namespace

void add_show_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<ShowOptions>();
  CLI::App* command = program.add_subcommand("show",
                                             "Shows one example: its prompt, and what each model answered, side by side.\n\nExamples:\n"
                                             "  winnow show sweep.sqlite gsm8k/17\n  winnow show sweep.sqlite mmlu_anatomy/3 --of dense --of random-6\n"
                                             "  winnow show sweep.sqlite 9f86d0 --format json\n");
  command->add_option("STORE… ITEM", options->names, "SQLite files of results, then the example: TASK/DOCUMENT, or the beginning of a document's hash")
      ->required();
  command->add_option("--of", options->of, "only this variant or model; may be given again")->take_all()->expected(1)->delimiter('\0');
  command->add_option("--format", options->format, "text or json")->check(CLI::IsMember({"text", "json"}))->capture_default_str();
  command->callback([options, &invocation] { invocation.action = [options] { return show(*options); }; });
}

}  // namespace winnow
