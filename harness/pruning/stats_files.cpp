#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "harness/core/error.h"
#include "harness/model/safetensors.h"
#include "harness/pruning/stats.h"

namespace winnow {
namespace {

struct StatField {
  const char* name;
  at::Tensor LayerStats::*tensor;
};

constexpr StatField kStatFields[] = {{"count", &LayerStats::count},
                                     {"router_probability", &LayerStats::router_probability},
                                     {"gate_probability", &LayerStats::gate_probability},
                                     {"gate_renormalized", &LayerStats::gate_renormalized},
                                     {"coactivation", &LayerStats::coactivation},
                                     {"output_norm", &LayerStats::output_norm},
                                     {"output_square_norm", &LayerStats::output_square_norm},
                                     {"probability_norm", &LayerStats::probability_norm},
                                     {"renormalized_norm", &LayerStats::renormalized_norm},
                                     {"max_activation", &LayerStats::max_activation},
                                     {"skip_ratios", &LayerStats::skip_ratios},
                                     {"mean_output", &LayerStats::mean_output}};

using NamedTensors = std::map<std::string, at::Tensor>;

at::Tensor number(std::int64_t value) { return at::tensor(std::vector<std::int64_t>{value}, at::kLong); }

void add_inputs(const std::string& prefix, const std::map<std::string, InputNorm>& inputs, NamedTensors& tensors) {
  for (const auto& [name, norm] : inputs) {
    tensors[prefix + name + ".square_sum"] = norm.square_sum;
    if (norm.gram.defined()) tensors[prefix + name + ".gram"] = norm.gram;
    tensors[prefix + name + ".calls"] = number(norm.calls);
    tensors[prefix + name + ".tokens"] = number(norm.tokens);
  }
}

// "input.model.layers.0.….weight.calls": the part after the prefix names a tensor, the last word one of its sums.
void take_input(const std::string& name, const at::Tensor& tensor, std::map<std::string, InputNorm>& inputs, const std::filesystem::path& path) {
  const std::size_t dot = name.rfind('.');
  const std::string word = dot == std::string::npos ? "" : name.substr(dot + 1);
  InputNorm& norm = inputs[name.substr(0, dot)];
  if (word == "square_sum") {
    norm.square_sum = tensor;
  } else if (word == "gram") {
    norm.gram = tensor;
  } else if (word == "calls") {
    norm.calls = tensor.item<std::int64_t>();
  } else if (word == "tokens") {
    norm.tokens = tensor.item<std::int64_t>();
  } else {
    throw input_error("{}: found '{}', expected a name that ends in square_sum, gram, calls or tokens", path.string(), name);
  }
}

}  // namespace

void write_stats(const std::filesystem::path& path, const CalibrationStats& stats, std::map<std::string, std::string> metadata) {
  NamedTensors tensors;
  for (std::size_t layer = 0; layer < stats.layers.size(); ++layer) {
    const std::string prefix = fmt::format("layer.{}.", layer);
    const LayerStats& of_layer = stats.layers[layer];
    tensors[prefix + "tokens"] = number(of_layer.tokens);
    for (const StatField& field : kStatFields) {
      if ((of_layer.*field.tensor).defined()) tensors[prefix + field.name] = of_layer.*field.tensor;
    }
    add_inputs(prefix + "input.", of_layer.inputs, tensors);
    add_inputs(prefix + "gated_input.", of_layer.gated_inputs, tensors);
  }
  metadata["format"] = "pt";
  metadata["sequences"] = std::to_string(stats.sequences);
  metadata["layers"] = std::to_string(stats.layers.size());
  write_tensors(path, tensors, metadata);
}

CalibrationStats read_stats(const std::filesystem::path& path) {
  std::map<std::string, std::string> metadata = read_safetensors_header(MappedFile(path)).metadata;
  CalibrationStats stats;
  try {
    stats.sequences = std::stoll(metadata["sequences"]);
    stats.layers.resize(std::stoul(metadata["layers"]));
  } catch (const std::logic_error&) {
    throw input_error("{}: it has no statistics of winnow's (metadata \"sequences\" and \"layers\"); make it with 'winnow calibrate'", path.string());
  }
  for (auto& [name, tensor] : read_tensors(path)) {
    std::size_t layer = 0;
    int used = 0;
    if (std::sscanf(name.c_str(), "layer.%zu.%n", &layer, &used) != 1 || used == 0 || layer >= stats.layers.size()) {
      throw input_error("{}: found tensor '{}', expected layer.<number>.<statistic>", path.string(), name);
    }
    const std::string rest = name.substr(used);
    LayerStats& of_layer = stats.layers[layer];
    if (rest == "tokens") {
      of_layer.tokens = tensor.item<std::int64_t>();
    } else if (rest.starts_with("input.")) {
      take_input(rest.substr(6), tensor, of_layer.inputs, path);
    } else if (rest.starts_with("gated_input.")) {
      take_input(rest.substr(12), tensor, of_layer.gated_inputs, path);
    } else {
      const StatField* field = std::find_if(std::begin(kStatFields), std::end(kStatFields), [&](const StatField& known) { return rest == known.name; });
      if (field == std::end(kStatFields)) throw input_error("{}: found tensor '{}', which is no statistic this version knows", path.string(), name);
      of_layer.*field->tensor = tensor;
    }
  }
  return stats;
}

}  // namespace winnow
