#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.h"
#include "harness/sweep/grid.h"
#include "harness/sweep/sweep_declaration.h"

namespace winnow {

// A model behind an OpenAI-style endpoint.
struct ServedSpec {
  std::string endpoint, model;
  std::string tokenizer;         // folder or hub name
  std::string api_key_env;       // environment variable that holds the key; empty: none
  std::string scoring = "echo";  // "echo" | "none"
  int concurrency = 8, attempts = 8;
  double requests_per_second = 0, timeout_seconds = 300;  // 0: no limit
  std::int64_t max_length = 0;                            // 0: two less than the server's limit
};

// A model of the sweep: exactly one of path, recorded, config (random weights), served is set.
struct ModelSpec {
  std::string name;
  std::string path;               // folder or hub name "org/name[@revision]"
  std::string recorded;           // JSONL of recorded outputs
  std::string config;             // config.json of a model with "weights": "random"
  std::uint64_t seed = 0;         // of random weights
  std::string dtype = "bf16";     // to run in: "f32" | "bf16"
  std::string experts = "dense";  // how they lie in memory: "dense" | "bitmap" | "streamed"; the CPU has the first only
  GridValues grid = {};
  std::optional<ServedSpec> served = {};

  // Nothing here can prune it: it meets the variant without steps only.
  bool is_answered_elsewhere() const { return !recorded.empty() || served.has_value(); }
};

struct StepSpec {
  std::string pruner;
  int version = 1;
  Json settings = Json::object();  // checked, defaults filled in
};

// Text, or token ids, that a variant's steps observe the model on: exactly one of dataset, file, tokens is set.
struct CalibrationSpec {
  std::string dataset, split;
  std::string file;                 // JSONL
  std::vector<std::string> fields;  // empty: the data set's own
  std::string tokens;               // JSON file of token ids; the rest does not count then
  std::int64_t sequences = 128, length = 2048;
  std::uint64_t seed = 42;
  std::string loader = "packed";
};

struct VariantSpec {
  std::string label;
  std::vector<StepSpec> steps;  // empty: dense
  std::optional<CalibrationSpec> calibration = {};
  std::optional<double> total_sparsity = {};
  std::string scope = "linears";
  std::vector<std::string> leave_out = {};  // regular expressions over tensor names
  std::string replicate_of = {};            // label of the variant in the file whose "seeds" this is one of
  GridValues grid = {};
};

struct TaskSpec {
  std::string task;
  Json settings = Json::object();  // checked, defaults filled in
  GridValues grid = {};
};

// What a cell may take before it is given up as failed; 0: as much as it needs.
struct Limits {
  double seconds = 0;             // of one run of it
  std::int64_t tokens = 0;        // that go through the layers
  std::int64_t memory_bytes = 0;  // private memory of the worker that runs it
  double silence_seconds = 3600;  // without an answer or a step: it hangs
};

struct Sweep {
  std::string name;
  std::vector<ModelSpec> models;
  std::vector<VariantSpec> variants;
  std::vector<TaskSpec> tasks;
  std::vector<Exclusion> exclusions;  // cells of the product to leave out
  std::string device = "cpu";
  int threads = 0;                   // 0: the machine's physical cores
  std::int64_t token_budget = 8192;  // rows of one pack
  Limits limits;
  Json file;  // as read, with the overrides carried out
};

// Parses and checks a whole sweep file: JSON with comments, unknown keys refused, plug-ins and their settings known. Relative paths are
// taken from the file's folder. `overrides` are --set PATH=VALUE. Throws Error(kInput) "file:line:column: path: …, nearest known name",
// Error(kUsage) where an override is at fault.
Sweep read_sweep(const std::filesystem::path& file, const PrunerDeclarations& pruners, const std::vector<std::string>& overrides = {});
Sweep parse_sweep(std::string_view text, const std::string& source, const std::filesystem::path& folder, const PrunerDeclarations& pruners,
                  const std::vector<std::string>& overrides = {});

// One entry of "variants", alone in a file (winnow plan, winnow prune); a label may be missing.
VariantSpec read_variant_file(const std::filesystem::path& file, const PrunerDeclarations& pruners);
// A calibration object, alone in a file (winnow calibrate).
CalibrationSpec read_calibration_file(const std::filesystem::path& file);

// "cuda" of "cuda:1": what counts for results.
std::string device_kind(const std::string& device);

}  // namespace winnow
