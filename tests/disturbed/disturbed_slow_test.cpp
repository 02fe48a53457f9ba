#include <csignal>

#include "tests/disturbed/disturbed_sweep.h"

namespace winnow {
namespace {

TEST(Disturbed, TwoHundredKilledAtRandomMomentsAndResumed) { test::kill_and_resume(200, 7); }

TEST(Disturbed, AHundredToldToStopAtRandomMomentsAndResumed) {
  std::vector<int> signals(50, SIGINT);
  signals.resize(100, SIGTERM);
  test::stop_and_resume(signals, 11);
}

}  // namespace
}  // namespace winnow
