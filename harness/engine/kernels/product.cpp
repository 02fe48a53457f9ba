#include "harness/engine/kernels/product.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "harness/engine/kernels/vectors.h"

namespace winnow {
namespace {

// From here on packing the weights costs less than it saves.
constexpr std::int64_t kManyRows = 24;
// Depth of a panel in 4-byte units (one float, or two bf16): 128 KB, which stay in the second-level cache while all rows pass.
constexpr std::int64_t kPanelDepth = 512;
constexpr int kPanelVectors = kBlockColumns / kLanes;

template <class T>
constexpr std::int64_t kPerUnit = 4 / sizeof(T);
template <class T>
constexpr std::int64_t kPerVector = 64 / sizeof(T);

WINNOW_AVX512_INLINE __m512i load_units(const void* from) { return _mm512_loadu_si512(from); }

WINNOW_AVX512_INLINE __m512 multiply_add(__m512 sum, __m512i a, __m512i b, const float*) {
  return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
}
WINNOW_AVX512_INLINE __m512 multiply_add(__m512 sum, __m512i a, __m512i b, const c10::BFloat16*) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }

// Up to one vector of a row, zeros behind its end.
WINNOW_AVX512_INLINE __m512i load_part(const float* from, std::int64_t left) { return _mm512_castps_si512(_mm512_maskz_loadu_ps(tail_mask(left), from)); }
WINNOW_AVX512_INLINE __m512i load_part(const c10::BFloat16* from, std::int64_t left) {
  return _mm512_maskz_loadu_epi16(left >= 32 ? __mmask32(0xffffffffu) : __mmask32((1u << left) - 1u), from);
}

// Dot products of R rows with C weight rows: every vector loaded is used R or C times.
template <class T, int R, int C>
WINNOW_AVX512 void dot_tile(const T* const* rows, const T* weight, std::int64_t stride, std::int64_t depth, float* out) {
  __m512 sums[R][C];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sums[r][c] = _mm512_setzero_ps();
  }
  const std::int64_t whole = depth - depth % kPerVector<T>;
  for (std::int64_t i = 0; i < whole; i += kPerVector<T>) {
    __m512i w[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) w[c] = load_units(weight + c * stride + i);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512i x = load_units(rows[r] + i);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) sums[r][c] = multiply_add(sums[r][c], x, w[c], rows[r]);
    }
  }
  if (whole < depth) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512i x = load_part(rows[r] + whole, depth - whole);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) sums[r][c] = multiply_add(sums[r][c], x, load_part(weight + c * stride + whole, depth - whole), rows[r]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) out[r * kBlockColumns + c] = _mm512_reduce_add_ps(sums[r][c]);
  }
}

template <class T, int R>
WINNOW_AVX512 void dot_rows(const T* const* rows, const T* weight, std::int64_t stride, std::int64_t columns, std::int64_t depth, float* out) {
  constexpr int kColumns = R == 1 ? 8 : 4;
  std::int64_t c = 0;
  for (; c + kColumns <= columns; c += kColumns) dot_tile<T, R, kColumns>(rows, weight + c * stride, stride, depth, out + c);
  for (; c < columns; ++c) dot_tile<T, R, 1>(rows, weight + c * stride, stride, depth, out + c);
}

template <class T>
WINNOW_AVX512 void dot_product(const T* const* rows, std::int64_t row_count, const T* weight, std::int64_t stride, std::int64_t columns, std::int64_t depth,
                               float* out) {
  constexpr std::int64_t kGroup = 8;  // columns whose weights stay in the first-level cache while all rows pass
  for (std::int64_t c = 0; c < columns; c += kGroup) {
    const std::int64_t some = std::min(kGroup, columns - c);
    const T* from = weight + c * stride;
    std::int64_t r = 0;
    for (; r + 4 <= row_count; r += 4) dot_rows<T, 4>(rows + r, from, stride, some, depth, out + r * kBlockColumns + c);
    float* const rest = out + r * kBlockColumns + c;
    switch (row_count - r) {
      case 1: dot_rows<T, 1>(rows + r, from, stride, some, depth, rest); break;
      case 2: dot_rows<T, 2>(rows + r, from, stride, some, depth, rest); break;
      case 3: dot_rows<T, 3>(rows + r, from, stride, some, depth, rest); break;
      default: break;
    }
  }
}

WINNOW_AVX512_INLINE void swap_halves(__m512& a, __m512& b, int step) {
  const __m512 x = a, y = b;
  if (step == 1) {
    a = _mm512_unpacklo_ps(x, y);
    b = _mm512_unpackhi_ps(x, y);
  } else {
    a = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
    b = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
  }
}

