#include <ATen/ATen.h>

#include <bit>

#include "pruners/shared/weight_methods.h"

namespace winnow {
namespace {

// |W| of all matrices together, without holding more than one: the place-th lowest (from 0) is found from two histograms, of the upper and then of the
// lower half of the bits, since non-negative floats order as their bits do.
class GlobalThreshold {
 public:
  explicit GlobalThreshold(const PruneInputs& inputs) : inputs_(inputs) {}

  float find(double sparsity) const {
    std::vector<std::int64_t> upper(1 << 16), lower(1 << 16);
    std::int64_t count = 0;
    for_each([&](std::uint32_t bits) { ++upper[bits >> 16], ++count; });
    std::int64_t place = std::min(static_cast<std::int64_t>(static_cast<double>(count) * sparsity), count - 1);
    const std::uint32_t bucket = descend(upper, place);
    for_each([&](std::uint32_t bits) { lower[bits & 0xffff] += (bits >> 16) == bucket; });
    return std::bit_cast<float>(bucket << 16 | descend(lower, place));
  }

 private:
  static std::uint32_t descend(const std::vector<std::int64_t>& counts, std::int64_t& place) {
    std::uint32_t bucket = 0;
    while (place >= counts[bucket]) place -= counts[bucket++];
    return bucket;
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (int layer = 0; layer < std::ssize(inputs_.config.layers); ++layer) {
      for (const TensorSpec* tensor : maskable(inputs_, layer)) {
        const at::Tensor size = inputs_.weights.read(*tensor).to(at::kFloat).abs().contiguous();
        const float* values = size.const_data_ptr<float>();
        for (std::int64_t i = 0; i < size.numel(); ++i) visit(std::bit_cast<std::uint32_t>(values[i]));
        inputs_.weights.release(*tensor);
      }
    }
  }

  const PruneInputs& inputs_;
};

// Removes the smallest weights: of each matrix, of each row, or of the whole model.
class Magnitude : public Pruner {
 public:
  explicit Magnitude(const Params& params) : amount_(AmountSetting::from("magnitude", params)), compare_(params.get<std::string>("compare")) {
    if (params.has("pattern") && compare_ != "matrix")
      throw input_error("magnitude: a pattern compares inside groups of M; leave out compare \"{}\"", compare_);
  }

  Target target() const override { return Target::kWeights; }
  void check(const ModelConfig&) const override {}

  PrunePlan plan(const PruneInputs& inputs) const override {
    const Amount amount = amount_.of(inputs);
    PrunePlan plan{.scope = inputs.scope};
    if (compare_ == "global") {
      mask_globally(inputs, amount.sparsity, plan);
      return plan;
    }
    for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) {
      mask_by_magnitude(inputs, layer, amount, compare_ == "row" ? MagnitudeCut::kRow : MagnitudeCut::kMatrix, plan);
    }
    return plan;
  }

 private:
  static void mask_globally(const PruneInputs& inputs, double sparsity, PrunePlan& plan) {
    const float threshold = GlobalThreshold(inputs).find(sparsity);
    for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) {
      for (const TensorSpec* tensor : maskable(inputs, layer)) {
        add_mask(plan, *tensor, inputs.weights.read(*tensor).to(inputs.walk.device).to(at::kFloat).abs() > threshold);
        inputs.weights.release(*tensor);
      }
    }
  }

  AmountSetting amount_;
  std::string compare_;
};

const Registration<Pruner> kRegistration{{
    .name = "magnitude",
    .version = 1,
    .summary = "removes the smallest weights",
    .settings = AmountSetting::with({{.name = "compare",
                                      .types = {SettingType::kString},
                                      .default_value = "matrix",
                                      .summary = "smallest of each matrix, of each row, or of the whole model",
                                      .choices = {"matrix", "row", "global"}}}),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Magnitude>(params); },
}};

}  // namespace
}  // namespace winnow
