#include "harness/sweep/grid.h"

#include <fnmatch.h>

#include <algorithm>

namespace winnow {
namespace {

constexpr std::size_t kMaxSuffixValue = 40;
constexpr std::size_t kMaxValues = 10000;  // of one path
constexpr std::string_view kLists[] = {"models", "variants", "tasks"};

bool matches(const std::string& pattern, const std::string& name) { return pattern == name || ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0; }

bool leads_to(const SettingPath& path, const std::string& list, std::size_t index, const Json& item) {
  return path.steps()[0].name == list && SettingPath::selects(path.steps()[1], index, item);
}

// The last name of a path says what varies: " ratio=0.5". Values that cannot be read at a glance are counted.
std::string suffix_of(const std::string& path, const Json& value, std::size_t number) {
  const std::string name = path.substr(path.find_last_of('.') + 1), text = shown(value);
  return fmt::format(" {}={}", name, value.is_structured() || text.size() > kMaxSuffixValue ? fmt::format("#{}", number + 1) : text);
}

}  // namespace

std::string shown(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Grid::Grid(const CheckedJson& file) : file_(file) {
  if (file.root().contains("grid")) {
    const Json& grid = file.root()["grid"];
    if (!grid.is_object()) throw fault("grid", fmt::format("expected paths with lists of values, found {}", json_kind(grid)));
    for (const auto& [path, values] : grid.items()) {
      Axis axis = read_axis(path, member_path("grid", path));
      if (!values.is_array() || values.empty())
        throw fault(axis.place,
                    fmt::format("expected a list of values to try, found {}", values.empty() && values.is_array() ? "an empty list" : json_kind(values)));
      if (values.size() > kMaxValues) throw fault(axis.place, fmt::format("the list has {} values; at most {} are tried", values.size(), kMaxValues));
      axis.values.assign(values.begin(), values.end());
      for (std::size_t i = 0; i < axis.values.size(); ++i) {
        if (std::find(axis.values.begin(), axis.values.begin() + static_cast<std::ptrdiff_t>(i), axis.values[i]) !=
            axis.values.begin() + static_cast<std::ptrdiff_t>(i))
          throw fault(item_path(axis.place, i), fmt::format("{} stands in the list twice", shown(axis.values[i])));
      }
      axes_.push_back(std::move(axis));
    }
  }
  read_inclusions();
  read_exclusions();
}

Grid::Axis Grid::read_axis(const std::string& text, const std::string& place) const {
  std::optional<SettingPath> path = SettingPath::parse(text);
  const auto is_entry = [&] {
    return path->steps().size() >= 3 && path->steps()[1].kind != SettingPath::Step::Kind::kMember &&
           std::find(std::begin(kLists), std::end(kLists), path->steps()[0].name) != std::end(kLists);
  };
  if (!path || !is_entry())
    throw file_.fault(place, CheckedJson::At::kKey,
                      "expected a path into models, variants or tasks, such as \"variants[0].steps[0].ratio\" or \"tasks.*.shots\"");
  return {.text = text, .place = place, .path = std::move(*path), .values = {}};
}

void Grid::read_inclusions() {
  if (!file_.root().contains("include")) return;
  const Json& list = file_.root()["include"];
  if (!list.is_array()) throw fault("include", fmt::format("expected a list of combinations, found {}", json_kind(list)));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = item_path("include", i);
    if (!list[i].is_object() || list[i].empty()) throw fault(place, "expected an object of paths and values, such as {\"variants[0].steps[0].ratio\": 0.75}");
    Combination combination;
    for (const auto& [path, value] : list[i].items()) {
      combination.push_back(read_axis(path, member_path(place, path)));
      combination.back().values = {value};
      if (combination.back().path.steps()[0].name != combination.front().path.steps()[0].name)
        throw fault(place, "a combination is of one list: models, variants or tasks; every model meets every variant and task anyway");
    }
    inclusions_.push_back(std::move(combination));
  }
}

void Grid::read_exclusions() {
  if (!file_.root().contains("exclude")) return;
  const Json& list = file_.root()["exclude"];
  if (!list.is_array()) throw fault("exclude", fmt::format("expected a list of patterns, found {}", json_kind(list)));
  for (std::size_t i = 0; i < list.size(); ++i) exclusions_.push_back(read_exclusion(item_path("exclude", i), list[i]));
}

Exclusion Grid::read_exclusion(const std::string& place, const Json& item) const {
  if (!item.is_object() || item.empty()) throw fault(place, "expected an object such as {\"model\": \"mixtral\", \"variant\": \"wanda*\", \"task\": \"mmlu\"}");
  Exclusion exclusion{.place = file_.where(place, CheckedJson::At::kValue)};
  std::vector<std::string> known = {"model", "variant", "task"};
  for (const Axis& axis : axes_) known.push_back(axis.text);
  for (const Combination& combination : inclusions_) {
    for (const Axis& axis : combination) known.push_back(axis.text);
  }
  for (const auto& [key, value] : item.items()) {
    std::string* pattern = key == "model" ? &exclusion.model : key == "variant" ? &exclusion.variant : key == "task" ? &exclusion.task : nullptr;
    if (pattern != nullptr) {
      if (!value.is_string()) throw fault(member_path(place, key), fmt::format("expected a name or a pattern such as \"wanda*\", found {}", json_kind(value)));
      *pattern = value.get<std::string>();
    } else if (std::find(known.begin(), known.end(), key) != known.end()) {
      exclusion.values[key] = value;
    } else {
      throw file_.fault(member_path(place, key), CheckedJson::At::kKey,
                        fmt::format("an exclusion does not know '{}'{}; it knows: {}", key, did_you_mean(key, known), fmt::join(known, ", ")));
    }
  }
  return exclusion;
}

std::vector<GridPoint> Grid::points(const std::string& list, std::size_t index, const Json& item, std::size_t limit) {
  std::vector<GridPoint> points = {{.item = item, .values = {}, .suffix = ""}};
  const auto apply = [](GridPoint& point, Axis& axis, std::size_t number) {
    if (axis.path.set(point.item, axis.values[number], 2).empty()) return false;
    axis.is_used = true;
    point.values[axis.text] = axis.values[number];
    point.suffix += suffix_of(axis.text, axis.values[number], number);
    return true;
  };
  for (Axis& axis : axes_) {
    if (!leads_to(axis.path, list, index, item)) continue;
    std::vector<GridPoint> wider;
    for (const GridPoint& point : points) {
      for (std::size_t v = 0; v < axis.values.size(); ++v) {
        GridPoint next = point;
        if (!apply(next, axis, v)) break;
        wider.push_back(std::move(next));
        if (wider.size() > limit) throw fault(axis.place, fmt::format("the grid makes more than {} entries of \"{}\"", limit, list));
      }
    }
    if (!wider.empty()) points = std::move(wider);
  }
  for (Combination& combination : inclusions_) {
    GridPoint more{.item = item, .values = {}, .suffix = ""};
    if (std::ranges::all_of(combination, [&](Axis& axis) { return leads_to(axis.path, list, index, item) && apply(more, axis, 0); }))
      points.push_back(std::move(more));
  }
  return points;
}

void Grid::check_used() const {
  const auto check = [this](const Axis& axis) {
    if (!axis.is_used) throw file_.fault(axis.place, CheckedJson::At::kKey, "nothing in the sweep has that path");
  };
  std::ranges::for_each(axes_, check);
  for (const Combination& combination : inclusions_) std::ranges::for_each(combination, check);
}

bool excludes(const Exclusion& exclusion, const std::string& model, const std::string& variant, const std::string& task, const std::string& task_label,
              const GridValues& values) {
  const bool names_match =
      matches(exclusion.model, model) && matches(exclusion.variant, variant) && (matches(exclusion.task, task) || matches(exclusion.task, task_label));
  return names_match && std::ranges::all_of(exclusion.values, [&](const auto& wanted) {
           const auto found = values.find(wanted.first);
           return found != values.end() && found->second == wanted.second;
         });
}

}  // namespace winnow
