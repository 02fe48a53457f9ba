#include "harness/sweep/known_tasks.h"

#include <algorithm>

namespace winnow {

std::vector<std::string> task_names() {
  std::vector<std::string> names = Registry<Task>::instance().names();
  const std::vector<std::string> measurements = Registry<Measurement>::instance().names();
  names.insert(names.end(), measurements.begin(), measurements.end());
  std::ranges::sort(names);
  return names;
}

bool is_measurement(std::string_view task) { return Registry<Measurement>::instance().contains(task); }

TaskDeclaration task_declaration(std::string_view task) {
  if (is_measurement(task)) {
    const Registered<Measurement>& entry = Registry<Measurement>::instance().find(task);
    return {entry.version, entry.settings};
  }
  const Registered<Task>& entry = Registry<Task>::instance().find(task);
  return {entry.version, entry.settings};
}

void try_task(std::string_view task, const Json& settings) {
  if (is_measurement(task)) {
    Registry<Measurement>::instance().make(task, settings);
  } else {
    Registry<Task>::instance().make(task, settings);
  }
}

}  // namespace winnow
