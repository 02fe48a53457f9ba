#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/api/measure.h"
#include "harness/api/task.h"

namespace winnow {

// The tasks a sweep may name: those that ask questions, and measurements. Both registries as one.
std::vector<std::string> task_names();
bool is_measurement(std::string_view task);

struct TaskDeclaration {
  int version;
  std::span<const Setting> settings;
};
// Throws Error(kInput) for an unknown name.
TaskDeclaration task_declaration(std::string_view task);

// Makes it once, so that its own checks speak.
void try_task(std::string_view task, const Json& settings);

}  // namespace winnow
