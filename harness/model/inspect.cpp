#include "harness/model/inspect.h"

#include <algorithm>
#include <charconv>

#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/model/checkpoint.h"
#include "harness/model/dtype.h"
#include "harness/model/weight_files.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kCacheTokens = 8192;
constexpr std::uint64_t kRunBytes = 300'000'000;

std::optional<std::uint64_t> number_in(const fs::path& file, std::string_view after) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  const std::string text = read_file(file, 1 << 20);
  std::size_t start = text.find(after);
  if (start == std::string::npos) return std::nullopt;
  start = text.find_first_not_of(" \t", start + after.size());
  std::uint64_t number = 0;
  if (start == std::string::npos || std::from_chars(text.data() + start, text.data() + text.size(), number).ec != std::errc()) return std::nullopt;
  return number;  // "max" is no number: no limit
}

std::uint64_t cache_bytes_per_token(const ModelConfig& config, std::int64_t element) {
  return static_cast<std::uint64_t>(2 * static_cast<std::int64_t>(config.layers.size()) * config.attention.kv_heads * config.attention.head_dim * element);
}

ModelConfig with_experts(ModelConfig config, std::int64_t most) {
  for (LayerConfig& layer : config.layers) layer.experts = std::min(layer.experts, most);
  return config;
}

std::uint64_t needed_bytes(const ModelConfig& config, const MemoryNeed& need) {
  const auto weights = static_cast<std::uint64_t>(config.parameters() * element_bytes(need.dtype));
  return weights + weights / 100 * 15 + kRunBytes + need.cache_bytes_per_token * static_cast<std::uint64_t>(need.cache_tokens);
}

std::optional<std::int64_t> experts_that_fit(const ModelConfig& config, const MemoryNeed& need, std::uint64_t available) {
  const auto fits = [&](std::int64_t kept) { return needed_bytes(with_experts(config, kept), need) <= available; };
  std::int64_t least = std::max<std::int64_t>(1, config.router.experts_per_token), too_many = 0;
  for (const LayerConfig& layer : config.layers) too_many = std::max(too_many, layer.experts);
  if (least >= too_many || !fits(least)) return std::nullopt;
  while (least + 1 < too_many) {
    const std::int64_t middle = (least + too_many) / 2;
    (fits(middle) ? least : too_many) = middle;
  }
  return least;
}

MemoryNeed memory_need(const ModelConfig& config, const std::string& dtype, const MachineMemory& machine) {
  MemoryNeed need{.dtype = dtype};
  need.weight_bytes = static_cast<std::uint64_t>(config.parameters() * element_bytes(dtype));
  need.cache_bytes_per_token = cache_bytes_per_token(config, element_bytes(dtype));
  need.cache_tokens = std::min(kCacheTokens, config.max_positions);
  need.needed_bytes = needed_bytes(config, need);
  need.fits = need.needed_bytes <= machine.available_bytes;
  if (!need.fits) need.experts_that_fit = experts_that_fit(config, need, machine.available_bytes);
  return need;
}

bool has_weights(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return !fs::exists(path, ignored);  // a missing folder is Checkpoint::open's to name
  const auto is_config_only = [&] {
    for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored)) {
      const std::string extension = entry.path().extension().string();
      if (extension == ".safetensors" || extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".gguf") return false;
      if (entry.path().filename() == kWeightIndex) return false;
    }
    return true;
  };
  return !fs::exists(path / "config.json", ignored) || !is_config_only();
}

const char* rope_word(RopeConfig::Kind kind) {
  switch (kind) {
    case RopeConfig::Kind::kLinear: return "linear";
    case RopeConfig::Kind::kLlama3: return "llama3";
    default: return "default";
  }
}

