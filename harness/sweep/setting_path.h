#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

// Where in a sweep something stands, as people type it: "models[0].dtype", "variants.*.steps[owl].lambda". * stands for every item or member,
// [3] for an item, [stun] for the items whose "name", "label", "task" or "pruner" says so.
class SettingPath {
 public:
  struct Step {
    enum class Kind { kMember, kItem, kNamed, kEach };
    Kind kind;
    std::string name;       // kMember, kNamed
    std::size_t index = 0;  // kItem
  };

  // Nothing for what is no path.
  static std::optional<SettingPath> parse(std::string_view text);

  std::span<const Step> steps() const { return steps_; }
  // Whether the step leads from a list to its item number `index`.
  static bool selects(const Step& step, std::size_t index, const Json& item);

  // Sets every place below `root` that the steps from `first` on lead to; items that lack the rest of the path are passed over, and the last
  // name may be new. Gives the places as error messages write them: "models[0].dtype".
  std::vector<std::string> set(Json& root, const Json& value, std::size_t first = 0) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace winnow
