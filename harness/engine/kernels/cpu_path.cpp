#include "harness/engine/kernels/cpu_path.h"

#include <ATen/ATen.h>
#include <cpuid.h>

#include <optional>

namespace winnow {
namespace {

std::optional<CpuPath> forced;

bool has_amx_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAmxBf16 = 1u << 22;  // CPUID.(7,0):EDX
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxBf16) != 0;
}

CpuPath detect(at::ScalarType dtype) {
  const bool base = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
  if (!base) return CpuPath::kOperators;
  if (dtype == at::kFloat) return CpuPath::kAvx512;
  if (dtype != at::kBFloat16 || !__builtin_cpu_supports("avx512bf16")) return CpuPath::kOperators;
  return has_amx_bf16() ? CpuPath::kAvx512AndAmx : CpuPath::kAvx512;
}

}  // namespace

CpuPath cpu_path(at::ScalarType dtype) {
  if (forced == CpuPath::kOperators) return CpuPath::kOperators;
  static const CpuPath f32 = detect(at::kFloat), bf16 = detect(at::kBFloat16);
  const CpuPath found = dtype == at::kFloat ? f32 : dtype == at::kBFloat16 ? bf16 : CpuPath::kOperators;
  return forced && found != CpuPath::kOperators ? *forced : found;
}

CpuPath path_of(const at::Tensor& tensor) { return tensor.is_cpu() ? cpu_path(tensor.scalar_type()) : CpuPath::kOperators; }

ForceCpuPath::ForceCpuPath(CpuPath path) { forced = path; }
ForceCpuPath::~ForceCpuPath() { forced.reset(); }

}  // namespace winnow
