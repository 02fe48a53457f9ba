#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/api/measure.h"

namespace winnow::test {

// A model of numbers: what its variants do is what the test says. Tokens are the bytes of a text; the vocabulary has 256.
class FakeMeasuredModel : public MeasuredModel {
 public:
  struct Variant {
    ModelSize size;
    std::vector<MatrixKind> kinds;
    MemoryUse use;
    std::vector<double> decode_seconds = {1};  // of its runs at any batch size, in turn
    std::vector<LayerComparison> layers;
    std::function<ComparedToken(std::size_t window, std::size_t token)> token;  // empty: as the dense model
    std::string fails = {};                                                     // when it walks together with others, is used or opened
  };

  FakeMeasuredModel();  // a dense model, and no variants
  std::map<VariantNumber, Variant> variants;
  std::int64_t available = 1000, available_host = 0, positions = 4096;
  bool has_tokenizer = true;
  std::vector<VariantNumber> opened, ran;  // in order
  std::vector<std::size_t> batch_sizes;    // of what ran
  std::size_t windows_compared = 0;

  ModelSize size(VariantNumber variant) override { return variants.at(variant).size; }
  std::vector<MatrixKind> weights(VariantNumber variant, const OnStep& on_step) override;
  MemoryUse use(VariantNumber variant, const TokenSequences&, int) override;
  std::unique_ptr<TimedModel> open(VariantNumber variant) override;
  std::int64_t available_bytes() const override { return available; }
  std::int64_t available_host_bytes() const override { return available_host; }
  std::int64_t vocabulary() const override { return 256; }
  std::int64_t max_positions() const override { return positions; }
  std::optional<std::int32_t> bos_id() const override { return 1; }
  std::vector<std::int32_t> encode(std::string_view text) const override;
  void compare_tokens(const Together& together, const OnWindow& on_window) override;
  std::map<VariantNumber, std::vector<LayerComparison>> compare_layers(const Together& together) override;
};

// What a measurement gave, by variant.
struct MeasuredAll {
  std::map<VariantNumber, Measured> measured;
  std::map<VariantNumber, std::string> failed;

  double value(VariantNumber variant, const std::string& name, const std::string& leaf = "") const;
  const Metric& metric(VariantNumber variant, const std::string& name, const std::string& leaf = "") const;  // throws where there is none
};
// Measures all variants of the fake on the sample data; the machine is quiet, one second passes at every look at it.
MeasuredAll measure_all(const Measurement& measurement, FakeMeasuredModel& model, DatasetSource& datasets, std::vector<MachineState> machine = {});

}  // namespace winnow::test
