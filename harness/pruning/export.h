#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/model/checkpoint.h"
#include "harness/pruning/plan.h"

namespace winnow {

struct ExportOptions {
  std::uint64_t shard_bytes = 5'000'000'000;  // of tensors in one file at most; a larger tensor has a file of its own
  std::function<void(double share)> on_progress = {};
  std::function<bool()> should_stop = {};  // asked after each tensor
};

struct ExportSummary {
  std::filesystem::path folder;
  std::vector<std::string> weight_files;
  std::uint64_t weight_bytes = 0;
  std::vector<std::int64_t> expert_counts;  // by layer; 0 on dense layers
  std::vector<std::string> copied;          // other files of the source
  std::vector<std::string> left_out;        // of the source: weights in other layouts, hidden folders, what is no regular file
  bool was_stopped = false;                 // nothing was written
  std::vector<std::string> remarks;         // sentences for a person: which engines load the folder, and what of the plan it cannot carry
};

// Writes the pruned model as a Hugging Face folder: released tensor names, experts renumbered, expert counts in config.json, the plan as
// winnow_plan.json, a README.md that says so first, every other file copied. A tensor that the plan leaves alone keeps its bytes; what is merged or updated is rounded to the dtype it was stored in. One tensor
// is in memory at a time. The folder appears whole or not at all; its parent must exist, and it must not, or be empty.
// Throws Error(kInput) before a weight is read where plan and model do not fit, or the folder is the source, lies in it or has files;
// Error(kUnsupported) where config.json cannot say what the plan does.
ExportSummary export_checkpoint(Checkpoint& source, const PrunePlan& plan, const std::filesystem::path& folder, const ExportOptions& options = {});

}  // namespace winnow
