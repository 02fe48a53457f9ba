#include "harness/sweep/gpu_state.h"

#include <gtest/gtest.h>

namespace winnow {
namespace {

TEST(GpuState, TakesWhatTheDriverTells) {
  NvmlFunctions nvml;
  nvml.energy_millijoules = [](void*, unsigned long long* value) { return *value = 12'500, 0; };
  nvml.clock_mhz = [](void*, int kind, unsigned* value) { return *value = kind == 1 ? 1980 : 2619, 0; };
  nvml.power_limit_milliwatts = [](void*, unsigned* value) { return *value = 700'000, 0; };
  nvml.throttle_reasons = [](void*, unsigned long long* bits) { return *bits = 4, 0; };
  nvml.memory = [](void*, NvmlFunctions::Memory* value) { return *value = {80'000, 30'000, 50'000}, 0; };
  const GpuState state = read_gpu(nvml, nullptr);
  EXPECT_EQ(state.energy_joules, 12.5);
  EXPECT_EQ(state.sm_clock_mhz, 1980);
  EXPECT_EQ(state.memory_clock_mhz, 2619);
  EXPECT_EQ(state.power_limit_watts, 700);
  EXPECT_EQ(state.throttle_reasons, 4u);
  EXPECT_EQ(state.used_bytes, 50'000);
}

TEST(GpuState, WhatTheDriverRefusesStaysZero) {
  NvmlFunctions nvml;
  nvml.clock_mhz = [](void*, int, unsigned* value) { return *value = 7, 3; };
  EXPECT_EQ(read_gpu(nvml, nullptr).sm_clock_mhz, 0);
  EXPECT_EQ(read_gpu({}, nullptr).energy_joules, 0);
}

TEST(GpuState, CountsAsCudaDoes) {
  EXPECT_EQ(nvml_name("cuda", nullptr), "0");
  EXPECT_EQ(nvml_name("cuda:3", ""), "3");
  EXPECT_EQ(nvml_name("cuda:1", "4,6"), "6");
  EXPECT_EQ(nvml_name("cuda", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,1"), "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6");
}

TEST(GpuState, IsNothingOnTheCpu) { EXPECT_FALSE(gpu_state("cpu").has_value()); }

}  // namespace
}  // namespace winnow
