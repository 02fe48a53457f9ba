#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace winnow {

// Token sequences that a pruner observes a model on.
struct CalibrationTokens {
  std::vector<std::vector<std::int32_t>> sequences;
  std::int64_t tokens() const;
  std::string sha256() const;  // over lengths and ids
};

// Documents to draw from; `encode` gives the ids of one with the tokenizer's special tokens (BOS), and is called only for documents that are needed.
struct CalibrationDocuments {
  std::size_t count = 0;
  std::function<std::vector<std::int32_t>(std::size_t document)> encode;
};

// Lu et al. and STUN: documents shuffled as numpy's default_rng(seed).permutation, the first 16 · sequences of them concatenated in groups of 1,000,
// cut into blocks of `length`, remainders dropped; a group that does not fill one block stays as a short one. 0 sequences: all there are. Throws Error(kInput) where there are too few tokens, with the number there is.
CalibrationTokens packed_blocks(const CalibrationDocuments& documents, std::size_t sequences, std::size_t length, std::uint64_t seed);

// SparseGPT and Wanda: Python's random.seed(seed); a random document longer than `length`, a random window of it, until there are enough.
CalibrationTokens random_windows(const CalibrationDocuments& documents, std::size_t sequences, std::size_t length, std::uint64_t seed);

// STUN's variant: documents of at most `length` tokens are taken out first, so the same seed draws others.
CalibrationTokens random_windows_prefiltered(const CalibrationDocuments& documents, std::size_t sequences, std::size_t length, std::uint64_t seed);

// Random windows of one long text (the papers' WikiText-2 loader).
CalibrationTokens stream_windows(const std::vector<std::int32_t>& stream, std::size_t sequences, std::size_t length, std::uint64_t seed);

// Documents in shuffled order, each a sequence of its own, cut to `length` ids.
CalibrationTokens whole_items(const CalibrationDocuments& documents, std::size_t sequences, std::size_t length, std::uint64_t seed);

}  // namespace winnow
