#include "harness/text/word_cache.h"

#include "harness/text/sentencepiece_check.h"

namespace winnow {
namespace {

constexpr std::string_view kSpace = "\xe2\x96\x81";  // ▁

bool has_space_inside(std::string_view piece) {
  while (piece.starts_with(kSpace)) piece.remove_prefix(kSpace.size());
  return piece.find(kSpace) != std::string_view::npos || piece.find(' ') != std::string_view::npos;
}

// Where the word that begins at `start` ends: before a space that stands behind another character.
std::size_t word_end(std::string_view text, std::size_t start) {
  for (std::size_t at = start + 1; at < text.size(); ++at) {
    at = text.find(' ', at);
    if (at == std::string_view::npos) break;
    if (text[at - 1] != ' ' && !text.substr(0, at).ends_with(kSpace)) return at;
  }
  return text.size();
}

}  // namespace

bool WordCache::fits(const sentencepiece::SentencePieceProcessor& processor) {
  if (processor.IsUnknown(processor.PieceToId(absl::string_view(kSpace.data(), kSpace.size())))) return false;
  for (std::int32_t id = 0; id < processor.GetPieceSize(); ++id) {
    if (has_space_inside(processor.IdToPiece(id))) return false;
  }
  return true;
}

void WordCache::append_ids(std::string_view text, std::vector<std::int32_t>& ids) {
  const std::lock_guard lock(mutex_);
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = word_end(text, start);
    const std::string_view word = text.substr(start, end - start);
    start = end;
    const auto known = words_.find(word);
    if (known != words_.end()) {
      ids.insert(ids.end(), known->second.begin(), known->second.end());
      continue;
    }
    std::vector<int> pieces;
    const auto status = processor_.Encode(absl::string_view(word.data(), word.size()), &pieces);
    if (!status.ok()) throw_cannot_encode(word.size(), status.ToString());
    ids.insert(ids.end(), pieces.begin(), pieces.end());
    if (word.size() > kLongestWord) continue;
    if (words_.size() >= kMostWords) words_.clear();
    words_.emplace(word, std::move(pieces));
  }
}

}  // namespace winnow
