#pragma once
#include <filesystem>

#include "harness/pruning/plan.h"

namespace winnow {

// PLAN.json and, where the plan has masks or weights, PLAN.safetensors beside it (same name, other ending); the JSON file appears last.
void write_plan(const std::filesystem::path& path, const PrunePlan& plan);

// Throws Error(kInput) naming file and fault; masks must have the digests that PLAN.json gives. Tensors are views of the mapped file: never write to them.
PrunePlan read_plan(const std::filesystem::path& path);

}  // namespace winnow
