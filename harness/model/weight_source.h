#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "harness/model/family.h"

namespace winnow {

// Where weights come from: a mapped checkpoint, or random numbers of the right shapes.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // The tensor in its stored dtype, shape as in the spec, row-major. May point into a mapped file: never write to it.
  // Throws Error(kInput) naming the tensor where it holds NaN or infinity.
  virtual at::Tensor read(const TensorSpec& spec) = 0;

  // The same numbers for a caller that wants them on a device: there already, if the source makes them there, else wherever read() leaves them.
  virtual at::Tensor read_near(const TensorSpec& spec, at::Device /*device*/) { return read(spec); }

  // Whether what read() returns is memory of its own, which the caller may keep instead of copying.
  virtual bool gives_away() const { return false; }

  // The caller is done with it: its file pages may leave memory.
  virtual void release(const TensorSpec& /*spec*/) {}

  virtual std::uint64_t bytes_read() const = 0;  // of tensors handed out, each time counted
};

// Seeded normal(0, 0.02) weights (norms 1) of the model's shape: a model that can be timed, never scored.
std::unique_ptr<WeightSource> random_weights(const ModelConfig& config, std::uint64_t seed);

}  // namespace winnow
