#include "harness/engine/kernels/rows.h"

#include <cmath>

#include "harness/engine/kernels/product.h"
#include "harness/engine/kernels/vectors.h"

namespace winnow {

template <class T>
WINNOW_AVX512 void store_block(const float* block, std::int64_t rows, std::int64_t columns, const T* bias, T* out, std::int64_t out_stride) {
  for (std::int64_t c = 0; c < columns; c += kLanes) {
    const __mmask16 mask = tail_mask(columns - c);
    const __m512 offset = bias == nullptr ? _mm512_setzero_ps() : load16(bias + c, mask);
    for (std::int64_t r = 0; r < rows; ++r) store16(out + r * out_stride + c, _mm512_add_ps(_mm512_loadu_ps(block + r * kBlockColumns + c), offset), mask);
  }
}

template <class T>
WINNOW_AVX512 void store_gated_block(const float* gate, const float* up, std::int64_t rows, std::int64_t columns, T* out, std::int64_t out_stride) {
  const __m512 one = _mm512_set1_ps(1.0f);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; c += kLanes) {
      const __m512 x = _mm512_loadu_ps(gate + r * kBlockColumns + c);
      const __m512 silu = _mm512_div_ps(x, _mm512_add_ps(one, exp16(_mm512_sub_ps(_mm512_setzero_ps(), x))));
      store16(out + r * out_stride + c, _mm512_mul_ps(silu, _mm512_loadu_ps(up + r * kBlockColumns + c)), tail_mask(columns - c));
    }
  }
}

template <class T>
WINNOW_AVX512 void norm_row(const T* x, const T* weight, std::int64_t size, float epsilon, T* out) {
  __m512 squares = _mm512_setzero_ps();
  for (std::int64_t i = 0; i < size; i += kLanes) {
    const __m512 value = load16(x + i, tail_mask(size - i));
    squares = _mm512_fmadd_ps(value, value, squares);
  }
  const __m512 scale = _mm512_set1_ps(1.0f / std::sqrt(_mm512_reduce_add_ps(squares) / static_cast<float>(size) + epsilon));
  for (std::int64_t i = 0; i < size; i += kLanes) {
    const __mmask16 mask = tail_mask(size - i);
    store16(out + i, _mm512_mul_ps(load16(weight + i, mask), rounded(_mm512_mul_ps(load16(x + i, mask), scale), x)), mask);
  }
}

template <class T>
WINNOW_AVX512 void add_row(const T* a, const T* b, std::int64_t size, T* out) {
  for (std::int64_t i = 0; i < size; i += kLanes) {
    const __mmask16 mask = tail_mask(size - i);
    store16(out + i, _mm512_add_ps(load16(a + i, mask), load16(b + i, mask)), mask);
  }
}

template <class T>
WINNOW_AVX512 void widen_row(const T* from, std::int64_t size, float* to) {
  for (std::int64_t i = 0; i < size; i += kLanes) {
    const __mmask16 mask = tail_mask(size - i);
    store16(to + i, load16(from + i, mask), mask);
  }
}

template <class T>
WINNOW_AVX512 void rotate_row(const T* from, std::int64_t heads, std::int64_t half, const float* cosine, const float* sine, T* to) {
  for (std::int64_t head = 0; head < heads; ++head, from += 2 * half, to += 2 * half) {
    for (std::int64_t j = 0; j < half; j += kLanes) {
      const __mmask16 mask = tail_mask(half - j);
      const __m512 first = load16(from + j, mask), second = load16(from + half + j, mask);
      const __m512 c = load16(cosine + j, mask), s = load16(sine + j, mask);
      store16(to + j, _mm512_sub_ps(_mm512_mul_ps(first, c), _mm512_mul_ps(second, s)), mask);
      store16(to + half + j, _mm512_add_ps(_mm512_mul_ps(second, c), _mm512_mul_ps(first, s)), mask);
    }
  }
}

template <class T>
WINNOW_AVX512 void weighted_sum(const T* const* rows, const float* weights, std::int64_t count, std::int64_t size, T* out) {
  for (std::int64_t i = 0; i < size; i += kLanes) {
    const __mmask16 mask = tail_mask(size - i);
    __m512 sum = _mm512_setzero_ps();
    for (std::int64_t row = 0; row < count; ++row) sum = _mm512_fmadd_ps(_mm512_set1_ps(weights[row]), load16(rows[row] + i, mask), sum);
    store16(out + i, sum, mask);
  }
}

template <class T>
WINNOW_AVX512 RowStatistics row_statistics(const T* row, std::int64_t size) {
  const __m512 lowest = _mm512_set1_ps(-INFINITY);
  __m512 largest = lowest;
  __mmask16 not_a_number = 0;
  for (std::int64_t i = 0; i < size; i += kLanes) {
    const __mmask16 mask = tail_mask(size - i);
    const __m512 value = load16(row + i, mask);
    not_a_number |= _mm512_mask_cmp_ps_mask(mask, value, value, _CMP_UNORD_Q);
    largest = _mm512_mask_max_ps(largest, mask, largest, value);
  }
  RowStatistics result{_mm512_reduce_max_ps(largest), 0, 0};
  if (not_a_number != 0) return {NAN, NAN, 0};
  const __m512 top = _mm512_set1_ps(result.largest);
  __m512 sum = _mm512_setzero_ps();
  bool found = false;
  for (std::int64_t i = 0; i < size; i += kLanes) {
    const __mmask16 mask = tail_mask(size - i);
    const __m512 value = load16(row + i, mask);
    sum = _mm512_mask_add_ps(sum, mask, sum, exp16(_mm512_sub_ps(value, top)));
    const __mmask16 equal = _mm512_mask_cmp_ps_mask(mask, value, top, _CMP_EQ_OQ);
    if (!found && equal != 0) {
      result.argmax = i + __builtin_ctz(equal);
      found = true;
    }
  }
  result.log_sum = result.largest + std::log(_mm512_reduce_add_ps(sum));
  return result;
}

#define WINNOW_INSTANTIATE(T)                                                                                \
  template void store_block(const float*, std::int64_t, std::int64_t, const T*, T*, std::int64_t);           \
  template void store_gated_block(const float*, const float*, std::int64_t, std::int64_t, T*, std::int64_t); \
  template void norm_row(const T*, const T*, std::int64_t, float, T*);                                       \
  template void add_row(const T*, const T*, std::int64_t, T*);                                               \
  template void widen_row(const T*, std::int64_t, float*);                                                   \
  template void rotate_row(const T*, std::int64_t, std::int64_t, const float*, const float*, T*);            \
  template void weighted_sum(const T* const*, const float*, std::int64_t, std::int64_t, T*);                 \
  template RowStatistics row_statistics(const T*, std::int64_t);
WINNOW_INSTANTIATE(float)
WINNOW_INSTANTIATE(c10::BFloat16)
#undef WINNOW_INSTANTIATE

}  // namespace winnow
