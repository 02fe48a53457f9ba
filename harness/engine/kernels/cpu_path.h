#pragma once
#include <ATen/core/Tensor.h>

namespace winnow {

// How the engine computes on this CPU: with libtorch's operators, or with kernels of its own where the instructions are there.
enum class CpuPath {
  kOperators,     // any CPU
  kAvx512,        // f32 by AVX-512, bf16 by AVX-512 BF16
  kAvx512AndAmx,  // the same for few rows; products of many bf16 rows by the operators, whose oneDNN uses AMX
};

// Of this CPU and dtype.
CpuPath cpu_path(at::ScalarType dtype);
// cpu_path of a tensor; kOperators on other devices.
CpuPath path_of(const at::Tensor& tensor);

// For tests and benchmarks: while it lives, CPUs that could do better take this path.
class ForceCpuPath {
 public:
  explicit ForceCpuPath(CpuPath path);
  ~ForceCpuPath();
  ForceCpuPath(const ForceCpuPath&) = delete;
  ForceCpuPath& operator=(const ForceCpuPath&) = delete;
};

}  // namespace winnow