// Transposes 16 rows of 16 units and stores row u at to + u · kBlockColumns, u < units.
WINNOW_AVX512 void store_transposed(__m512* v, std::int64_t units, float* to) {
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) swap_halves(v[i], v[i + 1], 1);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4) {
    swap_halves(v[i], v[i + 2], 2);
    swap_halves(v[i + 1], v[i + 3], 2);
  }
  // v[4g + q] now holds, in each 128-bit lane l, unit 4l + order[q] of rows 4g … 4g + 3.
  constexpr int kOrder[4] = {0, 2, 1, 3};
#pragma GCC unroll 4
  for (int q = 0; q < 4; ++q) {
    const __m512 low01 = _mm512_shuffle_f32x4(v[q], v[4 + q], 0x44), high01 = _mm512_shuffle_f32x4(v[q], v[4 + q], 0xee);
    const __m512 low23 = _mm512_shuffle_f32x4(v[8 + q], v[12 + q], 0x44), high23 = _mm512_shuffle_f32x4(v[8 + q], v[12 + q], 0xee);
    const __m512 lanes[4] = {_mm512_shuffle_f32x4(low01, low23, 0x88), _mm512_shuffle_f32x4(low01, low23, 0xdd), _mm512_shuffle_f32x4(high01, high23, 0x88),
                             _mm512_shuffle_f32x4(high01, high23, 0xdd)};
    const int place = kOrder[q];
#pragma GCC unroll 4
    for (int lane = 0; lane < 4; ++lane) {
      if (4 * lane + place < units) _mm512_storeu_ps(to + (4 * lane + place) * kBlockColumns, lanes[lane]);
    }
  }
}

// panel[u][c] = unit u of weight row c (two bf16 make a unit), zero for c ≥ columns.
template <class T>
WINNOW_AVX512 void pack_panel(const T* weight, std::int64_t stride, std::int64_t columns, std::int64_t units, float* panel) {
  for (std::int64_t c = 0; c < columns; c += kLanes) {
    for (std::int64_t u = 0; u < units; u += kLanes) {
      __m512 v[16];
      const __mmask16 mask = tail_mask(units - u);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        v[i] = c + i < columns ? _mm512_maskz_loadu_ps(mask, weight + (c + i) * stride + u * kPerUnit<T>) : _mm512_setzero_ps();
      }
      store_transposed(v, units - u, panel + u * kBlockColumns + c);
    }
  }
}

// R rows times a panel of V vectors of columns.
template <class T, int R, int V>
WINNOW_AVX512 void panel_tile(const T* const* rows, std::int64_t first_unit, std::int64_t units, const float* panel, float* out, std::int64_t out_stride,
                              int add) {
  __m512 sums[R][V];
  const float* x[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    x[r] = reinterpret_cast<const float*>(rows[r]) + first_unit;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sums[r][v] = add ? _mm512_loadu_ps(out + r * out_stride + v * kLanes) : _mm512_setzero_ps();
  }
  for (std::int64_t u = 0; u < units; ++u) {
    __m512i w[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) w[v] = load_units(panel + u * kBlockColumns + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512i unit = _mm512_castps_si512(_mm512_set1_ps(x[r][u]));
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[r][v] = multiply_add(sums[r][v], w[v], unit, rows[r]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) _mm512_storeu_ps(out + r * out_stride + v * kLanes, sums[r][v]);
  }
}

template <class T, int V>
void panel_rows(const T* const* rows, std::int64_t row_count, std::int64_t first_unit, std::int64_t units, const float* panel, float* out,
                std::int64_t out_stride, int add) {
  std::int64_t r = 0;
  for (; r + 6 <= row_count; r += 6) panel_tile<T, 6, V>(rows + r, first_unit, units, panel, out + r * out_stride, out_stride, add);
  float* const rest = out + r * out_stride;
  switch (row_count - r) {
    case 1: panel_tile<T, 1, V>(rows + r, first_unit, units, panel, rest, out_stride, add); break;
    case 2: panel_tile<T, 2, V>(rows + r, first_unit, units, panel, rest, out_stride, add); break;
    case 3: panel_tile<T, 3, V>(rows + r, first_unit, units, panel, rest, out_stride, add); break;
    case 4: panel_tile<T, 4, V>(rows + r, first_unit, units, panel, rest, out_stride, add); break;
    case 5: panel_tile<T, 5, V>(rows + r, first_unit, units, panel, rest, out_stride, add); break;
    default: break;
  }
}

template <class T>
void panel_product(const T* const* rows, std::int64_t row_count, std::int64_t columns, std::int64_t first_unit, std::int64_t units, const float* panel,
                   float* out, std::int64_t out_stride, int add) {
  switch ((columns + kLanes - 1) / kLanes) {
    case 1: return panel_rows<T, 1>(rows, row_count, first_unit, units, panel, out, out_stride, add);
    case 2: return panel_rows<T, 2>(rows, row_count, first_unit, units, panel, out, out_stride, add);
    case 3: return panel_rows<T, 3>(rows, row_count, first_unit, units, panel, out, out_stride, add);
    default: return panel_rows<T, kPanelVectors>(rows, row_count, first_unit, units, panel, out, out_stride, add);
  }
}

// panel[u][c]: rows of the weight as they lie, or two bf16 rows interleaved; zeros behind the last column and an odd last row.
WINNOW_AVX512 void interleave(const float* weight, std::int64_t stride, std::int64_t columns, std::int64_t depth, float* panel) {
  for (std::int64_t i = 0; i < depth; ++i) {
    for (std::int64_t c = 0; c < columns; c += kLanes) _mm512_storeu_ps(panel + i * kBlockColumns + c, load16(weight + i * stride + c, tail_mask(columns - c)));
  }
}
WINNOW_AVX512 void interleave(const c10::BFloat16* weight, std::int64_t stride, std::int64_t columns, std::int64_t depth, float* panel) {
  for (std::int64_t i = 0; i < depth; i += 2) {
    for (std::int64_t c = 0; c < columns; c += kLanes) {
      const __mmask16 mask = tail_mask(columns - c);
      const __m512i even = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, weight + i * stride + c));
      const __m512i odd = i + 1 < depth ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, weight + (i + 1) * stride + c)) : _mm512_setzero_si512();
      _mm512_storeu_si512(panel + i / 2 * kBlockColumns + c, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
    }
  }
}

}  // namespace

