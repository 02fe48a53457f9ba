#pragma once
#include <string>

#include "tasks/shared/figures.h"

namespace winnow {

// What the machine did beside measuring, between two moments.
struct Conditions {
  MachineState before, after;
  double foreign_cores = 0;  // processors that other processes kept busy, in the mean
  double stolen_share = 0;   // of the processor time that was wanted
  bool contended = false;
};

// Contended: others kept more than a tenth of a processor busy, more than 2 % was stolen, or more wanted to run than `threads` and one.
Conditions conditions_between(const MachineState& before, const MachineState& after, int threads);

void add_conditions(const Conditions& conditions, Figures& figures);
// "; contended: …", "; the GPU's clocks were held down …", or nothing.
std::string remark_on(const Conditions& conditions);

}  // namespace winnow
