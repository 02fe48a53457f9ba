#include "harness/engine/norm.h"

#include <ATen/ATen.h>

namespace winnow {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scale = (wide.square().mean(-1, /*keepdim=*/true) + epsilon).rsqrt();
  return weight * (wide * scale).to(x.scalar_type());
}

}  // namespace winnow
