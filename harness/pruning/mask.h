#pragma once
#include <ATen/core/Tensor.h>

#include "harness/pruning/plan.h"

namespace winnow {

// Packed masks: bits row-major, most significant first, 1 = kept, the last byte filled with 0 (numpy's packbits).
at::Tensor pack_mask(const at::Tensor& kept);                           // bool, any shape → U8 [⌈n / 8⌉]
at::Tensor unpack_mask(const at::Tensor& bits, at::IntArrayRef shape);  // → bool of that shape, where the bits lie
MaskRecord describe_mask(const std::string& name, at::IntArrayRef shape, const at::Tensor& bits);

}  // namespace winnow
