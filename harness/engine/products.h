#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>
#include <vector>

#include "harness/engine/model.h"

namespace winnow {

// Products of rows with matrices by kernels of our own (cpu_path not kOperators), many products in one parallel region: the region's tasks are
// blocks of 64 columns times up to 512 rows, so that few large and many small products keep all threads busy alike.

template <class T>
struct Product {  // out[r] = rows[r] · weightᵀ + bias
  const Linear* linear;
  const T* const* rows;
  std::int64_t row_count;
  T* out;  // [row_count, out_features]
};
template <class T>
void run_products(const std::vector<Product<T>>& products);

template <class T>
struct GatedProduct {  // out[r] = silu(rows[r] · gateᵀ) * (rows[r] · upᵀ)
  const GatedMlp* mlp;
  const T* const* rows;
  std::int64_t row_count;
  T* out;  // [row_count, width]
};
template <class T>
void run_gated_products(const std::vector<GatedProduct<T>>& products);

// Pointers to the rows of a [rows, size] array.
template <class T>
std::vector<const T*> row_pointers(const T* first, std::int64_t rows, std::int64_t size) {
  std::vector<const T*> pointers(rows);
  for (std::int64_t row = 0; row < rows; ++row) pointers[row] = first + row * size;
  return pointers;
}

}  // namespace winnow