Json parts_json(const ModelConfig& config) {
  const AttentionConfig& attention = config.attention;
  Json rope = {{"kind", rope_word(attention.rope.kind)}, {"theta", attention.rope.theta}};
  if (attention.rope.kind != RopeConfig::Kind::kDefault) rope["factor"] = attention.rope.factor;
  Json parts = {{"attention",
                 {{"heads", attention.heads},
                  {"kv_heads", attention.kv_heads},
                  {"head_dim", attention.head_dim},
                  {"qkv_bias", attention.qkv_bias},
                  {"output_bias", attention.output_bias},
                  {"sliding_window", nullptr}}},
                {"rope", rope},
                {"norm_epsilon", config.norm_epsilon},
                {"tied_embeddings", config.tied_embeddings}};
  if (attention.sliding_window) parts["attention"]["sliding_window"] = *attention.sliding_window;
  if (config.moe_layers() > 0) parts["router"] = {{"experts_per_token", config.router.experts_per_token}, {"renormalize", config.router.renormalize}};
  Json layers = Json::array();
  for (const LayerConfig& layer : config.layers) {
    if (layer.mlp == LayerConfig::Mlp::kDense) {
      layers.push_back({{"mlp", "dense"}, {"width", layer.dense_width}});
    } else {
      layers.push_back({{"mlp", "moe"},
                        {"experts", layer.experts},
                        {"expert_width", layer.expert_width},
                        {"shared_width", layer.shared_width},
                        {"shared_gate", layer.shared_gate}});
    }
  }
  parts["layers"] = std::move(layers);
  return parts;
}

}  // namespace

MachineMemory machine_memory() {
  MachineMemory memory;
  memory.total_bytes = number_in("/proc/meminfo", "MemTotal:").value_or(0) * 1024;
  memory.available_bytes = number_in("/proc/meminfo", "MemAvailable:").value_or(0) * 1024;
  for (const char* limit : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (const auto bytes = number_in(limit, ""); bytes && *bytes > 0) {
      memory.total_bytes = std::min(memory.total_bytes, *bytes);
      memory.available_bytes = std::min(memory.available_bytes, *bytes);
    }
  }
  return memory;
}

ModelDescription inspect_model(const fs::path& path, const MachineMemory& machine) {
  ModelDescription description{.name = path.string(), .machine = machine};
  if (has_weights(path)) {
    const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(path);
    description.config = checkpoint->config();
    description.hub_commit = checkpoint->hub_commit();
    description.header_sha256 = checkpoint->header_sha256();
    description.stored_bytes = checkpoint->weight_bytes();
    description.files = checkpoint->weight_file_names();
  } else {
    description.config = read_model_config(path);
  }
  const ModelConfig& config = description.config;
  for (const LayerConfig& layer : config.layers) {
    description.experts_by_layer.push_back(layer.experts);
    description.expert_parameters += 3 * layer.experts * layer.expert_width * config.hidden;
  }
  description.parameters = config.parameters();
  description.active_parameters = config.active_parameters();
  for (const char* dtype : {"f32", "bf16"}) description.memory.push_back(memory_need(config, dtype, machine));
  return description;
}

Json to_json(const ModelDescription& description) {
  const ModelConfig& config = description.config;
  Json memory = Json::array();
  for (const MemoryNeed& need : description.memory) {
    memory.push_back({{"dtype", need.dtype},
                      {"weight_bytes", need.weight_bytes},
                      {"cache_bytes_per_token", need.cache_bytes_per_token},
                      {"cache_tokens", need.cache_tokens},
                      {"needed_bytes", need.needed_bytes},
                      {"fits", need.fits},
                      {"experts_that_fit", nullptr}});
    if (need.experts_that_fit) memory.back()["experts_that_fit"] = *need.experts_that_fit;
  }
  Json json = {{"model", description.name},
               {"family", config.family},
               {"model_type", config.model_type},
               {"dtype", config.dtype},
               {"hidden", config.hidden},
               {"vocabulary", config.vocabulary},
               {"max_positions", config.max_positions},
               {"parts", parts_json(config)},
               {"experts_per_layer", description.experts_by_layer},
               {"parameters", {{"total", description.parameters}, {"active", description.active_parameters}, {"experts", description.expert_parameters}}},
               {"stored_bytes", description.stored_bytes},
               {"files", description.files},
               {"eos_ids", config.eos_ids},
               {"generation_settings_ignored", config.generation_settings_ignored},
               {"memory", memory},
               {"machine", {{"total_bytes", description.machine.total_bytes}, {"available_bytes", description.machine.available_bytes}}},
               {"header_sha256", nullptr},
               {"hub_commit", nullptr}};
  if (!description.header_sha256.empty()) json["header_sha256"] = description.header_sha256;
  if (!description.hub_commit.empty()) json["hub_commit"] = description.hub_commit;
  return json;
}

}  // namespace winnow
