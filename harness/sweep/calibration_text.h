#pragma once
#include <string>
#include <vector>

#include "harness/api/dataset.h"
#include "harness/sweep/sweep_file.h"

namespace winnow {

// One text for each document of a calibration by data set or file: its fields joined by spaces (MATH as Lu et al.: problem, solution; MMLU as its prompts have it).
// Throws Error(kInput) naming what has no such field.
std::vector<std::string> calibration_texts(const CalibrationSpec& calibration, DatasetSource& datasets);

// Digest of everything about it that decides token ids, but for the tokenizer: settings and data, no paths.
std::string calibration_sha256(const CalibrationSpec& calibration, DatasetSource& datasets);

}  // namespace winnow
