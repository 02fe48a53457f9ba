#pragma once
#include <c10/core/ScalarType.h>

#include <string>
#include <string_view>

#include "harness/core/error.h"

namespace winnow {

// The words for dtypes of weights and runs: "f32", "f16", "bf16".
inline at::ScalarType scalar_type(std::string_view dtype) {
  if (dtype == "f32") return at::kFloat;
  if (dtype == "f16") return at::kHalf;
  if (dtype == "bf16") return at::kBFloat16;
  throw input_error("there is no dtype '{}'; expected f32, f16 or bf16", dtype);
}

inline std::int64_t element_bytes(std::string_view dtype) { return dtype == "f32" ? 4 : 2; }

}  // namespace winnow
