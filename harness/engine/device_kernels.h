#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "harness/engine/model.h"

namespace winnow {

// Functions of libwinnow_kernels.so, which is built where nvcc is and opened at run time beside the program or in ../lib; null where it is missing.
// Raw device pointers and a CUDA stream; they return a CUDA error code, 0 for none.
struct DeviceKernels {
  int (*expand_bitmap)(const void* bits, const void* values, const std::int64_t* row_begin, void* dense, std::int64_t rows, std::int64_t columns,
                       void* stream) = nullptr;  // values and dense of 16 bits
};
const DeviceKernels& device_kernels();

// Behind what the current stream of the tensors' device was given to do.
void run_expand_bitmap(const BitmapMatrices& packed, at::Tensor& dense);

}  // namespace winnow
