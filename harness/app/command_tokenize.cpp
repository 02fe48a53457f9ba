#include <CLI/App.hpp>
#include <iostream>
#include <iterator>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/core/unicode.h"
#include "harness/model/checkpoint.h"
#include "harness/text/tokenizer.h"

namespace winnow {
namespace {

struct TokenizeOptions {
  std::string model;
  bool decode = false, no_special = false;
};

Json read_list() {
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  Json list = parse_json(input, "standard input");
  if (!list.is_array()) throw input_error("standard input: expected a JSON list");
  return list;
}

std::vector<std::int32_t> ids_of(const Json& item, std::size_t index, std::int64_t vocabulary) {
  if (!item.is_array()) throw input_error("standard input: item {} is no list of token ids", index);
  std::vector<std::int32_t> ids;
  for (const Json& id : item) {
    if (!id.is_number_integer() || id < 0 || id >= vocabulary)
      throw input_error("standard input: item {} holds {}; expected token ids from 0 to {}", index, id.dump(), vocabulary - 1);
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

int tokenize(const TokenizeOptions& options) {
  const std::filesystem::path folder = find_model_folder(options.model);
  const std::int64_t vocabulary = read_model_config(folder).vocabulary;
  const std::unique_ptr<Tokenizer> tokenizer = Tokenizer::open(folder, vocabulary);
  const Json list = read_list();
  Json result = Json::array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (options.decode) {
      result.push_back(replace_invalid_utf8(
          tokenizer->decode(ids_of(list[i], i, vocabulary), options.no_special ? Tokenizer::SpecialText::kSkip : Tokenizer::SpecialText::kKeep)));
    } else {
      if (!list[i].is_string()) throw input_error("standard input: item {} is no string", i);
      result.push_back(tokenizer->encode(list[i].get<std::string>(), options.no_special ? Tokenizer::Special::kNone : Tokenizer::Special::kAdd));
    }
  }
  write_output(result.dump() + "\n");
  return kExitOk;
}

}  // namespace

void add_tokenize_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = program.add_subcommand("tokenize",
                                             "Turns a JSON list of texts on standard input into lists of token ids, or back.\n\nExamples:\n"
                                             "  echo '[\"Hello there\"]' | winnow tokenize models/mixtral\n"
                                             "  echo '[[1, 22557]]' | winnow tokenize models/mixtral --decode --no-special\n");
  command->add_option("MODEL", options->model, "folder or hub name org/name[@revision]")->required();
  command->add_flag("--decode", options->decode, "ids to texts");
  command->add_flag("--no-special", options->no_special, "without special tokens: none added, or skipped when decoding");
  command->callback([options, &invocation] { invocation.action = [options] { return tokenize(*options); }; });
}

}  // namespace winnow
