#include <cmath>

#include "harness/api/measure.h"
#include "tasks/shared/figures.h"

namespace winnow {
namespace {

// How large a model is: parameters, bytes as stored in the format executed, bytes it takes in memory, and how its weights are spread. Each variant is loaded
// alone and runs some tokens, so that peaks are its own.
class Footprint : public Measurement {
 public:
  explicit Footprint(const Params& params)
      : context_(params.get<std::int64_t>("context")),
        new_tokens_(params.get<int>("new_tokens")),
        batch_size_(params.get<std::size_t>("batch_size")),
        seed_(params.get<std::uint64_t>("seed")) {}

  void check_model(const MeasuredModel& model) const override { check_room(model, "footprint", context_, new_tokens_); }

  void measure(const MeasureInputs& inputs) const override {
    const std::vector<MatrixKind> before = inputs.model.weights(kDense, inputs.on_step);
    const TokenSequences prompts = random_prompts(batch_size_, static_cast<std::size_t>(context_), inputs.model.vocabulary(), seed_);
    for (std::size_t i = 0; i < inputs.variants.size(); ++i) {
      const VariantNumber variant = inputs.variants[i];
      inputs.on_step(i, inputs.variants.size());
      const ModelSize size = inputs.model.size(variant);
      Figures figures;
      const bool is_measured = inputs.attempt(variant, [&] {  // one that memory has no room for leaves the others alone
        add_size(size, inputs.model.use(variant, prompts, new_tokens_), figures);
        add_weights(before, inputs.model.weights(variant, inputs.on_step), figures);
      });
      if (is_measured) inputs.on_measured(variant, {.metrics = figures.take(), .note = note(size)});
    }
  }

 private:
  std::string note(const ModelSize& size) const {
    std::string text = batch_size_ == 1
                           ? fmt::format("peaks with a prompt of {} tokens and {} new ones", context_, new_tokens_)
                           : fmt::format("peaks with {} prompts of {} tokens side by side and {} new ones of each", batch_size_, context_, new_tokens_);
    if (size.has_zeros_in_dense_kernels) text += "; zeros in dense matrices are stored and held like any weight, so that masking saves no byte here";
    return text;
  }

  static void add_size(const ModelSize& size, const MemoryUse& use, Figures& figures) {
    const auto bytes = [&](const char* name, std::int64_t value) { figures.add(name, static_cast<double>(value), "bytes", Better::kLower); };
    bytes("stored_bytes", size.stored_bytes);
    if (size.streamed_bytes > 0) bytes("streamed_bytes", size.streamed_bytes);
    if (size.file_bytes > 0) bytes("file_bytes", size.file_bytes);
    bytes("weight_bytes", use.weight_bytes);
    bytes("resident_bytes", use.resident_bytes);
    bytes("kv_bytes_per_token", size.kv_bytes_per_token);
    bytes("peak_bytes", use.peak_bytes);
    bytes("peak_anonymous_bytes", use.peak_anonymous_bytes);
    bytes("peak_file_bytes", use.peak_file_bytes);
    if (use.device_allocated_peak_bytes) bytes("device_peak_bytes", *use.device_allocated_peak_bytes);
    if (use.device_reserved_peak_bytes) bytes("device_reserved_peak_bytes", *use.device_reserved_peak_bytes);
    figures.add("parameters", static_cast<double>(size.parameters), "parameters", Better::kLower);
    figures.add("active_parameters", static_cast<double>(size.active_parameters), "parameters", Better::kLower);
    figures.add("experts", static_cast<double>(size.experts), "experts", Better::kLower);
    figures.add("realised_sparsity", size.realised_sparsity, "share", Better::kHigher);
    figures.add("realised_expert_sparsity", size.realised_expert_sparsity, "share", Better::kHigher);
  }

  // Over all matrices, over the decoder's linear maps, and over each kind: of the weights as stored, of those that are not zero, and of the dense model's.
  static void add_weights(const std::vector<MatrixKind>& before, const std::vector<MatrixKind>& after, Figures& figures) {
    const auto add = [&](const std::string& leaf, const MatrixKind& of_dense, const MatrixKind& of_variant) {
      const auto one = [&](const char* name, double value, std::int64_t count, const char* unit) {
        if (std::isnan(value)) return;  // all weights equal
        Metric& metric = figures.add(name, value, unit, Better::kLower);
        metric.leaf = leaf;
        metric.count = count;
      };
      const auto count = static_cast<double>(of_variant.all.count());
      if (count == 0) return;
      one("excess_kurtosis", of_variant.all.excess_kurtosis(), of_variant.all.count(), "kurtosis");
      one("excess_kurtosis_before", of_dense.all.excess_kurtosis(), of_dense.all.count(), "kurtosis");
      one("excess_kurtosis_nonzero", of_variant.nonzero.excess_kurtosis(), of_variant.nonzero.count(), "kurtosis");
      one("zero_share", 1 - static_cast<double>(of_variant.nonzero.count()) / count, of_variant.all.count(), "share");
    };
    const auto joined = [](const std::vector<MatrixKind>& kinds, bool (*belongs)(const MatrixKind&)) {
      MatrixKind sum;
      for (const MatrixKind& kind : kinds) {
        if (!belongs(kind)) continue;
        sum.all.add(kind.all);
        sum.nonzero.add(kind.nonzero);
      }
      return sum;
    };
    const auto all = [](const MatrixKind&) { return true; };
    const auto linear = [](const MatrixKind& kind) { return kind.is_linear; };
    add("", joined(before, all), joined(after, all));
    add("linears", joined(before, linear), joined(after, linear));
    for (std::size_t kind = 0; kind < after.size(); ++kind) add(after[kind].name, before.at(kind), after[kind]);
  }

  std::int64_t context_;
  int new_tokens_;
  std::size_t batch_size_;
  std::uint64_t seed_;
};

const Registration<Measurement> kRegistration{
    {.name = "footprint",
     .version = 1,
     .summary = "parameters, bytes stored and resident, KV bytes, peaks of memory, sparsity, and the kurtosis of the weights before and after",
     .settings =
         {{.name = "context",
           .types = {SettingType::kInteger},
           .default_value = 128,
           .summary = "tokens of a prompt while peaks are taken",
           .minimum = 1,
           .maximum = 1 << 20},
          {.name = "new_tokens", .types = {SettingType::kInteger}, .default_value = 4, .summary = "steps after the prompts", .minimum = 1, .maximum = 1 << 16},
          {.name = "batch_size", .types = {SettingType::kInteger}, .default_value = 1, .summary = "prompts side by side", .minimum = 1, .maximum = 4096},
          {.name = "seed", .types = {SettingType::kInteger}, .default_value = 1234, .summary = "of the prompts' random ids", .minimum = 0}},
     .make = [](const Params& params) -> std::unique_ptr<Measurement> { return std::make_unique<Footprint>(params); }}};

}  // namespace
}  // namespace winnow
