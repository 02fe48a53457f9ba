#include "harness/pruning/export.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>

#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/core/terminal.h"
#include "harness/model/dtype.h"
#include "harness/model/safetensors.h"
#include "harness/model/tensor_layout.h"
#include "harness/pruning/apply.h"
#include "harness/pruning/export_remarks.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

constexpr const char *kExpertsPerToken = "num_experts_per_tok", *kCard = "README.md";

std::string shown(const fs::path& path) { return printable(path.string()); }

// Where the folder will be: absolute, links resolved.
fs::path checked_target(const fs::path& folder, const fs::path& source) {
  fs::path target = fs::weakly_canonical(fs::absolute(folder)).lexically_normal();
  if (target.filename().empty()) target = target.parent_path();
  const fs::path from = fs::canonical(source);
  if (std::mismatch(from.begin(), from.end(), target.begin(), target.end()).first == from.end()) {
    throw input_error("{}: is the model itself or lies in its folder {}; name another folder", shown(folder), shown(source));
  }
  if (!fs::is_directory(target.parent_path())) throw input_error("{}: the folder {} is not there; make it first", shown(folder), shown(target.parent_path()));
  if (fs::exists(target) && !fs::is_directory(target)) throw input_error("{}: is a file; name a folder that is not there yet", shown(folder));
  if (fs::exists(target) && !fs::is_empty(target))
    throw input_error("{}: is not empty; name a folder that is not there yet, or remove what is in it", shown(folder));
  return target;
}

// A sibling of the target that becomes it, or is removed.
class PartialFolder {
 public:
  explicit PartialFolder(const fs::path& target) : target_(target) {
    std::random_device random;
    std::error_code error;
    do {
      path_ = target.parent_path() / fmt::format(".{}.partial-{:08x}", target.filename().string(), random());
    } while (!fs::create_directory(path_, error) && !error);
    if (error) throw input_error("{}: cannot be made: {}", shown(target), error.message());
  }
  ~PartialFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;

  const fs::path& path() const { return path_; }

  void commit() {
    std::error_code error;
    fs::rename(path_, target_, error);  // replaces an empty folder
    if (error) throw input_error("{}: cannot be made: {}", shown(target_), error.message());
    path_.clear();
    const int parent = ::open(target_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent >= 0) {
      ::fsync(parent);
      ::close(parent);
    }
  }

 private:
  fs::path target_, path_;
};

// Of the model before the plan, in whatever layout: another engine would load them instead of the pruned ones.
bool holds_whole_weights(const std::string& name) {
  const bool is_safetensors = name.starts_with("model") && name.find(".safetensors") != std::string::npos;
  const bool has_prefix = std::ranges::any_of(std::initializer_list<std::string_view>{"pytorch_model", "consolidated", "tf_model", "flax_model", "rust_model"},
                                              [&](std::string_view prefix) { return name.starts_with(prefix); });
  return is_safetensors || has_prefix || name.ends_with(".gguf") || name.ends_with(".pth");
}

struct OtherFiles {
  std::vector<std::string> copied, left_out;  // relative to the source's folder
  std::uint64_t bytes = 0;
};

OtherFiles find_other_files(const Checkpoint& source) {
  const std::vector<std::string> weights = source.weight_file_names();
  std::set<std::string> written(weights.begin(), weights.end());
  written.insert({"config.json", kWeightIndex, kExportedPlan, kCard});
  OtherFiles files;
  for (auto entry = fs::recursive_directory_iterator(source.folder()); entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string(), relative = entry->path().lexically_relative(source.folder()).string();
    if (written.contains(relative)) continue;
    if (entry->is_directory() && !entry->is_symlink() && !name.starts_with('.')) continue;
    if (entry->is_directory()) entry.disable_recursion_pending();
    if (!entry->is_regular_file() || holds_whole_weights(name)) {
      files.left_out.push_back(relative);
    } else {
      files.copied.push_back(relative);
      files.bytes += entry->file_size();
    }
  }
  std::ranges::sort(files.copied);
  std::ranges::sort(files.left_out);
  return files;
}

void copy_files(const fs::path& from, const fs::path& to, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    fs::create_directories((to / name).parent_path());
    AtomicFile copy(to / name);
    read_pieces(from / name, [&](std::string_view piece) { copy.write(piece); });
    copy.commit();
  }
}

