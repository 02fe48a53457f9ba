#pragma once
#include <string>

#include "harness/model/config.h"

namespace winnow {

// How fast tokens can go through a model at most, in tokens per second.
struct TokenSpeed {
  double prefill = 0, decode = 0;
  double calibration_seconds = 0;  // that finding out took
};

// From matrix products in the sizes of the model's experts, for half a second each: many rows at a time, and the few that an expert sees of
// replies generated side by side, whose time goes into reading the matrix.
TokenSpeed calibrate_speed(const ModelConfig& config, const std::string& dtype, const std::string& device);

}  // namespace winnow
