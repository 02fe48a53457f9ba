#include <gtest/gtest.h>

#include <cstdio>

#include "tests/core/stopping_simulation.h"

namespace winnow {
namespace {

using Sequence = UntilSettings::Sequence;
using Stop = UntilSettings::Stop;

TEST(Until, CoversInAtLeast94PercentOf2000RunsOfMmlusSize) {
  for (const double discordant : {0.02, 0.1, 0.2}) {
    for (const auto& [stop, sequence] :
         {std::pair{Stop::kWidth, Sequence::kPocock}, {Stop::kDecision, Sequence::kPocock}, {Stop::kDecision, Sequence::kObrienFleming}}) {
      const test::Simulation simulation = test::simulate({.difference = 0.02, .stop = stop, .sequence = sequence}, {.discordant = discordant}, 2000);
      std::printf("discordant %.2f, stop %d, sequence %d: coverage %.4f, share asked %.4f (largest %.4f)\n", discordant, static_cast<int>(stop),
                  static_cast<int>(sequence), simulation.coverage, simulation.mean_share, simulation.largest_share);
      EXPECT_GE(simulation.coverage, 0.94);
      if (stop == Stop::kWidth) EXPECT_LE(simulation.largest_share, 0.15);
    }
  }
}

TEST(Until, AnyTimeCoversToo) {
  const test::Simulation simulation = test::simulate({.difference = 0.05, .sequence = Sequence::kAnyTime}, {.examples = 3000}, 500);
  std::printf("any time: coverage %.4f, share asked %.4f\n", simulation.coverage, simulation.mean_share);
  EXPECT_GE(simulation.coverage, 0.94);
}

}  // namespace
}  // namespace winnow
