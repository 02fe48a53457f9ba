#pragma once
#include <map>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/sweep/checked_json.h"
#include "harness/sweep/setting_path.h"

namespace winnow {

// Values that a grid gives an entry of a sweep, by the path that the file writes.
using GridValues = std::map<std::string, Json>;

std::string shown(const Json& value);  // strings as they are, everything else as JSON

// An entry of "models", "variants" or "tasks" as the grid multiplies it.
struct GridPoint {
  Json item;
  GridValues values;   // empty: the entry as it stands
  std::string suffix;  // " ratio=0.5", what tells its name from its siblings'
};

// Cells to leave out: those that all of these hold for.
struct Exclusion {
  std::string model = "*", variant = "*", task = "*";  // fnmatch patterns; of the task's name or its label
  GridValues values;
  std::string place;  // file, line, column and path, for messages
};

// The parts "grid", "include" and "exclude" of a sweep file: {"variants[stun].steps[0].ratio": [0.25, 0.5], "tasks.*.shots": [0, 5]}. Every entry
// that a path leads to is run once for each value, and once for each combination where several paths lead to it. An inclusion
// {"variants[stun].steps[0].ratio": 0.75} adds one more combination to the entries it leads to.
class Grid {
 public:
  // Throws at the place of a path or value that makes no sense; that a path leads somewhere is found by check_used().
  explicit Grid(const CheckedJson& file);

  // What the entry number `index` of `list` becomes: itself where no path leads to it. At most `limit` points.
  std::vector<GridPoint> points(const std::string& list, std::size_t index, const Json& item, std::size_t limit);
  // After all points were asked for: throws for a path that led to nothing.
  void check_used() const;

  const std::vector<Exclusion>& exclusions() const { return exclusions_; }

 private:
  struct Axis {
    std::string text;   // the path as written
    std::string place;  // of its values in the file
    SettingPath path;
    std::vector<Json> values;
    bool is_used = false;
  };
  using Combination = std::vector<Axis>;  // each with one value

  Axis read_axis(const std::string& text, const std::string& place) const;
  void read_inclusions();
  void read_exclusions();
  Exclusion read_exclusion(const std::string& place, const Json& item) const;
  Error fault(const std::string& place, const std::string& sentence) const { return file_.fault(place, CheckedJson::At::kValue, sentence); }

  const CheckedJson& file_;
  std::vector<Axis> axes_;
  std::vector<Combination> inclusions_;
  std::vector<Exclusion> exclusions_;
};

// Whether the exclusion holds for a cell of these names with these values of its model, variant and task together.
bool excludes(const Exclusion& exclusion, const std::string& model, const std::string& variant, const std::string& task, const std::string& task_label,
              const GridValues& values);

}  // namespace winnow
