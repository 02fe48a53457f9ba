#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace winnow {

constexpr std::int64_t kBlockColumns = 64;

// Working memory of one thread for products; grows, never shrinks.
struct ProductScratch {
  float* panel = nullptr;  // one packed block of weights
  static ProductScratch& of_this_thread();
};

// out[r][c] = Σ_i rows[r][i] · weight[c · stride + i] in f32 for r < row_count and c < columns ≤ kBlockColumns; rows of `out` are kBlockColumns apart.
// Few rows read the weights as they lie (a dot product each), many rows from a panel packed for them.
template <class T>
void block_product(const T* const* rows, std::int64_t row_count, const T* weight, std::int64_t stride, std::int64_t columns, std::int64_t depth, float* out,
                   ProductScratch& scratch);

// The transposed case of attention: out[r][c] += Σ_i rows[r][i] · weight[i · stride + c]; rows have room for depth rounded up to even, filled with 0.
template <class T>
void add_transposed_product(const T* const* rows, std::int64_t row_count, const T* weight, std::int64_t stride, std::int64_t columns, std::int64_t depth,
                            float* out, std::int64_t out_stride, ProductScratch& scratch);

}  // namespace winnow
