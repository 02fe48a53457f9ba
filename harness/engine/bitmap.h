#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>

#include "harness/engine/model.h"

namespace winnow {

// Makes BitmapMatrices out of parts that come in any order.
class BitmapPacker {
 public:
  // columns: a multiple of 8.
  BitmapPacker(std::int64_t stored, std::int64_t rows, std::int64_t columns) : stored_(stored), rows_(rows), columns_(columns) {}

  // Rows first_row … of one matrix, [some, columns], in the dtype and on the device in which they are to lie.
  void add(std::int64_t matrix, std::int64_t first_row, const at::Tensor& part);

  bool is_complete() const { return rows_added_ == stored_ * rows_; }
  std::shared_ptr<const BitmapMatrices> finish();

 private:
  struct Part {
    at::Tensor bits, values, row_counts;
  };
  std::int64_t stored_, rows_, columns_, rows_added_ = 0;
  std::map<std::pair<std::int64_t, std::int64_t>, Part> parts_;  // by matrix and first row
};

// The matrices as they were, [stored, rows, columns]: by a kernel of our own where there is one for the device, else by operators.
at::Tensor expand(const BitmapMatrices& packed);
at::Tensor expand_by_operators(const BitmapMatrices& packed);

}  // namespace winnow
