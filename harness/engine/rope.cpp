#include "harness/engine/rope.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "harness/engine/kernels/cpu_path.h"
#include "harness/engine/kernels/rows.h"
#include "harness/engine/parallel.h"

namespace winnow {
namespace {

// Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between interpolated.
at::Tensor stretch_long_wavelengths(const RopeConfig& rope, const at::Tensor& frequencies) {
  const double context = static_cast<double>(rope.original_max_positions);
  const double low_wavelength = context / rope.low_freq_factor, high_wavelength = context / rope.high_freq_factor;
  const at::Tensor wavelengths = at::reciprocal(frequencies) * (2 * std::numbers::pi);
  const at::Tensor stretched = at::where(wavelengths > low_wavelength, frequencies / rope.factor, frequencies);
  const at::Tensor smooth = (at::reciprocal(wavelengths) * context - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  const at::Tensor blended = (1 - smooth) * stretched / rope.factor + smooth * stretched;
  return at::where((wavelengths >= high_wavelength).logical_and(wavelengths <= low_wavelength), blended, stretched);
}

template <class T>
at::Tensor rotate_by_kernels(const at::Tensor& heads, const RopeTable& table) {
  at::Tensor out = at::empty(heads.sizes(), heads.options());
  const T* from = heads.const_data_ptr<T>();
  T* to = out.mutable_data_ptr<T>();
  const float* cosine = table.cosine.const_data_ptr<float>();
  const float* sine = table.sine.const_data_ptr<float>();
  const std::int64_t count = heads.size(1), size = heads.size(1) * heads.size(2), half = heads.size(2) / 2;
  run_ranges(heads.size(0), std::max<std::int64_t>(1, (1 << 15) / size), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) rotate_row(from + row * size, count, half, cosine + row * half, sine + row * half, to + row * size);
  });
  return out;
}

}  // namespace

at::Tensor rope_frequencies(const RopeConfig& rope, std::int64_t head_dim) {
  const at::Tensor exponents = at::arange(0, head_dim, 2, at::kFloat) / static_cast<double>(head_dim);
  const at::Tensor frequencies = at::reciprocal(at::pow(at::Scalar(rope.theta), exponents));
  switch (rope.kind) {
    case RopeConfig::Kind::kDefault: return frequencies;
    case RopeConfig::Kind::kLinear: return frequencies / rope.factor;
    case RopeConfig::Kind::kLlama3: return stretch_long_wavelengths(rope, frequencies);
  }
  return frequencies;
}

at::Tensor row_positions(const PackedBatch& batch) {
  at::Tensor positions = at::empty({batch.rows()}, at::kFloat);
  float* out = positions.mutable_data_ptr<float>();
  for (const Segment& segment : batch.segments) {
    std::int64_t position = 0;
    for (const ContextPart& part : segment.context) position += part.length;
    for (std::int64_t row = 0; row < segment.rows; ++row) out[segment.first_row + row] = static_cast<float>(position + row);
  }
  return positions;
}

RopeTable rope_table(const at::Tensor& positions, const at::Tensor& frequencies) {
  const std::int64_t rows = positions.size(0), half = frequencies.size(0);
  RopeTable table{at::empty({rows, half}, at::kFloat), at::empty({rows, half}, at::kFloat)};
  const float* position = positions.const_data_ptr<float>();
  const float* frequency = frequencies.const_data_ptr<float>();
  float* cosine = table.cosine.mutable_data_ptr<float>();
  float* sine = table.sine.mutable_data_ptr<float>();
  run_ranges(rows, std::max<std::int64_t>(1, 2048 / half), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      for (std::int64_t j = 0; j < half; ++j) {
        const float angle = position[row] * frequency[j];  // rounded to f32, as transformers' product is
        cosine[row * half + j] = std::cos(angle);
        sine[row * half + j] = std::sin(angle);
      }
    }
  });
  return table;
}

at::Tensor rotate(const at::Tensor& heads, const RopeTable& table) {
  if (path_of(heads) != CpuPath::kOperators) {
    return heads.scalar_type() == at::kFloat ? rotate_by_kernels<float>(heads.contiguous(), table) : rotate_by_kernels<at::BFloat16>(heads.contiguous(), table);
  }
  const std::int64_t half = heads.size(2) / 2;
  const at::Tensor wide = heads.to(at::kFloat);
  const at::Tensor first = wide.slice(2, 0, half), second = wide.slice(2, half);
  const at::Tensor cosine = table.cosine.unsqueeze(1), sine = table.sine.unsqueeze(1);
  return at::cat({first * cosine - second * sine, second * cosine + first * sine}, 2).to(heads.scalar_type());
}

WideRope wide_rope(const at::Tensor& positions, const at::Tensor& frequencies) {
  const at::Tensor angles = (positions.unsqueeze(1) * frequencies.unsqueeze(0)).unsqueeze(1), cosine = angles.cos(), sine = angles.sin();
  return {at::cat({cosine, cosine}, 2), at::cat({-sine, sine}, 2)};
}

at::Tensor rotate(const at::Tensor& heads, const WideRope& rope) {
  return at::addcmul(heads * rope.cosine, heads.roll(heads.size(2) / 2, 2), rope.sine).to(heads.scalar_type());
}

}  // namespace winnow
