#include "tests/support/fake_measured_model.h"

#include <stdexcept>

#include "harness/core/error.h"

namespace winnow::test {
namespace {

class FakeTimedModel : public TimedModel {
 public:
  FakeTimedModel(FakeMeasuredModel& model, VariantNumber variant) : model_(model), variant_(variant) {}
  BatchRun run(const TokenSequences& prompts, int new_tokens, Counting counting) override {
    model_.ran.push_back(variant_);
    model_.batch_sizes.push_back(prompts.size());
    const FakeMeasuredModel::Variant& own = model_.variants.at(variant_);
    BatchRun run{.decode_tokens = std::ssize(prompts) * new_tokens, .steps = new_tokens};
    for (const auto& prompt : prompts) run.prefill_tokens += std::ssize(prompt);
    run.decode_seconds = own.decode_seconds[runs_++ % own.decode_seconds.size()];
    run.prefill_seconds = 2 * run.decode_seconds;
    if (counting == Counting::kOn) {
      run.experts_touched = {2, 0, 4};
      run.expert_rows = 2.0 * static_cast<double>(prompts.size());
      run.weight_bytes = 100.0 * static_cast<double>(prompts.size());
    }
    return run;
  }

 private:
  FakeMeasuredModel& model_;
  VariantNumber variant_;
  std::size_t runs_ = 0;
};

MatrixKind kind(const std::string& name, bool is_linear, const std::vector<float>& values) {
  MatrixKind made{.name = name, .is_linear = is_linear, .all = {}, .nonzero = {}};
  made.all.add(values);
  std::vector<float> nonzero = values;
  std::erase(nonzero, 0.0f);
  made.nonzero.add(nonzero);
  return made;
}

}  // namespace

FakeMeasuredModel::FakeMeasuredModel() {
  Variant dense;
  dense.size = {.parameters = 100, .active_parameters = 60, .experts = 8, .stored_bytes = 200, .file_bytes = 200, .kv_bytes_per_token = 16, .is_dense = true};
  dense.kinds = {kind("query", true, {1, 2, 3, 4, 10}), kind("embedding", false, {-1, 1, -1, 1})};
  dense.use = {.weight_bytes = 200, .resident_bytes = 202, .peak_bytes = 900, .peak_anonymous_bytes = 500, .peak_file_bytes = 400};
  dense.layers = {{.layer = 1, .dense_squares = 4, .same_input_squares = 0, .own_input_squares = 0, .dense_load = {3, 1, 0, 0}, .variant_load = {3, 1, 0, 0}}};
  variants[kDense] = dense;
}

std::vector<MatrixKind> FakeMeasuredModel::weights(VariantNumber variant, const OnStep& on_step) {
  if (on_step) on_step(0, 1);
  return variants.at(variant).kinds;
}

MemoryUse FakeMeasuredModel::use(VariantNumber variant, const TokenSequences&, int) {
  if (const std::string& reason = variants.at(variant).fails; !reason.empty()) throw input_error("{}", reason);
  return variants.at(variant).use;
}

std::unique_ptr<TimedModel> FakeMeasuredModel::open(VariantNumber variant) {
  if (const std::string& reason = variants.at(variant).fails; !reason.empty()) throw input_error("{}", reason);
  opened.push_back(variant);
  return std::make_unique<FakeTimedModel>(*this, variant);
}

std::vector<std::int32_t> FakeMeasuredModel::encode(std::string_view text) const {
  if (!has_tokenizer) throw unsupported_error("this model has no tokenizer");
  std::vector<std::int32_t> ids{1};
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

void FakeMeasuredModel::compare_tokens(const Together& together, const OnWindow& on_window) {
  windows_compared = together.windows.size();
  for (const VariantNumber variant : together.variants) {
    const Variant& own = variants.at(variant);
    if (!own.fails.empty()) {
      together.on_failed(variant, own.fails);
      continue;
    }
    for (std::size_t w = 0; w < together.windows.size(); ++w) {
      if (together.on_step) together.on_step(w, together.windows.size());
      std::vector<ComparedToken> tokens;
      for (std::size_t t = together.windows[w].first_predicted; t < together.windows[w].ids.size(); ++t) {
        tokens.push_back(own.token ? own.token(w, t) : ComparedToken{.dense_log_probability = -1, .variant_log_probability = -1, .same_top = true});
      }
      on_window(variant, w, tokens);
    }
  }
}

std::map<VariantNumber, std::vector<LayerComparison>> FakeMeasuredModel::compare_layers(const Together& together) {
  windows_compared = together.windows.size();
  std::map<VariantNumber, std::vector<LayerComparison>> layers;
  if (together.on_step) together.on_step(0, 1);
  for (const VariantNumber variant : together.variants) {
    if (variants.at(variant).fails.empty()) {
      layers[variant] = variants.at(variant).layers;
    } else {
      together.on_failed(variant, variants.at(variant).fails);
    }
  }
  return layers;
}

const Metric& MeasuredAll::metric(VariantNumber variant, const std::string& name, const std::string& leaf) const {
  for (const Metric& metric : measured.at(variant).metrics) {
    if (metric.name == name && metric.leaf == leaf) return metric;
  }
  throw std::runtime_error("no metric " + name + " of " + leaf);
}

double MeasuredAll::value(VariantNumber variant, const std::string& name, const std::string& leaf) const { return metric(variant, name, leaf).value; }

MeasuredAll measure_all(const Measurement& measurement, FakeMeasuredModel& model, DatasetSource& datasets, std::vector<MachineState> machine) {
  MeasuredAll all;
  MeasureInputs inputs{.model = model,
                       .variants = {},
                       .labels = {},
                       .threads = 2,
                       .machine = {},
                       .datasets = datasets,
                       .on_measured = {},
                       .on_failed = {},
                       .attempt = {},
                       .on_step = {}};
  for (const auto& [number, variant] : model.variants) {
    if (number == kDense) continue;
    inputs.variants.push_back(number);
    inputs.labels.push_back("variant-" + std::to_string(number));
  }
  std::size_t looks = 0;
  inputs.machine = [&]() -> MachineState {
    ++looks;
    if (looks <= machine.size()) return machine[looks - 1];
    return {.seconds = static_cast<double>(looks),
            .load_average = 0.5,
            .clock_mhz = 2000,
            .busy_cpu_seconds = static_cast<double>(looks),
            .own_cpu_seconds = static_cast<double>(looks)};
  };
  inputs.on_measured = [&](VariantNumber variant, Measured measured) { WINNOW_CHECK(all.measured.emplace(variant, std::move(measured)).second); };
  inputs.on_failed = [&](VariantNumber variant, const std::string& reason) { WINNOW_CHECK(all.failed.emplace(variant, reason).second); };
  inputs.attempt = [&](VariantNumber variant, const std::function<void()>& work) {
    try {
      work();
      return true;
    } catch (const Error& error) {
      inputs.on_failed(variant, error.what());
      return false;
    }
  };
  inputs.on_step = [](std::size_t done, std::size_t total) { WINNOW_CHECK(done <= total); };
  measurement.check_model(model);
  measurement.measure(inputs);
  return all;
}

}  // namespace winnow::test
