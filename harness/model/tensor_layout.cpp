#include "harness/model/tensor_layout.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "harness/core/terminal.h"
#include "harness/model/config_fields.h"

namespace winnow {
namespace {

const char* role_words(Role role) {
  switch (role) {
    case Role::kEmbedding: return "the embedding";
    case Role::kFinalNorm: return "the final norm";
    case Role::kOutputHead: return "the output head";
    case Role::kAttentionNorm: return "the norm before attention";
    case Role::kMlpNorm: return "the norm before the MLP";
    case Role::kRouter: return "the router";
    case Role::kSharedRouter: return "the gate of the shared expert";
    case Role::kExpertGate:
    case Role::kExpertUp:
    case Role::kExpertDown: return "an expert matrix";
    case Role::kSharedGate:
    case Role::kSharedUp:
    case Role::kSharedDown: return "a matrix of the shared expert";
    case Role::kDenseGate:
    case Role::kDenseUp:
    case Role::kDenseDown: return "a matrix of the MLP";
    case Role::kQueryBias:
    case Role::kKeyBias:
    case Role::kValueBias:
    case Role::kOutputBias: return "an attention bias";
    default: return "an attention matrix";
  }
}

// The number in "layers.12." or "experts.3." of a tensor's name, as text: it may be written wrongly.
std::optional<std::string> number_after(const std::string& name, const std::string& word) {
  const std::size_t start = name.find(word + ".");
  if (start == std::string::npos) return std::nullopt;
  const std::size_t first = start + word.size() + 1;
  const std::size_t end = name.find_first_not_of("0123456789", first);
  if (end == first) return std::nullopt;
  return name.substr(first, end == std::string::npos ? end : end - first);
}

// Compares numbers of any length against a count: text without leading zeros.
bool is_below(const std::string& digits, std::int64_t count) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && value < count;
}

class Placer {
 public:
  Placer(const std::filesystem::path& folder, const ModelConfig& config, const Family& family, const std::vector<WeightFile>& files)
      : folder_(folder), config_(config), family_(family), files_(files) {
    for (std::size_t file = 0; file < files.size(); ++file) {
      for (const SafetensorsEntry& entry : files[file].header.entries) stored_.emplace(entry.name, Stored{file, &entry});
    }
  }

  std::vector<TensorPlace> place(const std::vector<TensorSpec>& tensors) {
    check_layers();
    std::vector<TensorPlace> places;
    places.reserve(tensors.size());
    for (const TensorSpec& spec : tensors) {
      std::optional<TensorPlace> found = find(spec);
      if (!found) throw missing(spec, tensors);
      places.push_back(std::move(*found));
    }
    for (const auto& [name, stored] : stored_) {
      if (!used_.contains(name)) check_harmless(name, stored);
    }
    return places;
  }

 private:
  struct Stored {
    std::size_t file;
    const SafetensorsEntry* entry;
  };

  std::string path_of(const Stored& stored) const { return files_[stored.file].file->name(); }
  std::string whole() const { return files_.size() == 1 ? files_[0].file->name() : printable(folder_.string()); }

  // Said before anything else, since every other complaint would follow from it.
  void check_layers() const {
    std::int64_t layers = 0;
    for (const auto& [name, stored] : stored_) {
      const std::optional<std::string> layer = number_after(std::string(name), "model.layers");
      std::int64_t number = 0;
      if (!layer || std::from_chars(layer->data(), layer->data() + layer->size(), number).ec != std::errc()) continue;
      layers = std::max(layers, number < INT64_MAX ? number + 1 : number);
    }
    const auto expected = static_cast<std::int64_t>(config_.layers.size());
    if (layers != expected) throw input_error("{}: holds tensors of {} layers, but config.json says {} ('num_hidden_layers')", whole(), layers, expected);
  }

  std::optional<Stored> look_up(const std::string& name) const {
    const auto position = stored_.find(name);
    if (position == stored_.end()) return std::nullopt;
    return position->second;
  }

  // What the fused layout calls the tensor that this one is, or is part of; empty where it has no such name.
  std::string fused_name(const TensorSpec& spec) const {
    if (spec.role != Role::kRouter && !is_expert(spec.role)) return "";
    const Family::FusedNames fused = family_.fused_names(spec.layer);
    return spec.role == Role::kRouter ? fused.router : spec.role == Role::kExpertDown ? fused.down : fused.gate_up;
  }

  bool is_stored(const TensorSpec& spec) const {
    const std::string fused = fused_name(spec);
    return stored_.contains(spec.name) || (!fused.empty() && stored_.contains(fused));
  }

  std::optional<TensorPlace> find(const TensorSpec& spec) {
    if (const auto stored = look_up(spec.name)) return whole_tensor(*stored, spec.name, spec.shape);
    const std::string fused = fused_name(spec);
    const auto stored = fused.empty() ? std::nullopt : look_up(fused);
    if (!stored) return std::nullopt;
    return spec.role == Role::kRouter ? whole_tensor(*stored, fused, spec.shape) : expert_slice(spec, *stored, fused);
  }

  TensorPlace whole_tensor(const Stored& stored, const std::string& name, const std::vector<std::int64_t>& shape) {
    used_.insert(stored.entry->name);
    if (stored.entry->shape != shape) {
      throw input_error("{}: tensor {} has the shape [{}]; config.json makes it [{}]", path_of(stored), quoted(Json(name)),
                        fmt::join(stored.entry->shape, ", "), fmt::join(shape, ", "));
    }
    return {.file = stored.file, .begin = stored.entry->begin, .end = stored.entry->end, .dtype = dtype_of(stored), .stored_name = name};
  }

