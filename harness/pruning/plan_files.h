#pragma once
#include <filesystem>

#include "harness/pruning/plan.h"

namespace winnow {

// Throws Error(kInput) unless a plan may be written there: PLAN.safetensors beside it is not there, or is an earlier plan's.
void check_plan_place(const std::filesystem::path& path);

// PLAN.json and, where the plan has masks or weights, PLAN.safetensors beside it (same name, other ending); the JSON file appears last. An earlier
// plan's PLAN.safetensors is replaced, or removed where this plan has none.
void write_plan(const std::filesystem::path& path, const PrunePlan& plan);

// Throws Error(kInput) naming file and fault; masks must have the digests that PLAN.json gives. Tensors are views of the mapped file: never write to them.
PrunePlan read_plan(const std::filesystem::path& path);

// The same tensors as pages of a file that no longer has a name, in the folder for temporary files (TMPDIR): memory may let them go. Never write to them.
std::map<std::string, at::Tensor> as_pages(const std::map<std::string, at::Tensor>& tensors);

}  // namespace winnow
