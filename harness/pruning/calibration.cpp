#include "harness/pruning/calibration.h"

#include <algorithm>
#include <limits>
#include <set>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/python_random.h"

namespace winnow {
namespace {

constexpr std::size_t kGroup = 1000;  // documents that datasets.map hands the papers' packing function at a time

std::vector<std::uint32_t> seed_words(std::uint64_t seed) {
  std::vector<std::uint32_t> words = {static_cast<std::uint32_t>(seed)};
  if (seed >> 32) words.push_back(static_cast<std::uint32_t>(seed >> 32));
  return words;
}

std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed) { return NumpyRandom(seed_words(seed)).permutation(count); }

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

void check_request(const CalibrationDocuments& documents, std::size_t sequences, std::size_t length) {
  if (documents.count == 0) throw input_error("calibration: there are no documents; name a data set that has some");
  if (sequences == 0 || length < 2)
    throw input_error("calibration: {} sequences of {} tokens were asked for; at least one of two tokens is expected", sequences, length);
}

// Blocks of one group of documents: whole ones, or a single short one where all of the group's tokens do not fill a block.
void cut_group(const std::vector<std::int32_t>& ids, std::size_t length, std::size_t wanted, std::vector<std::vector<std::int32_t>>& blocks) {
  if (ids.size() < length) {
    if (!ids.empty()) blocks.push_back(ids);
    return;
  }
  for (std::size_t begin = 0; begin + length <= ids.size() && blocks.size() < wanted; begin += length) {
    blocks.emplace_back(ids.begin() + begin, ids.begin() + begin + length);
  }
}

using Pick = std::function<std::size_t(PythonRandom& random)>;

CalibrationTokens draw_windows(std::size_t sequences, std::size_t length, std::uint64_t seed, const CalibrationDocuments& documents, const Pick& pick) {
  PythonRandom random(seed);
  std::set<std::size_t> too_short;
  CalibrationTokens tokens;
  while (tokens.sequences.size() < sequences) {
    const std::size_t document = pick(random);
    if (too_short.contains(document)) continue;
    const std::vector<std::int32_t> ids = documents.encode(document);
    if (ids.size() <= length) {
      too_short.insert(document);
      if (too_short.size() == documents.count) {
        throw input_error("calibration: none of the {} documents is longer than {} tokens; lower \"length\" or use the loader \"packed\"", documents.count,
                          length);
      }
      continue;
    }
    // As in the reference, a document's last token is never used.
    const auto begin = ids.begin() + random.integer(0, static_cast<std::int64_t>(ids.size() - length - 1));
    tokens.sequences.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(length));
  }
  return tokens;
}

}  // namespace

std::int64_t CalibrationTokens::tokens() const {
  std::int64_t count = 0;
  for (const auto& sequence : sequences) count += std::ssize(sequence);
  return count;
}

std::string CalibrationTokens::sha256() const {
  Sha256 digest;
  for (const auto& sequence : sequences) {
    const std::uint64_t length = sequence.size();
    digest.update({reinterpret_cast<const char*>(&length), sizeof length});
    digest.update({reinterpret_cast<const char*>(sequence.data()), sequence.size() * sizeof(std::int32_t)});
  }
  return digest.hex();
}

CalibrationTokens packed_blocks(const CalibrationDocuments& documents, std::size_t sequences, std::size_t length, std::uint64_t seed) {
  check_request(documents, std::max<std::size_t>(sequences, 1), length);
  std::vector<std::size_t> order = shuffled(documents.count, seed);
  if (sequences > 0) order.resize(std::min(order.size(), 16 * sequences));
  const std::size_t wanted = sequences > 0 ? sequences : kAll;
  CalibrationTokens tokens;
  for (std::size_t begin = 0; begin < order.size() && tokens.sequences.size() < wanted; begin += kGroup) {
    std::vector<std::int32_t> group;
    const std::size_t end = std::min(begin + kGroup, order.size());
    const std::size_t needed = sequences > 0 ? (wanted - tokens.sequences.size()) * length : kAll;
    for (std::size_t i = begin; i < end && group.size() < needed; ++i) {
      const std::vector<std::int32_t> ids = documents.encode(order[i]);
      group.insert(group.end(), ids.begin(), ids.end());
    }
    cut_group(group, length, wanted, tokens.sequences);
  }
  if (tokens.sequences.size() < sequences) {
    throw input_error("calibration: {} documents give {} blocks of {} tokens, {} were asked for; lower \"sequences\" or \"length\", or name a larger data set",
                      documents.count, tokens.sequences.size(), length, sequences);
  }
  return tokens;
}

CalibrationTokens random_windows(const CalibrationDocuments& documents, std::size_t sequences, std::size_t length, std::uint64_t seed) {
  check_request(documents, sequences, length);
  return draw_windows(sequences, length, seed, documents,
                      [&](PythonRandom& random) { return random.integer(0, static_cast<std::int64_t>(documents.count) - 1); });
}

CalibrationTokens random_windows_prefiltered(const CalibrationDocuments& documents, std::size_t sequences, std::size_t length, std::uint64_t seed) {
  check_request(documents, sequences, length);
  std::vector<std::size_t> long_enough;
  for (std::size_t document = 0; document < documents.count; ++document) {
    if (documents.encode(document).size() > length) long_enough.push_back(document);
  }
  if (long_enough.empty()) {
    throw input_error("calibration: none of the {} documents is longer than {} tokens; lower \"length\" or use the loader \"packed\"", documents.count, length);
  }
  return draw_windows(sequences, length, seed, documents, [&](PythonRandom& random) { return long_enough[random.integer(0, std::ssize(long_enough) - 1)]; });
}

CalibrationTokens stream_windows(const std::vector<std::int32_t>& stream, std::size_t sequences, std::size_t length, std::uint64_t seed) {
  const CalibrationDocuments whole{.count = 1, .encode = [&](std::size_t) { return stream; }};
  check_request(whole, sequences, length);
  if (stream.size() <= length) throw input_error("calibration: the text has {} tokens, windows of {} were asked for; lower \"length\"", stream.size(), length);
  PythonRandom random(seed);
  CalibrationTokens tokens;
  while (tokens.sequences.size() < sequences) {
    const auto begin = stream.begin() + random.integer(0, static_cast<std::int64_t>(stream.size() - length - 1));
    tokens.sequences.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(length));
  }
  return tokens;
}

CalibrationTokens whole_items(const CalibrationDocuments& documents, std::size_t sequences, std::size_t length, std::uint64_t seed) {
  check_request(documents, sequences, length);
  CalibrationTokens tokens;
  for (const std::size_t document : shuffled(documents.count, seed)) {
    if (tokens.sequences.size() == sequences) break;
    std::vector<std::int32_t> ids = documents.encode(document);
    ids.resize(std::min(ids.size(), length));
    if (!ids.empty()) tokens.sequences.push_back(std::move(ids));
  }
  if (tokens.sequences.size() < sequences) {
    throw input_error("calibration: the data set has {} items, {} sequences were asked for; lower \"sequences\"", documents.count, sequences);
  }
  return tokens;
}

}  // namespace winnow