ProductScratch& ProductScratch::of_this_thread() {
  struct Owner : ProductScratch {
    Owner() { panel = static_cast<float*>(::operator new(kPanelDepth* kBlockColumns * sizeof(float), std::align_val_t{64})); }
    ~Owner() { ::operator delete(panel, std::align_val_t{64}); }
  };
  thread_local Owner owner;
  return owner;
}

template <class T>
void block_product(const T* const* rows, std::int64_t row_count, const T* weight, std::int64_t stride, std::int64_t columns, std::int64_t depth, float* out,
                   ProductScratch& scratch) {
  if (row_count < kManyRows || depth % kPerUnit<T> != 0) return dot_product(rows, row_count, weight, stride, columns, depth, out);
  const std::int64_t all_units = depth / kPerUnit<T>;
  for (std::int64_t first = 0; first < all_units; first += kPanelDepth) {
    const std::int64_t units = std::min(kPanelDepth, all_units - first);
    pack_panel(weight + first * kPerUnit<T>, stride, columns, units, scratch.panel);
    panel_product(rows, row_count, columns, first, units, scratch.panel, out, kBlockColumns, first > 0);
  }
}

template <class T>
void add_transposed_product(const T* const* rows, std::int64_t row_count, const T* weight, std::int64_t stride, std::int64_t columns, std::int64_t depth,
                            float* out, std::int64_t out_stride, ProductScratch& scratch) {
  for (std::int64_t c = 0; c < columns; c += kBlockColumns) {
    const std::int64_t some = std::min(kBlockColumns, columns - c);
    interleave(weight + c, stride, some, depth, scratch.panel);
    panel_product(rows, row_count, some, 0, (depth + kPerUnit<T> - 1) / kPerUnit<T>, scratch.panel, out + c, out_stride, 1);
  }
}

template void block_product(const float* const*, std::int64_t, const float*, std::int64_t, std::int64_t, std::int64_t, float*, ProductScratch&);
template void block_product(const c10::BFloat16* const*, std::int64_t, const c10::BFloat16*, std::int64_t, std::int64_t, std::int64_t, float*, ProductScratch&);
template void add_transposed_product(const float* const*, std::int64_t, const float*, std::int64_t, std::int64_t, std::int64_t, float*, std::int64_t,
                                     ProductScratch&);
template void add_transposed_product(const c10::BFloat16* const*, std::int64_t, const c10::BFloat16*, std::int64_t, std::int64_t, std::int64_t, float*,
                                     std::int64_t, ProductScratch&);

}  // namespace winnow
