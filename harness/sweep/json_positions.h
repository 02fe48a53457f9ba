#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace winnow {

struct TextPlace {
  std::size_t line = 1, column = 1;  // from 1; columns count code points
};

// Where the values of a JSON text stand, by path ("models[0].dtype"; the whole is ""). Parsers keep no places, and a fault that is found
// after parsing should still say its line.
class JsonPositions {
 public:
  // `text` has passed parse_json; comments are allowed.
  explicit JsonPositions(std::string_view text);

  std::optional<TextPlace> of_value(const std::string& path) const;
  std::optional<TextPlace> of_key(const std::string& path) const;  // of the name in front of the value; of the value for list items

 private:
  struct Offsets {
    std::size_t key, value;
  };
  TextPlace place(std::size_t offset) const;

  std::string text_;
  std::map<std::string, Offsets> offsets_;
};

// "models" + "dtype" → "models.dtype"; the empty path gives the bare key.
std::string member_path(std::string_view path, std::string_view key);
std::string item_path(std::string_view path, std::size_t index);

}  // namespace winnow
