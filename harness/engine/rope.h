#pragma once
#include <ATen/core/Tensor.h>

#include "harness/engine/batch.h"
#include "harness/model/config.h"

namespace winnow {

// Rotation per position of each pair of coordinates, [head_dim / 2], f32, computed in the order of operations transformers uses.
at::Tensor rope_frequencies(const RopeConfig& rope, std::int64_t head_dim);

// Position of every row of the batch in its sequence, [rows], f32.
at::Tensor row_positions(const PackedBatch& batch);

// cos and sin of position · frequency, [rows, head_dim / 2] each, f32, on the CPU.
struct RopeTable {
  at::Tensor cosine, sine;
};
RopeTable rope_table(const at::Tensor& positions, const at::Tensor& frequencies);

// The same on a device, [rows, 1, head_dim] each: cos of both coordinates of each pair, sin with the sign that the other coordinate takes it with.
struct WideRope {
  at::Tensor cosine, sine;
};
WideRope wide_rope(const at::Tensor& positions, const at::Tensor& frequencies);

// Rotates the pairs (j, j + head_dim / 2) of every head; heads [rows, n, head_dim] → the same, rounded once.
at::Tensor rotate(const at::Tensor& heads, const RopeTable& table);
at::Tensor rotate(const at::Tensor& heads, const WideRope& rope);  // by few operators

}  // namespace winnow
