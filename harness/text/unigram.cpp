#include "harness/text/unigram.h"

#include <algorithm>
#include <limits>

#include "harness/core/unicode.h"
#include "harness/text/sentencepiece_check.h"

namespace winnow {
namespace {

constexpr double kUnknownPenalty = 10;  // below the worst piece, as SentencePiece has it

}  // namespace

UnigramSegmenter::UnigramSegmenter(const sentencepiece::SentencePieceProcessor& processor) : processor_(processor) {
  double worst = std::numeric_limits<double>::max();
  for (std::int32_t id = 0; id < processor.GetPieceSize(); ++id) {
    if (processor.IsUnknown(id)) unknown_id_ = id;  // by its type, as the library has it: unk_id() goes by its name
    if (processor.IsUnknown(id) || processor.IsControl(id) || processor.IsUnused(id) || processor.IsByte(id)) continue;
    const std::string& text = processor.IdToPiece(id);
    pieces_.emplace(text, Piece{id, processor.GetScore(id)});
    longest_ = std::max(longest_, text.size());
    worst = std::min(worst, static_cast<double>(processor.GetScore(id)));
  }
  unknown_score_ = worst - kUnknownPenalty;
}

std::vector<std::int32_t> UnigramSegmenter::encode(std::string_view text) const {
  std::vector<std::string> pieces;  // together they are the normalised text, unknown characters included
  const auto status = processor_.Encode(absl::string_view(text.data(), text.size()), &pieces);
  if (!status.ok()) throw_cannot_encode(text.size(), status.ToString());
  std::string normalized;
  for (const std::string& piece : pieces) normalized += piece;
  return segment(normalized);
}

std::vector<std::int32_t> UnigramSegmenter::segment(std::string_view normalized) const {
  struct Node {
    double score = -std::numeric_limits<double>::infinity();  // of the best way to end here
    std::size_t start = 0;
    std::int32_t id = -1;
  };
  std::vector<Node> ends(normalized.size() + 1);
  ends[0].score = 0;
  std::size_t character = 1;
  for (std::size_t start = 0; start < normalized.size(); start += character) {
    character = decode_utf8(normalized, start).bytes;
    bool has_character = false;
    const auto offer = [&](std::size_t length, std::int32_t id, double score) {
      Node& end = ends[start + length];
      if (end.id < 0 || ends[start].score + score > end.score) end = {ends[start].score + score, start, id};
    };
    for (std::size_t length = 1; length <= std::min(longest_, normalized.size() - start); ++length) {
      const auto piece = pieces_.find(normalized.substr(start, length));
      if (piece == pieces_.end()) continue;
      offer(length, piece->second.id, piece->second.score);
      has_character = has_character || length == character;
    }
    if (!has_character) offer(character, unknown_id_, unknown_score_);
  }
  std::vector<std::int32_t> ids;
  for (std::size_t end = normalized.size(); end > 0; end = ends[end].start) {
    if (ends[end].id != unknown_id_ || ids.empty() || ids.back() != unknown_id_) ids.push_back(ends[end].id);  // a run of unknowns is one
  }
  std::reverse(ids.begin(), ids.end());
  return ids;
}

}  // namespace winnow
