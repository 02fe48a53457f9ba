#include "harness/engine/bitmap.h"

#include <ATen/ATen.h>

#include "harness/core/error.h"
#include "harness/engine/device_kernels.h"

namespace winnow {
namespace {

at::Tensor bit_values(at::Device device) { return at::tensor({128, 64, 32, 16, 8, 4, 2, 1}, at::kByte).to(device); }

}  // namespace

std::int64_t BitmapMatrices::nbytes() const { return static_cast<std::int64_t>(bits.nbytes() + values.nbytes() + row_begin.nbytes()); }

void BitmapPacker::add(std::int64_t matrix, std::int64_t first_row, const at::Tensor& part) {
  WINNOW_CHECK(part.size(1) == columns_ && columns_ % 8 == 0);
  const at::Tensor is_there = part != 0;
  const at::Tensor bits = (is_there.to(at::kByte).view({-1, 8}) * bit_values(part.device())).sum(1, /*keepdim=*/false, at::kByte);
  parts_[{matrix, first_row}] = {bits, part.masked_select(is_there), is_there.sum(1)};
  rows_added_ += part.size(0);
}

std::shared_ptr<const BitmapMatrices> BitmapPacker::finish() {
  WINNOW_CHECK(is_complete());
  auto packed = std::make_shared<BitmapMatrices>();
  packed->stored = stored_;
  packed->rows = rows_;
  packed->columns = columns_;
  packed->begin.assign(stored_ + 1, 0);
  std::vector<at::Tensor> bits, values, row_counts;
  for (auto& [place, part] : parts_) {
    packed->begin[place.first + 1] += part.values.numel();
    bits.push_back(std::move(part.bits));
    values.push_back(std::move(part.values));
    row_counts.push_back(std::move(part.row_counts));
  }
  parts_.clear();
  for (std::int64_t matrix = 0; matrix < stored_; ++matrix) packed->begin[matrix + 1] += packed->begin[matrix];
  packed->bits = at::cat(bits).view({stored_, -1});
  bits.clear();
  packed->values = at::cat(values);
  const at::Tensor counts = at::cat(row_counts);
  packed->row_begin = counts.cumsum(0) - counts;
  return packed;
}

at::Tensor expand_by_operators(const BitmapMatrices& packed) {
  at::Tensor dense = at::zeros({packed.stored, packed.rows, packed.columns}, packed.values.options());
  const at::Tensor values = bit_values(packed.bits.device());
  for (std::int64_t matrix = 0; matrix < packed.stored; ++matrix) {
    const at::Tensor is_there = packed.bits[matrix].unsqueeze(1).bitwise_and(values).ne(0).view({packed.rows, packed.columns});
    const std::int64_t begin = packed.begin[matrix], count = packed.begin[matrix + 1] - begin;
    if (count > 0) dense[matrix].masked_scatter_(is_there, packed.values.narrow(0, begin, count));
  }
  return dense;
}

at::Tensor expand(const BitmapMatrices& packed) {
  if (!packed.values.is_cuda() || packed.values.element_size() != 2 || !device_kernels().expand_bitmap) return expand_by_operators(packed);
  at::Tensor dense = at::empty({packed.stored, packed.rows, packed.columns}, packed.values.options());
  run_expand_bitmap(packed, dense);
  return dense;
}

}  // namespace winnow
