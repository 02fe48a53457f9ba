#include <ATen/ATen.h>
#include <fmt/format.h>

#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/demo/train.h"
#include "harness/model/safetensors.h"

namespace winnow {
namespace {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;  // f32, a view of the master weights
};

// Hugging Face's Mixtral has every expert's matrices by themselves: w1 the gate, w3 up, w2 down.
std::vector<NamedTensor> unstacked(const TrainedTensor& tensor) {
  const std::size_t end = tensor.name.rfind('.');
  const std::string last = tensor.name.substr(end + 1), prefix = tensor.name.substr(0, end);
  if (last != "gate_up" && last != "down") return {{tensor.name, tensor.master}};
  std::vector<NamedTensor> result;
  for (std::int64_t e = 0; e < tensor.master.size(0); ++e) {
    const at::Tensor expert = tensor.master[e];
    if (last == "down") {
      result.push_back({fmt::format("{}.{}.w2.weight", prefix, e), expert});
    } else {
      const auto halves = expert.chunk(2, 0);
      result.push_back({fmt::format("{}.{}.w1.weight", prefix, e), halves[0]});
      result.push_back({fmt::format("{}.{}.w3.weight", prefix, e), halves[1]});
    }
  }
  return result;
}

}  // namespace

void save_demo_model(TrainableMoe& model, const std::filesystem::path& tokenizer_folder, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::vector<NamedTensor> tensors;
  for (const TrainedTensor& tensor : model.tensors()) {
    for (NamedTensor& named : unstacked(tensor)) tensors.push_back(std::move(named));
  }
  std::vector<SafetensorsWriter::Entry> entries;
  for (const NamedTensor& tensor : tensors) entries.push_back({tensor.name, at::kBFloat16, tensor.tensor.sizes().vec()});
  SafetensorsWriter writer(folder / "model.safetensors", entries);
  for (const NamedTensor& tensor : tensors) writer.write(tensor.name, tensor.tensor.to(at::kBFloat16).contiguous());
  writer.commit();
  write_file(folder / "config.json", model.shape().to_config().dump(2) + "\n");
  if (std::filesystem::equivalent(tokenizer_folder, folder)) return;
  for (const char* file : {"tokenizer.model", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json"}) {
    if (std::filesystem::exists(tokenizer_folder / file)) write_file(folder / file, read_file(tokenizer_folder / file));
  }
}

namespace {

// Of a layer from `layers` on: one that the model started from does not have.
bool is_added(const std::string& name, std::int64_t layers) {
  const std::string start = "model.layers.";
  return name.starts_with(start) && std::stoll(name.substr(start.size())) >= layers;
}

bool writes_residual(const std::string& name) { return name.ends_with("o_proj.weight") || name.ends_with("w2.weight"); }

// Which of an expert's neurons are kept where it becomes narrower: those that can write most, by the norms of their three rows, in their own order.
at::Tensor strongest_neurons(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& down, std::int64_t width) {
  const at::Tensor strength = gate.norm(2, 1) * up.norm(2, 1) * down.norm(2, 0);
  return std::get<0>(std::get<1>(strength.topk(width)).sort());
}

void narrow_experts(std::map<std::string, at::Tensor>& tensors, std::int64_t width) {
  const std::string gate_end = "w1.weight";
  for (auto& [name, gate] : tensors) {
    if (!name.ends_with(gate_end) || gate.size(0) <= width) continue;
    const std::string expert = name.substr(0, name.size() - gate_end.size());
    const auto up = tensors.find(expert + "w3.weight"), down = tensors.find(expert + "w2.weight");
    if (up == tensors.end() || down == tensors.end() || up->second.sizes() != gate.sizes() || down->second.sizes() != gate.t().sizes()) continue;
    const at::Tensor kept = strongest_neurons(gate, up->second, down->second, width);
    gate = gate.index_select(0, kept);
    up->second = up->second.index_select(0, kept);
    down->second = down->second.index_select(1, kept);
  }
}

}  // namespace

void Trainer::start_from(const std::filesystem::path& folder) {
  std::map<std::string, at::Tensor> given = read_tensors(folder / "model.safetensors");
  for (auto& [name, tensor] : given) tensor = tensor.to(at::kFloat);
  narrow_experts(given, model_.shape().expert_width);
  const auto is_given = [&](std::int64_t layer) { return given.contains(fmt::format("model.layers.{}.input_layernorm.weight", layer)); };
  std::int64_t layers = 0;
  while (layers < model_.shape().layers && is_given(layers)) ++layers;
  if (is_given(model_.shape().layers)) throw input_error("{}: it has more than the {} layers of this trainer's model", folder.string(), model_.shape().layers);
  for (const TrainedTensor& tensor : model_.tensors()) {
    for (NamedTensor& named : unstacked(tensor)) {
      if (is_added(named.name, layers)) {
        if (writes_residual(named.name)) named.tensor.zero_();
        continue;
      }
      const auto found = given.find(named.name);
      if (found == given.end() || found->second.sizes() != named.tensor.sizes())
        throw input_error("{}: {} is missing or of another shape than this trainer's; --from takes a model that it wrote", folder.string(), named.name);
      named.tensor.copy_(found->second);
    }
  }
}

}  // namespace winnow
