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

void read_demo_model(const std::filesystem::path& folder, TrainableMoe& model) {
  const std::map<std::string, at::Tensor> given = read_tensors(folder / "model.safetensors");
  for (const TrainedTensor& tensor : model.tensors()) {
    for (NamedTensor& named : unstacked(tensor)) {
      const auto found = given.find(named.name);
      if (found == given.end() || found->second.sizes() != named.tensor.sizes())
        throw input_error("{}: {} is missing or of another shape than this trainer's; give a model that `winnow demo train` wrote", folder.string(),
                          named.name);
      named.tensor.copy_(found->second);
    }
  }
}

void average_demo_models(const MoeShape& shape, const std::vector<std::filesystem::path>& models, const std::filesystem::path& folder) {
  WINNOW_CHECK(!models.empty());
  TrainableMoe mean(shape, 0), one(shape, 0);
  for (const TrainedTensor& tensor : mean.tensors()) tensor.master.zero_();
  for (const std::filesystem::path& model : models) {
    read_demo_model(model, one);
    for (std::size_t i = 0; i < mean.tensors().size(); ++i) mean.tensors()[i].master += one.tensors()[i].master;
  }
  for (const TrainedTensor& tensor : mean.tensors()) tensor.master.div_(static_cast<double>(models.size()));
  save_demo_model(mean, models.front(), folder);
}

}  // namespace winnow
