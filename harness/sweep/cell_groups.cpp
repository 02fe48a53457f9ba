#include "harness/sweep/cell_groups.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "harness/sweep/known_tasks.h"
#include "harness/sweep/until_examples.h"

namespace winnow {

std::vector<CellGroup> group_cells(const std::vector<const Cell*>& cells) {
  std::map<std::tuple<std::size_t, CellGroup::Kind, std::size_t>, CellGroup> groups;  // in running order
  for (const Cell* cell : cells) {
    const CellGroup::Kind kind = is_measurement(cell->task) ? CellGroup::Kind::kMeasurement : CellGroup::Kind::kVariant;
    CellGroup& group = groups[{cell->model_index, kind, kind == CellGroup::Kind::kMeasurement ? cell->task_index : cell->variant_index}];
    group.kind = kind;
    group.cells.push_back(cell);
  }
  std::vector<CellGroup> ordered;
  for (auto& [place, group] : groups) ordered.push_back(std::move(group));
  std::ranges::stable_sort(ordered, {}, [](const CellGroup& group) {
    const bool has_until = std::ranges::any_of(group.cells, [](const Cell* cell) { return until_of(*cell).has_value(); });
    return std::tuple(group.cells.front()->model_index, group.kind, has_until);
  });
  return ordered;
}

}  // namespace winnow
