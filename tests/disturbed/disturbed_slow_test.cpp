#include "tests/disturbed/disturbed_sweep.h"

namespace winnow {
namespace {

TEST(Disturbed, TwoHundredKilledAtRandomMomentsAndResumed) { test::kill_and_resume(200, 7); }

}  // namespace
}  // namespace winnow
