#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

#include "harness/engine/kernels/target.h"

// What happens to single rows between the products. T is float or c10::BFloat16; to be called only where cpu_path is not kOperators.
namespace winnow {

// A block of a product, [rows][kBlockColumns] f32, plus bias (may be null), to out.
template <class T>
WINNOW_AVX512 void store_block(const float* block, std::int64_t rows, std::int64_t columns, const T* bias, T* out, std::int64_t out_stride);

// silu(gate) · up, blocks as above.
template <class T>
WINNOW_AVX512 void store_gated_block(const float* gate, const float* up, std::int64_t rows, std::int64_t columns, T* out, std::int64_t out_stride);

// out = weight · round(x · rsqrt(mean(x²) + epsilon))
template <class T>
WINNOW_AVX512 void norm_row(const T* x, const T* weight, std::int64_t size, float epsilon, T* out);

template <class T>
WINNOW_AVX512 void add_row(const T* a, const T* b, std::int64_t size, T* out);

template <class T>
WINNOW_AVX512 void widen_row(const T* from, std::int64_t size, float* to);

// Rotates the pairs (j, j + half) of `heads` heads of 2 · half values by cosine and sine [half].
template <class T>
WINNOW_AVX512 void rotate_row(const T* from, std::int64_t heads, std::int64_t half, const float* cosine, const float* sine, T* to);

// out = Σ_i weights[i] · rows[i], i < count, summed in f32.
template <class T>
WINNOW_AVX512 void weighted_sum(const T* const* rows, const float* weights, std::int64_t count, std::int64_t size, T* out);

struct RowStatistics {
  float largest, log_sum;  // log Σ exp
  std::int64_t argmax;     // the first
};
template <class T>
WINNOW_AVX512 RowStatistics row_statistics(const T* row, std::int64_t size);

}  // namespace winnow