// Each tensor of the pruned model in the dtype that its origin is stored in.
std::vector<SafetensorsWriter::Entry> entries_of(const Checkpoint& source, const PrunedCheckpoint& pruned) {
  const std::vector<TensorPlace> places =
      place_tensors(source.folder(), source.config(), source.family(), source.tensors(), open_weight_files(source.folder()));
  std::map<std::string, std::string> stored;
  for (std::size_t i = 0; i < places.size(); ++i) stored.emplace(source.tensors()[i].name, places[i].dtype);
  std::vector<SafetensorsWriter::Entry> entries;
  for (std::size_t i = 0; i < pruned.tensors.size(); ++i) {
    entries.push_back({pruned.tensors[i].name, scalar_type(stored.at(pruned.origins[i].name)), pruned.tensors[i].shape});
  }
  return entries;
}

std::uint64_t bytes_of(const SafetensorsWriter::Entry& entry) {
  std::uint64_t bytes = c10::elementSize(entry.dtype);
  for (const std::int64_t size : entry.shape) bytes *= static_cast<std::uint64_t>(size);
  return bytes;
}

struct Shard {
  std::string name;
  std::size_t first = 0, end = 0;  // tensors
  std::uint64_t bytes = 0;
};

std::vector<Shard> plan_shards(const std::vector<SafetensorsWriter::Entry>& entries, std::uint64_t most_bytes) {
  std::vector<Shard> shards(1);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::uint64_t bytes = bytes_of(entries[i]);
    if (shards.back().bytes > 0 && shards.back().bytes + bytes > most_bytes) shards.push_back({.first = i});
    shards.back().end = i + 1;
    shards.back().bytes += bytes;
  }
  if (shards.size() == 1) shards[0].name = kSingleWeightFile;
  for (std::size_t i = 0; shards.size() > 1 && i < shards.size(); ++i) shards[i].name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  return shards;
}

at::Tensor as_stored(const at::Tensor& tensor, const SafetensorsWriter::Entry& entry) {
  if (tensor.scalar_type() == entry.dtype) return tensor;
  at::Tensor rounded = tensor.to(entry.dtype);
  if (!rounded.isfinite().all().item<bool>())
    throw input_error("plan: {} has values that {} cannot hold, the dtype it is stored in", entry.name, c10::toString(entry.dtype));
  return rounded;
}

// False where `on_written`, called after each tensor, says to stop.
bool write_shard(const fs::path& folder, const Shard& shard, const PrunedCheckpoint& pruned, const std::vector<SafetensorsWriter::Entry>& entries,
                 const std::function<bool(std::uint64_t bytes)>& on_written) {
  SafetensorsWriter writer(folder / shard.name,
                           {entries.begin() + static_cast<std::ptrdiff_t>(shard.first), entries.begin() + static_cast<std::ptrdiff_t>(shard.end)});
  for (std::size_t i = shard.first; i < shard.end; ++i) {
    writer.write(entries[i].name, as_stored(pruned.weights->read(pruned.tensors[i]), entries[i]));
    pruned.weights->release(pruned.tensors[i]);
    if (!on_written(bytes_of(entries[i]))) return false;
  }
  writer.commit();
  return true;
}

void write_index(const fs::path& folder, const std::vector<Shard>& shards, const std::vector<SafetensorsWriter::Entry>& entries, std::uint64_t total_bytes) {
  Json map = Json::object();
  for (const Shard& shard : shards) {
    for (std::size_t i = shard.first; i < shard.end; ++i) map[entries[i].name] = shard.name;
  }
  write_file(folder / kWeightIndex, Json{{"metadata", {{"total_size", total_bytes}}}, {"weight_map", std::move(map)}}.dump(2) + "\n");
}

std::vector<std::int64_t> expert_counts(const ModelConfig& config) {
  std::vector<std::int64_t> counts;
  for (const LayerConfig& layer : config.layers) counts.push_back(layer.mlp == LayerConfig::Mlp::kMoe ? layer.experts : 0);
  return counts;
}

