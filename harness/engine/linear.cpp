#include "harness/engine/linear.h"

#include <ATen/ATen.h>

namespace winnow {

at::Tensor multiply(const Linear& linear, const at::Tensor& x) {
  return linear.bias.defined() ? at::linear(x, linear.weight, linear.bias) : at::linear(x, linear.weight);
}

}  // namespace winnow
