#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace winnow {

// Keys and values of consecutive positions of one head; rows are `stride` apart.
template <class T>
struct KvSpan {
  const T* keys;
  const T* values;
  std::int64_t stride, length;
};

// The query rows of one sequence that share a key-value head: query(row r, head g) at query + r · query_stride + g · head_dim, r < rows, g < group.
template <class T>
struct HeadQueries {
  const T* query;
  T* out;  // laid out as the query
  std::int64_t query_stride, rows, group, head_dim;
  std::int64_t first_position;  // of row 0; row r sees positions ≤ first_position + r, at most `window` of them
  std::optional<std::int64_t> window;
};

// softmax(q kᵀ / √head_dim) v block by block of keys, with running maximum and sum (Milakov & Gimelshein 2018); the spans follow each other from
// position 0. Few rows at a time: working memory is rows · group · (64 + head_dim) floats.
template <class T>
void attend_head(const HeadQueries<T>& queries, const std::vector<KvSpan<T>>& spans);

}  // namespace winnow
