#pragma once
#include <optional>
#include <string>

#include "harness/api/measure.h"

namespace winnow {

// What is asked of NVML, the driver's library; each returns 0 when it could. A device is NVML's handle.
struct NvmlFunctions {
  int (*energy_millijoules)(void* device, unsigned long long* value) = nullptr;
  int (*clock_mhz)(void* device, int kind, unsigned* value) = nullptr;  // 1: of the multiprocessors, 2: of the memory
  int (*power_limit_milliwatts)(void* device, unsigned* value) = nullptr;
  int (*throttle_reasons)(void* device, unsigned long long* bits) = nullptr;
  struct Memory {
    unsigned long long total, free, used;
  };
  int (*memory)(void* device, Memory* value) = nullptr;
};

// What a function does not tell stays 0.
GpuState read_gpu(const NvmlFunctions& nvml, void* device);

// Of "cuda" or "cuda:N", as CUDA_VISIBLE_DEVICES counts; nothing for the CPU and where there is no NVML. NVML is opened at the first call.
std::optional<GpuState> gpu_state(const std::string& device);

// What NVML calls the device: an index, or an identity "GPU-…".
std::string nvml_name(const std::string& device, const char* cuda_visible_devices);

}  // namespace winnow
