#pragma once
#include <sentencepiece_processor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace winnow {

// The best segmentation under a Unigram model, with scores added up in double as Hugging Face's tokenizers and newer SentencePieces do: 0.1.97
// adds them in float, and where two segmentations are equally good (".|......" and "......|.") rounding then decides.
class UnigramSegmenter {
 public:
  explicit UnigramSegmenter(const sentencepiece::SentencePieceProcessor& processor);

  // Ids of what the processor made of a text; its normalised text is cut anew.
  std::vector<std::int32_t> encode(std::string_view text) const;

 private:
  struct Piece {
    std::int32_t id;
    double score;
  };
  std::vector<std::int32_t> segment(std::string_view normalized) const;

  const sentencepiece::SentencePieceProcessor& processor_;
  std::unordered_map<std::string_view, Piece> pieces_;  // views into the processor's own strings
  std::size_t longest_ = 1;
  double unknown_score_ = 0;
  std::int32_t unknown_id_ = 0;
};

}  // namespace winnow
