#pragma once
#include <sentencepiece_processor.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace winnow {

// Encodes with a BPE model word by word and remembers each word's ids: prompts repeat their words. It may stand in for encoding the whole text
// because no piece holds a space behind another character, so that no merge ever joins two words.
class WordCache {
 public:
  // Whether that holds for the pieces of this model. (It must be BPE, and leave texts as they are but for ▁ in place of spaces.)
  static bool fits(const sentencepiece::SentencePieceProcessor& processor);

  // `processor` must not put a space in front of texts, and outlive the cache.
  explicit WordCache(const sentencepiece::SentencePieceProcessor& processor) : processor_(processor) {}

  void append_ids(std::string_view text, std::vector<std::int32_t>& ids);

 private:
  static constexpr std::size_t kMostWords = 200'000;
  static constexpr std::size_t kLongestWord = 64;
  struct HashText {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  const sentencepiece::SentencePieceProcessor& processor_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<std::int32_t>, HashText, std::equal_to<>> words_;
};

}  // namespace winnow
