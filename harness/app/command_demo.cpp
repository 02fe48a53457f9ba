#include <CLI/App.hpp>
#include <filesystem>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/app/program.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/demo/generate.h"

namespace winnow {
namespace {

struct GenerateOptions {
  std::string out, tokenizer;
  bool check = false;
};

using GeneratedFiles = std::map<std::filesystem::path, std::string>;

GeneratedFiles generated(const GenerateOptions& options) {
  GeneratedFiles files;
  for (auto& [path, bytes] : demo::generate_datasets()) files[std::filesystem::path(options.out) / path] = std::move(bytes);
  if (options.tokenizer.empty()) return files;
  for (auto& [name, bytes] : demo::generate_tokenizer()) files[std::filesystem::path(options.tokenizer) / name] = std::move(bytes);
  return files;
}

int check_all(const GeneratedFiles& files) {
  int others = 0;
  for (const auto& [path, bytes] : files) {
    if (std::filesystem::is_regular_file(path) && read_file(path) == bytes) continue;
    say(fmt::format("{}: {}", path.string(), std::filesystem::exists(path) ? "other bytes than the generator's" : "missing"));
    ++others;
  }
  write_text(fmt::format("{} of {} files are as the generator writes them\n", files.size() - static_cast<std::size_t>(others), files.size()));
  return others == 0 ? kExitOk : kExitSomeFailed;
}

int write_all(const GeneratedFiles& files) {
  std::size_t total = 0;
  for (const auto& [path, bytes] : files) {
    std::error_code failure;
    std::filesystem::create_directories(path.parent_path(), failure);
    if (failure) throw input_error("{}: cannot make the folder: {}; give a folder that can be written to", path.parent_path().string(), failure.message());
    write_file(path, bytes);
    total += bytes.size();
  }
  write_text(fmt::format("{} files, {:.1f} MB\n", files.size(), static_cast<double>(total) / 1e6));
  return kExitOk;
}

void add_generate_command(CLI::App& demo, Invocation& invocation) {
  const auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = demo.add_subcommand("generate",
                                          "Writes the embedded data sets demo_gsm8k, demo_mmlu and demo_text: the same bytes on every machine.\n\nExamples:\n"
                                          "  winnow demo generate --out build/data\n"
                                          "  winnow demo generate --out datasets --tokenizer harness/demo/model --check\n");
  command->add_option("--out", options->out, "data folder; the files go to demo/ below it")->required()->type_name("FOLDER");
  command->add_option("--tokenizer", options->tokenizer, "train the demo's SentencePiece model too, into this folder")->type_name("FOLDER");
  command->add_flag("--check", options->check, "write nothing: compare with the files that are there; exit code 1 where one differs");
  command->callback([options, &invocation] {
    invocation.action = [options] {
      const GeneratedFiles files = generated(*options);
      return options->check ? check_all(files) : write_all(files);
    };
  });
}

}  // namespace

void add_demo_command(CLI::App& program, Invocation& invocation) {
  CLI::App* demo = program.add_subcommand("demo",
                                          "The embedded default: writes its data sets, trains its model.\n\nExamples:\n"
                                          "  winnow demo generate --out build/data\n"
                                          "  winnow demo train --out build/demo --data datasets --steps 6000\n");
  demo->require_subcommand(1);
  add_generate_command(*demo, invocation);
  add_demo_train_command(*demo, invocation);
  add_demo_average_command(*demo, invocation);
}

}  // namespace winnow