// Nothing where config.json stays as it is.
std::optional<Json> changed_config(const Checkpoint& source, const std::vector<std::int64_t>& counts) {
  if (counts == expert_counts(source.config())) return std::nullopt;
  Json config = source.family().write_expert_counts(source.config().original, counts);
  const std::int64_t per_token = source.config().router.experts_per_token;
  const auto short_of = std::ranges::find_if(counts, [&](std::int64_t count) { return count > 0 && count < per_token; });
  if (short_of == counts.end()) return config;
  if (std::ranges::any_of(counts, [&](std::int64_t count) { return count > 0 && count != *short_of; })) {
    throw unsupported_error(
        "plan: layer {} keeps {} experts and others more, but '{}' is {} for all layers of a config.json; run the plan itself, or plan at least {} in each "
        "layer",
        short_of - counts.begin(), *short_of, kExpertsPerToken, per_token, per_token);
  }
  config[kExpertsPerToken] = *short_of;
  return config;
}

// With the thresholds that the model had already.
Json exported_plan(const PrunePlan& plan, const ModelConfig& pruned) {
  PrunePlan whole = plan;
  for (int layer = 0; layer < std::ssize(pruned.layers); ++layer) {
    if (!pruned.layers[layer].skip_beta) continue;
    auto position = std::ranges::find(whole.layers, layer, &LayerPlan::layer);
    if (position == whole.layers.end()) position = whole.layers.insert(position, LayerPlan{.layer = layer});
    position->beta = pruned.layers[layer].skip_beta;
  }
  return plan_to_json(whole);
}

void check_room(const fs::path& target, std::uint64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(target.parent_path(), error);
  if (!error && space.available < bytes) {
    throw input_error("{}: the model takes {} bytes, but {} are free there; make room or name a folder elsewhere", shown(target), bytes, space.available);
  }
}

}  // namespace

ExportSummary export_checkpoint(Checkpoint& source, const PrunePlan& plan, const fs::path& folder, const ExportOptions& options) {
  const fs::path target = checked_target(folder, source.folder());
  if (plan.model != source.header_sha256()) {
    throw input_error("plan: it was made for the model with header digest {:.12}, {} has {:.12}; plan this model anew", plan.model, shown(source.folder()),
                      source.header_sha256());
  }
  const PrunedCheckpoint pruned = apply_plan(plan, source.config(), source.tensors(), source);
  const std::vector<std::int64_t> counts = expert_counts(pruned.config);
  const std::optional<Json> config = changed_config(source, counts);
  const std::vector<SafetensorsWriter::Entry> entries = entries_of(source, pruned);
  const std::vector<Shard> shards = plan_shards(entries, options.shard_bytes);
  const OtherFiles others = find_other_files(source);
  ExportSummary summary{.folder = target, .expert_counts = counts, .copied = others.copied, .left_out = others.left_out};
  for (const Shard& shard : shards) {
    summary.weight_files.push_back(shard.name);
    summary.weight_bytes += shard.bytes;
  }
  check_room(target, summary.weight_bytes + others.bytes);

  PartialFolder partial(target);
  copy_files(source.folder(), partial.path(), others.copied);
  write_file(partial.path() / "config.json", config ? config->dump(2) + "\n" : read_file(source.folder() / "config.json"));
  if (fs::is_regular_file(source.folder() / kCard)) write_file(partial.path() / kCard, pruned_card(read_file(source.folder() / kCard), plan));
  write_file(partial.path() / kExportedPlan, exported_plan(plan, pruned.config).dump(1) + "\n");
  std::uint64_t written = 0;
  for (const Shard& shard : shards) {
    const bool is_whole = write_shard(partial.path(), shard, pruned, entries, [&](std::uint64_t bytes) {
      written += bytes;
      if (options.on_progress) options.on_progress(static_cast<double>(written) / static_cast<double>(summary.weight_bytes));
      return !(options.should_stop && options.should_stop());
    });
    summary.was_stopped = !is_whole;
    if (summary.was_stopped) return summary;
  }
  if (shards.size() > 1) write_index(partial.path(), shards, entries, summary.weight_bytes);
  source.check_unchanged();
  Checkpoint::open(partial.path());  // by every rule that a reader goes by
  partial.commit();
  summary.remarks = export_remarks(plan, source.config(), pruned.config);
  return summary;
}

}  // namespace winnow
