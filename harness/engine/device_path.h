#pragma once
#include <ATen/core/Tensor.h>

#include "harness/engine/kernels/cpu_path.h"

namespace winnow {

// Whether a device computes by few large operators with no read by the host between layers: every device but the CPU.
bool takes_device_path(at::Device device);
inline bool takes_device_path(const at::Tensor& tensor) { return takes_device_path(tensor.device()); }

// For tests: while it lives, models that are loaded and run on the CPU take the other devices' path.
class ForceDevicePath {
 public:
  ForceDevicePath();
  ~ForceDevicePath();
  ForceDevicePath(const ForceDevicePath&) = delete;
  ForceDevicePath& operator=(const ForceDevicePath&) = delete;

 private:
  const ForceCpuPath path_{CpuPath::kOperators};
};

}  // namespace winnow
