#pragma once
#include <span>
#include <string>

#include "harness/core/trial.h"

namespace winnow {

// Whether the trial measured the engine instead of asking questions: such trials have tables of their own and no rank.
bool is_measurement(const Trial& trial);

// Pure. A short table for each measurement that some trial is of (footprint, speed, divergence, reconstruction_error …), models and variants in the order of
// the trials, with what to know about the numbers below. Empty where no trial is a measurement.
std::string measurement_tables(std::span<const Trial> trials);

}  // namespace winnow
