#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "harness/model/weight_source.h"

namespace winnow {

// Folder of a model given as a folder or as a hub name "org/name[@revision]", looked up in the local Hugging Face cache (HF_HUB_CACHE,
// HF_HOME/hub, ~/.cache/huggingface/hub), never downloaded. Throws Error(kInput) with the `hf download` line to type.
std::filesystem::path find_model_folder(const std::string& path_or_hub_name);

// A model folder in Hugging Face layout: config.json, model.safetensors or shards with an index, checked whole before a byte of weight is read.
class Checkpoint : public WeightSource {
 public:
  // Throws Error(kInput | kUnsupported) with one sentence naming file and fault.
  static std::unique_ptr<Checkpoint> open(const std::filesystem::path& folder);

  virtual const std::filesystem::path& folder() const = 0;
  virtual const ModelConfig& config() const = 0;
  virtual const Family& family() const = 0;
  virtual const std::vector<TensorSpec>& tensors() const = 0;

  virtual std::uint64_t weight_bytes() const = 0;
  virtual std::vector<std::string> weight_file_names() const = 0;
  // Commit hash on the hub where the folder is a snapshot in the Hugging Face cache, else empty.
  virtual std::string hub_commit() const = 0;
  // Of config, shard headers and sizes: cheap; names the model in plans, traces, inspect.
  virtual std::string header_sha256() const = 0;
  // Of every byte of config and weights; computed once and cached by path, size and mtime under cache_folder(): names the model in cell keys.
  virtual std::string content_sha256() const = 0;
  // Throws Error(kInput) if a file's size or mtime is no longer what it was at open.
  virtual void check_unchanged() const = 0;
};

// The config of a model by itself, for models without weights: a config.json, or a folder that holds one; generation_config.json beside it
// is read too. Throws Error(kInput | kUnsupported).
ModelConfig read_model_config(const std::filesystem::path& path);

// $WINNOW_CACHE, else $XDG_CACHE_HOME/winnow, else ~/.cache/winnow.
std::filesystem::path cache_folder();

}  // namespace winnow
