#include "harness/engine/kernels/attention.h"

#include <algorithm>
#include <cmath>

#include "harness/engine/kernels/product.h"
#include "harness/engine/kernels/vectors.h"

namespace winnow {
namespace {

template <class T>
struct AttentionScratch {
  std::vector<const T*> query, probability;  // rows of the products
  std::vector<float> scores, sums, largest, total;
  std::vector<T> probabilities;
  std::int64_t padded_dim = 0;

  void prepare(const HeadQueries<T>& queries) {
    const std::int64_t rows = queries.rows * queries.group;
    padded_dim = (queries.head_dim + kLanes - 1) / kLanes * kLanes;
    query.resize(rows);
    probability.resize(rows);
    scores.resize(rows * kBlockColumns);
    probabilities.resize(rows * kBlockColumns);
    sums.assign(rows * padded_dim, 0.0f);
    largest.assign(rows, -INFINITY);
    total.assign(rows, 0.0f);
    for (std::int64_t row = 0; row < rows; ++row) {
      query[row] = queries.query + row / queries.group * queries.query_stride + row % queries.group * queries.head_dim;
      probability[row] = probabilities.data() + row * kBlockColumns;
    }
  }
};

// One row of a block: columns [low, high) are seen. Turns scores into exp(score − new maximum) in T and brings what was summed so far to the same maximum.
template <class T>
WINNOW_AVX512 void soften_row(const float* scores, std::int64_t low, std::int64_t high, float scale, T* probabilities, float* sums, std::int64_t padded_dim,
                              float& largest, float& total) {
  __m512 block_largest = _mm512_set1_ps(-INFINITY);
  for (std::int64_t c = 0; c < high; c += kLanes) {
    const __mmask16 seen = tail_mask(high - c) & (low <= c ? __mmask16(0xffff) : low - c >= kLanes ? __mmask16(0) : __mmask16(0xffffu << (low - c)));
    block_largest = _mm512_mask_max_ps(block_largest, seen, block_largest, _mm512_loadu_ps(scores + c));
  }
  const float top = std::max(largest, _mm512_reduce_max_ps(block_largest) * scale);
  const __m512 factor = _mm512_set1_ps(scale), offset = _mm512_set1_ps(top);
  __m512 sum = _mm512_setzero_ps();
  for (std::int64_t c = 0; c < kBlockColumns; c += kLanes) {
    const __mmask16 before_high = high <= c ? __mmask16(0) : tail_mask(high - c);
    const __mmask16 seen = before_high & (low <= c ? __mmask16(0xffff) : low - c >= kLanes ? __mmask16(0) : __mmask16(0xffffu << (low - c)));
    const __m512 p = _mm512_maskz_mov_ps(seen, exp16(_mm512_sub_ps(_mm512_mul_ps(_mm512_loadu_ps(scores + c), factor), offset)));
    sum = _mm512_add_ps(sum, p);
    store16(probabilities + c, p);
  }
  if (top != largest) {
    const __m512 shrink = exp16(_mm512_set1_ps(largest - top));
    for (std::int64_t d = 0; d < padded_dim; d += kLanes) _mm512_storeu_ps(sums + d, _mm512_mul_ps(_mm512_loadu_ps(sums + d), shrink));
    total *= _mm512_cvtss_f32(shrink);
    largest = top;
  }
  total += _mm512_reduce_add_ps(sum);
}

template <class T>
WINNOW_AVX512 void store_mixed(const float* sums, float total, std::int64_t head_dim, T* out) {
  const __m512 share = _mm512_set1_ps(1.0f / total);
  for (std::int64_t d = 0; d < head_dim; d += kLanes) store16(out + d, _mm512_mul_ps(_mm512_loadu_ps(sums + d), share), tail_mask(head_dim - d));
}

// Keys `first` … first + count of one span, which begin at `position`.
template <class T>
void attend_block(const HeadQueries<T>& queries, const KvSpan<T>& span, std::int64_t first, std::int64_t count, std::int64_t position,
                  AttentionScratch<T>& scratch) {
  const std::int64_t rows = queries.rows * queries.group;
  ProductScratch& product = ProductScratch::of_this_thread();
  block_product(scratch.query.data(), rows, span.keys + first * span.stride, span.stride, count, queries.head_dim, scratch.scores.data(), product);
  const float scale = 1.0f / std::sqrt(static_cast<float>(queries.head_dim));
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t at = queries.first_position + row / queries.group;
    const std::int64_t high = std::clamp<std::int64_t>(at + 1 - position, 0, count);
    const std::int64_t low = queries.window ? std::clamp<std::int64_t>(at - *queries.window + 1 - position, 0, count) : 0;
    T* const probabilities = scratch.probabilities.data() + row * kBlockColumns;
    if (low >= high) {
      std::fill_n(probabilities, kBlockColumns, T(0.0f));
      continue;
    }
    soften_row(scratch.scores.data() + row * kBlockColumns, low, high, scale, probabilities, scratch.sums.data() + row * scratch.padded_dim, scratch.padded_dim,
               scratch.largest[row], scratch.total[row]);
  }
  add_transposed_product(scratch.probability.data(), rows, span.values + first * span.stride, span.stride, queries.head_dim, count, scratch.sums.data(),
                         scratch.padded_dim, product);
}

}  // namespace

template <class T>
void attend_head(const HeadQueries<T>& queries, const std::vector<KvSpan<T>>& spans) {
  thread_local AttentionScratch<T> scratch;
  scratch.prepare(queries);
  const std::int64_t first_seen = queries.window ? std::max<std::int64_t>(0, queries.first_position - *queries.window + 1) : 0;
  const std::int64_t end_seen = queries.first_position + queries.rows;
  std::int64_t span_position = 0;
  for (const KvSpan<T>& span : spans) {
    const std::int64_t begin = std::max<std::int64_t>(0, first_seen - span_position), end = std::min(span.length, end_seen - span_position);
    for (std::int64_t first = begin; first < end; first += kBlockColumns) {
      attend_block(queries, span, first, std::min(kBlockColumns, end - first), span_position + first, scratch);
    }
    span_position += span.length;
  }
  for (std::int64_t row = 0; row < queries.rows * queries.group; ++row) {
    T* const out = queries.out + row / queries.group * queries.query_stride + row % queries.group * queries.head_dim;
    store_mixed(scratch.sums.data() + row * scratch.padded_dim, scratch.total[row], queries.head_dim, out);
  }
}

template void attend_head(const HeadQueries<float>&, const std::vector<KvSpan<float>>&);
template void attend_head(const HeadQueries<c10::BFloat16>&, const std::vector<KvSpan<c10::BFloat16>>&);

}  // namespace winnow
