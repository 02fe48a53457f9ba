#pragma once
#include "harness/api/dataset.h"
#include "harness/model/config.h"
#include "harness/pruning/calibration.h"
#include "harness/sweep/sweep_file.h"
#include "harness/text/tokenizer.h"

namespace winnow {

// The token sequences of a calibration: read from its file of ids, or tokenised and cut by its loader. `tokenizer` may be null for ids.
// Throws Error(kInput) where there is too little text, or sequences longer than the model's positions are asked for.
CalibrationTokens load_calibration(const CalibrationSpec& calibration, DatasetSource& datasets, const Tokenizer* tokenizer, const ModelConfig& config);

CalibrationTokens read_calibration_tokens(const std::string& file, const ModelConfig& config);

}  // namespace winnow
