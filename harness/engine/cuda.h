#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace winnow {

// Opens libtorch_cuda.so beside libtorch_cpu.so, which registers the back end, and gives the first device. Throws Error(kUnsupported) saying
// which of library, driver or device is missing.
at::Device open_cuda();

// What libtorch's allocator of a device has given out, and what is left for it to give out: free on the device, or held by it already.
struct DeviceMemory {
  std::int64_t allocated_bytes = 0, allocated_peak_bytes = 0, reserved_peak_bytes = 0, free_bytes = 0;
};
DeviceMemory device_memory(at::Device device);  // no CPU
void restart_device_peaks(at::Device device);

}  // namespace winnow