  TensorPlace expert_slice(const TensorSpec& spec, const Stored& stored, const std::string& name) {
    const std::int64_t matrices = spec.role == Role::kExpertDown ? 1 : 2;  // gate_up: the rows of gate, then those of up
    TensorPlace place = whole_tensor(stored, name, {config_.layers[static_cast<std::size_t>(spec.layer)].experts, matrices * spec.shape[0], spec.shape[1]});
    const std::uint64_t bytes = static_cast<std::uint64_t>(spec.shape[0] * spec.shape[1]) * (place.dtype == "f32" ? 4 : 2);
    place.begin += bytes * static_cast<std::uint64_t>(spec.expert * matrices + (spec.role == Role::kExpertUp ? 1 : 0));
    place.end = place.begin + bytes;
    return place;
  }

  std::string dtype_of(const Stored& stored) const {
    const std::string& dtype = stored.entry->dtype;
    if (dtype == "F32") return "f32";
    if (dtype == "F16") return "f16";
    if (dtype == "BF16") return "bf16";
    const std::string where = fmt::format("{}: tensor {} has the dtype {}", path_of(stored), quoted(Json(stored.entry->name)), dtype);
    if (dtype == "F64" || dtype.starts_with("F8") || dtype.starts_with("F6") || dtype.starts_with("F4"))
      throw unsupported_error("{}; only F32, F16 and BF16 weights are read", where);
    throw input_error("{}, which weights cannot have; expected F32, F16 or BF16", where);
  }

  Error missing(const TensorSpec& spec, const std::vector<TensorSpec>& tensors) const {
    std::int64_t count = 0;
    for (const TensorSpec& other : tensors) count += !is_stored(other);
    const std::string where = spec.layer < 0 ? "" : fmt::format(" of layer {}", spec.layer);
    const std::string more = count > 1 ? fmt::format(" ({} tensors are missing)", count) : "";
    if (const auto stray = stray_expert(spec))
      return input_error("{}: has no tensor {}, {}{}{}, but has {}", whole(), quoted(Json(spec.name)), role_words(spec.role), where, more, *stray);
    return input_error("{}: has no tensor {}, {}{}{}", whole(), quoted(Json(spec.name)), role_words(spec.role), where, more);
  }

  // An expert of the same layer that carries a number the config has no room for: most likely the missing one, misnamed.
  std::optional<std::string> stray_expert(const TensorSpec& spec) const {
    if (!is_expert(spec.role)) return std::nullopt;
    for (const auto& [key, stored] : stored_) {
      const std::string name(key);
      if (number_after(name, "model.layers") != std::to_string(spec.layer)) continue;
      const auto expert = number_after(name, "experts");
      if (!expert) continue;
      const bool has_zeros = expert->size() > 1 && (*expert)[0] == '0';
      if (has_zeros || !is_below(*expert, config_.layers[static_cast<std::size_t>(spec.layer)].experts)) {
        return fmt::format("{}{}", quoted(Json(name)), has_zeros ? " (numbers are written without leading zeros)" : "");
      }
    }
    return std::nullopt;
  }

  void check_harmless(const std::string& name, const Stored& stored) const {
    if (name.ends_with(".rotary_emb.inv_freq")) return;               // a buffer that releases before transformers 4.32 saved; computed anew everywhere
    if (name == "lm_head.weight" && config_.tied_embeddings) return;  // compared with the embedding when that is read
    const auto layer = number_after(name, "model.layers");
    const auto expert = number_after(name, "experts");
    std::string why;
    if (layer && layer->size() > 1 && (*layer)[0] == '0') {
      why = "; layer numbers are written without leading zeros";
    } else if (expert && expert->size() > 1 && (*expert)[0] == '0') {
      why = "; expert numbers are written without leading zeros";
    } else if (layer && expert && is_below(*layer, static_cast<std::int64_t>(config_.layers.size()))) {
      const std::int64_t experts = config_.layers[std::stoul(*layer)].experts;
      if (!is_below(*expert, experts)) why = fmt::format("; config.json says layer {} has {} experts", *layer, experts);
    }
    const bool is_fused_twice = layer && is_below(*layer, static_cast<std::int64_t>(config_.layers.size())) && is_fused_name(name, std::stoi(*layer));
    if (is_fused_twice) why = "; the same weights are also there under another name";
    throw input_error("{}: has the tensor {}, which a {} model of this config.json does not have{}", path_of(stored), quoted(Json(name)), config_.family, why);
  }

  bool is_fused_name(const std::string& name, int layer) const {
    const Family::FusedNames fused = family_.fused_names(layer);
    return name == fused.gate_up || name == fused.down || name == fused.router;
  }

  const std::filesystem::path& folder_;
  const ModelConfig& config_;
  const Family& family_;
  const std::vector<WeightFile>& files_;
  std::map<std::string, Stored, std::less<>> stored_;  // sorted: complaints come out the same each time
  std::set<std::string> used_;
};

}  // namespace

std::vector<TensorPlace> place_tensors(const std::filesystem::path& folder, const ModelConfig& config, const Family& family,
                                       const std::vector<TensorSpec>& tensors, const std::vector<WeightFile>& files) {
  return Placer(folder, config, family, files).place(tensors);
}

}  // namespace winnow
