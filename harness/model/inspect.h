#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/config.h"

namespace winnow {

// What a process may take on this machine: physical memory, or the limit of its control group where that is less.
struct MachineMemory {
  std::uint64_t total_bytes = 0, available_bytes = 0;
};
MachineMemory machine_memory();

// What running the model in one dtype takes.
struct MemoryNeed {
  std::string dtype;  // "f32", "bf16"
  std::uint64_t weight_bytes = 0;
  std::uint64_t cache_bytes_per_token = 0;       // keys and values of one position in all layers
  std::uint64_t needed_bytes = 0;                // weights + 15 % + 300 MB (the most a run keeps resident) + cache of cache_tokens
  std::int64_t cache_tokens = 0;                 // 8,192, or max_positions where that is less
  bool fits = false;                             // needed_bytes are available
  std::optional<std::int64_t> experts_that_fit;  // where it does not fit: the most experts a layer may keep so that it would; nullopt: not even top-k
};

// The answer of `winnow inspect`.
struct ModelDescription {
  std::string name;           // folder or config file
  std::string hub_commit;     // empty: not from the hub's cache
  std::string header_sha256;  // empty: no weights
  ModelConfig config;
  std::uint64_t stored_bytes = 0;              // of the weights in the files; 0: no weights
  std::vector<std::string> files;              // weight files
  std::vector<std::int64_t> experts_by_layer;  // 0: dense layer
  std::int64_t parameters = 0, active_parameters = 0, expert_parameters = 0;
  MachineMemory machine;
  std::vector<MemoryNeed> memory;
};

// Of a checkpoint folder, checked whole (its weights are not read), or of a config.json or a folder that has no weight files at all.
ModelDescription inspect_model(const std::filesystem::path& path, const MachineMemory& machine = machine_memory());

Json to_json(const ModelDescription& description);

}  // namespace winnow
