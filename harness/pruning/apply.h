#pragma once
#include "harness/engine/model.h"
#include "harness/pruning/plan.h"

namespace winnow {

// Makes the model what the plan says; dropped experts are released. check_plan first.
void apply_plan(const PrunePlan& plan, Model& model);

}  // namespace winnow
