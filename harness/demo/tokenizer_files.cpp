#include "harness/demo/tokenizer_files.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "harness/core/json.h"

namespace winnow::demo {
namespace {

constexpr const char* kBlank = "\u2581";  // ▁, which stands for a blank in a piece

OrderedJson special(const char* content) { return {{"content", content}, {"lstrip", false}, {"normalized", false}, {"rstrip", false}, {"single_word", false}}; }

struct Merge {
  int whole, left, right;  // pieces
};

// Every way to make a piece of two others, in the order in which BPE learned the pieces.
OrderedJson merges_of(const sentencepiece::SentencePieceProcessor& model) {
  std::unordered_map<std::string, int> pieces;
  for (int id = 0; id < model.GetPieceSize(); ++id) pieces.emplace(model.IdToPiece(id), id);
  std::vector<Merge> merges;
  for (int id = 0; id < model.GetPieceSize(); ++id) {
    const std::string& piece = model.IdToPiece(id);
    for (std::size_t cut = 1; cut < piece.size(); ++cut) {
      const auto left = pieces.find(piece.substr(0, cut)), right = pieces.find(piece.substr(cut));
      if (left != pieces.end() && right != pieces.end()) merges.push_back({id, left->second, right->second});
    }
  }
  std::ranges::stable_sort(merges, [&](const Merge& a, const Merge& b) {
    if (a.whole != b.whole) return model.GetScore(a.whole) > model.GetScore(b.whole);
    return std::pair(a.left, a.right) < std::pair(b.left, b.right);
  });
  OrderedJson list = OrderedJson::array();
  for (const Merge& merge : merges) list.push_back({model.IdToPiece(merge.left), model.IdToPiece(merge.right)});
  return list;
}

}  // namespace

std::string tokenizer_config() {
  OrderedJson added;
  for (const auto& [id, content] : {std::pair{"0", "<unk>"}, {"1", "<s>"}, {"2", "</s>"}}) {
    added[id] = special(content);
    added[id]["special"] = true;
  }
  const OrderedJson config = {{"add_bos_token", true},
                              {"add_eos_token", false},
                              {"added_tokens_decoder", added},
                              {"bos_token", "<s>"},
                              {"clean_up_tokenization_spaces", false},
                              {"eos_token", "</s>"},
                              {"legacy", true},
                              {"model_max_length", 1024},
                              {"pad_token", nullptr},
                              {"sp_model_kwargs", OrderedJson::object()},
                              {"spaces_between_special_tokens", false},
                              {"tokenizer_class", "LlamaTokenizer"},
                              {"unk_token", "<unk>"},
                              {"use_default_system_prompt", false}};
  return config.dump(2) + "\n";
}

std::string special_tokens_map() {
  const OrderedJson map = {{"bos_token", special("<s>")}, {"eos_token", special("</s>")}, {"unk_token", special("<unk>")}};
  return map.dump(2) + "\n";
}

std::string tokenizer_json(std::string_view bytes) {
  sentencepiece::SentencePieceProcessor model;
  const auto status = model.LoadFromSerializedProto(absl::string_view(bytes.data(), bytes.size()));
  if (!status.ok()) throw std::runtime_error("SentencePiece: " + status.ToString());
  OrderedJson added = OrderedJson::array(), vocabulary;
  for (const int id : {0, 1, 2}) {
    added.push_back({{"id", id}});
    added.back().update(special(model.IdToPiece(id).c_str()));
    added.back()["special"] = true;
  }
  for (int id = 0; id < model.GetPieceSize(); ++id) vocabulary[model.IdToPiece(id)] = id;
  const OrderedJson blank = {{"String", " "}}, mark = {{"String", kBlank}};
  const OrderedJson text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const OrderedJson bos_piece = {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}};
  OrderedJson file;
  file["version"] = "1.0";
  file["truncation"] = nullptr;
  file["padding"] = nullptr;
  file["added_tokens"] = added;
  file["normalizer"] = {
      {"type", "Sequence"},
      {"normalizers", OrderedJson::array({{{"type", "Prepend"}, {"prepend", kBlank}}, {{"type", "Replace"}, {"pattern", blank}, {"content", kBlank}}})}};
  file["pre_tokenizer"] = nullptr;
  file["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single", OrderedJson::array({bos, text})},
                            {"pair", OrderedJson::array({bos, text, bos, {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}})},
                            {"special_tokens", {{"<s>", bos_piece}}}};
  file["decoder"] = {{"type", "Sequence"},
                     {"decoders", OrderedJson::array({{{"type", "Replace"}, {"pattern", mark}, {"content", " "}},
                                                      {{"type", "ByteFallback"}},
                                                      {{"type", "Fuse"}},
                                                      {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}})}};
  file["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", "<unk>"},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", true},
                   {"byte_fallback", true},
                   {"ignore_merges", false},
                   {"vocab", vocabulary},
                   {"merges", merges_of(model)}};
  return file.dump(1) + "\n";
}

}  // namespace winnow::demo
