#pragma once

namespace winnow {

// From its making on, the first INT, TERM, USR1 or USR2 is noted and the second ends the process at once. Only async-signal-safe
// things happen in the handlers. One at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static bool arrived();
  static int exit_code();  // of the signal that arrived: 130, 143, 75
};

}  // namespace winnow
