#include "harness/app/calibration.h"

#include <algorithm>

#include "harness/app/trace.h"
#include "harness/core/error.h"
#include "harness/sweep/calibration_text.h"

namespace winnow {

CalibrationTokens read_calibration_tokens(const std::string& file, const ModelConfig& config) {
  CalibrationTokens tokens{.sequences = parse_token_lists(read_json_file(file), file, config)};
  for (std::size_t i = 0; i < tokens.sequences.size(); ++i) {
    if (std::ssize(tokens.sequences[i]) > config.max_positions) {
      throw input_error("{}: sequence {} has {} tokens, the model has {} positions; cut it", file, i, tokens.sequences[i].size(), config.max_positions);
    }
  }
  return tokens;
}

CalibrationTokens load_calibration(const CalibrationSpec& calibration, DatasetSource& datasets, const Tokenizer* tokenizer, const ModelConfig& config) {
  if (!calibration.tokens.empty()) return read_calibration_tokens(calibration.tokens, config);
  if (calibration.length > config.max_positions) {
    throw input_error("calibration: sequences of {} tokens were asked for, the model has {} positions; set \"length\" to at most that", calibration.length,
                      config.max_positions);
  }
  const std::vector<std::string> texts = calibration_texts(calibration, datasets);
  if (tokenizer == nullptr) {
    throw input_error("calibration: the model has no tokenizer; give the calibration \"tokens\", a file of ids, or choose a pruner without calibration");
  }
  if (calibration.loader == "stream_window") {
    return stream_windows(tokenizer->encode(fmt::format("{}", fmt::join(texts, " ")), Tokenizer::Special::kAdd), calibration.sequences, calibration.length,
                          calibration.seed);
  }
  const CalibrationDocuments documents{.count = texts.size(),
                                       .encode = [&](std::size_t document) { return tokenizer->encode(texts[document], Tokenizer::Special::kAdd); }};
  const auto load = calibration.loader == "packed"          ? packed_blocks
                    : calibration.loader == "whole_items"   ? whole_items
                    : calibration.loader == "random_window" ? random_windows
                                                            : random_windows_prefiltered;
  return load(documents, calibration.sequences, calibration.length, calibration.seed);
}

}  // namespace winnow
