#include "harness/app/machine_speed.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>

#include "harness/app/open_model.h"
#include "harness/core/clock.h"
#include "harness/model/dtype.h"

namespace winnow {
namespace {

constexpr double kSeconds = 0.5;
constexpr std::int64_t kPrefillRows = 256;
constexpr std::int64_t kDecodeRows = 8;  // what an expert sees of replies that are generated side by side, or less than that
constexpr std::int64_t kMaxElements = std::int64_t{1} << 26;

std::int64_t width_of(const ModelConfig& config) {
  std::int64_t width = 1;
  for (const LayerConfig& layer : config.layers) width = std::max(width, layer.mlp == LayerConfig::Mlp::kMoe ? layer.expert_width : layer.dense_width);
  return std::min(width, std::max<std::int64_t>(1, kMaxElements / config.hidden));
}

// Products of `rows` rows with a matrix, per second.
double products_per_second(std::int64_t rows, const at::Tensor& matrix) {
  const at::Tensor inputs = at::ones({rows, matrix.size(1)}, matrix.options());
  at::linear(inputs, matrix).sum().item<double>();
  const auto start = std::chrono::steady_clock::now();
  int count = 0;
  while (seconds_since(start) < kSeconds) {
    at::linear(inputs, matrix).narrow(0, 0, 1).sum().item<double>();  // waits for a device
    ++count;
  }
  return count / seconds_since(start);
}

}  // namespace

TokenSpeed calibrate_speed(const ModelConfig& config, const std::string& dtype, const std::string& device) {
  const auto start = std::chrono::steady_clock::now();
  const at::Device where = open_device(device);
  const at::Tensor matrix = at::ones({width_of(config), config.hidden}, at::TensorOptions().dtype(scalar_type(dtype)).device(where));
  const double active = static_cast<double>(config.active_parameters()), elements = static_cast<double>(matrix.numel());
  TokenSpeed speed;
  speed.prefill = products_per_second(kPrefillRows, matrix) * static_cast<double>(kPrefillRows) * elements / active;
  speed.decode = products_per_second(kDecodeRows, matrix) * static_cast<double>(kDecodeRows) * elements / active;
  speed.calibration_seconds = seconds_since(start);
  return speed;
}

}  // namespace winnow
