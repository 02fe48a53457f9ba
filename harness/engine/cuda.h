#pragma once
#include <ATen/core/Tensor.h>

namespace winnow {

// Opens libtorch_cuda.so beside libtorch_cpu.so, which registers the back end, and gives the first device. Throws Error(kUnsupported) saying
// which of library, driver or device is missing.
at::Device open_cuda();

}  // namespace winnow
