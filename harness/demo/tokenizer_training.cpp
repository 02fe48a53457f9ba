#include "harness/demo/tokenizer_training.h"

#include <sentencepiece_trainer.h>

#include <stdexcept>
#include <unordered_map>

namespace winnow::demo {
namespace {

constexpr int kPieces = 1200;

// The model is trained on lines with the blank that a prefix would give written out, since only the first line of a text gets one: "\nAnswer:" must be learned without.
constexpr const char kAddDummyPrefix[] = {0x1a, 0x02, 0x18,
                                          0x01};  // ModelProto.normalizer_spec.add_dummy_prefix = true, merged into the message by protobuf's rules

class Lines : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(std::vector<std::string> lines) : lines_(std::move(lines)) {}
  bool done() const override { return at_ == lines_.size(); }
  void Next() override { ++at_; }
  const std::string& value() const override { return lines_.at(at_); }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
};

std::vector<std::string> split_lines(const std::vector<std::string>& texts) {
  std::vector<std::string> lines;
  for (const std::string& text : texts) {
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      if (end > begin) lines.push_back((begin == 0 ? " " : "") + text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return lines;
}

}  // namespace

std::string train_tokenizer(const std::vector<std::string>& texts) {
  Lines lines(split_lines(texts));
  const std::unordered_map<std::string, std::string> settings = {{"model_type", "bpe"},
                                                                 {"vocab_size", std::to_string(kPieces)},
                                                                 {"character_coverage", "1.0"},
                                                                 {"byte_fallback", "true"},
                                                                 {"split_digits", "true"},
                                                                 {"num_threads", "1"},
                                                                 {"normalization_rule_name", "identity"},
                                                                 {"add_dummy_prefix", "false"},
                                                                 {"allow_whitespace_only_pieces", "false"},
                                                                 {"remove_extra_whitespaces", "false"},
                                                                 {"minloglevel", "2"}};
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(settings, &lines, &model);
  if (!status.ok()) throw std::runtime_error("SentencePiece: " + status.ToString());
  return model.append(kAddDummyPrefix, sizeof kAddDummyPrefix);
}

}  // namespace winnow::demo
