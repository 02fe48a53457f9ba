#include "harness/sweep/grid_difference.h"

#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/sweep/json_positions.h"

namespace winnow {
namespace {

constexpr std::size_t kMaxChangesShown = 3, kMaxValueShown = 40;

std::string name_of(const Cell& cell) { return fmt::format("{} · {} · {}", cell.model, cell.variant, cell.task_label); }

std::string shown(const Json* value) {
  if (value == nullptr) return "(none)";
  const std::string text = value->is_string() ? value->get<std::string>() : value->dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= kMaxValueShown ? text : text.substr(0, text.find_last_of(" ,", kMaxValueShown)).substr(0, kMaxValueShown) + "…";
}

// Paths whose values differ, with both values.
void list_changes(const std::string& path, const Json* before, const Json* now, std::vector<std::string>& changes) {
  if (before != nullptr && now != nullptr && *before == *now) return;
  if (before != nullptr && now != nullptr && before->is_object() && now->is_object()) {
    std::set<std::string> keys;
    for (const Json* side : {before, now}) {
      for (const auto& [key, value] : side->items()) keys.insert(key);
    }
    const auto member = [](const Json& object, const std::string& key) { return object.contains(key) ? &object[key] : nullptr; };
    for (const std::string& key : keys) list_changes(member_path(path, key), member(*before, key), member(*now, key), changes);
  } else if (before != nullptr && now != nullptr && before->is_array() && now->is_array() && before->size() == now->size()) {
    for (std::size_t i = 0; i < now->size(); ++i) list_changes(item_path(path, i), &(*before)[i], &(*now)[i], changes);
  } else {
    changes.push_back(fmt::format("{} {} → {}", path, shown(before), shown(now)));
  }
}

std::string changes_of(const Cell& before, const Cell& now) {
  std::vector<std::string> changes;
  list_changes("", &before.identity, &now.identity, changes);
  std::string text;
  for (std::size_t i = 0; i < changes.size() && i < kMaxChangesShown; ++i) text += (i == 0 ? "" : ", ") + changes[i];
  if (changes.size() > kMaxChangesShown) text += fmt::format(" and {} more", changes.size() - kMaxChangesShown);
  return text;
}

}  // namespace

GridDifference grid_difference(std::span<const Cell> before, std::span<const Cell> now) {
  GridDifference difference;
  std::set<std::string> keys_before, keys_now;
  for (const Cell& cell : before) keys_before.insert(cell.key);
  for (const Cell& cell : now) keys_now.insert(cell.key);
  std::map<std::string, const Cell*> gone;
  for (const Cell& cell : before) {
    if (!keys_now.contains(cell.key)) gone.emplace(name_of(cell), &cell);
  }
  std::set<std::string> replaced;
  for (const Cell& cell : now) {
    if (keys_before.contains(cell.key)) {
      ++difference.same;
    } else if (const auto old = gone.find(name_of(cell)); old != gone.end()) {
      difference.lines.push_back(fmt::format("~ {}: {}", old->first, changes_of(*old->second, cell)));
      replaced.insert(old->second->key);
      ++difference.changed;
    } else {
      difference.lines.push_back("+ " + name_of(cell));
      ++difference.added;
    }
  }
  for (const Cell& cell : before) {
    if (keys_now.contains(cell.key) || replaced.contains(cell.key)) continue;
    difference.lines.push_back("- " + name_of(cell));
    ++difference.gone;
  }
  return difference;
}

}  // namespace winnow
