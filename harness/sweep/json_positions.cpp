#include "harness/sweep/json_positions.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/json.h"

namespace winnow {
namespace {

constexpr std::string_view kCommentEnds("\n\r\0", 3);  // as the parser has it

// Walks a text that is known to be valid, so it looks for structure only.
class Scanner {
 public:
  using OnValue = std::function<void(const std::string& path, std::size_t key, std::size_t value)>;
  Scanner(std::string_view text, OnValue on_value) : text_(text), on_value_(std::move(on_value)) {}

  void value(const std::string& path, std::optional<std::size_t> key) {
    skip_blank();
    const std::size_t start = at_;
    on_value_(path, key.value_or(start), start);
    if (peek() == '{') {
      object(path);
    } else if (peek() == '[') {
      list(path);
    } else if (peek() == '"') {
      string();
    } else {
      while (at_ < text_.size() && std::string_view(",]}/ \t\r\n").find(text_[at_]) == std::string_view::npos) ++at_;
    }
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_blank() {
    while (at_ < text_.size()) {
      if (std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find_first_of(kCommentEnds, at_), text_.size() - 1) + 1;
      } else if (text_.substr(at_, 2) == "/*") {
        at_ = std::min(text_.find("*/", at_ + 2), text_.size() - 2) + 2;
      } else {
        return;
      }
    }
  }

  std::string_view string() {
    const std::size_t start = at_++;
    while (peek() != '"' && at_ < text_.size()) at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(start, at_ - start);
  }

  void object(const std::string& path) {
    ++at_;
    for (skip_blank(); peek() != '}'; skip_blank()) {
      const std::size_t key = at_;
      const std::string name = Json::parse(string()).get<std::string>();
      skip_blank();
      ++at_;  // the colon
      value(member_path(path, name), key);
      skip_blank();
      if (peek() != ',') break;
      ++at_;
    }
    ++at_;
  }

  void list(const std::string& path) {
    ++at_;
    std::size_t index = 0;
    for (skip_blank(); peek() != ']'; skip_blank()) {
      value(item_path(path, index++), std::nullopt);
      skip_blank();
      if (peek() != ',') break;
      ++at_;
    }
    ++at_;
  }

  std::string_view text_;
  OnValue on_value_;
  std::size_t at_ = 0;
};

}  // namespace

JsonPositions::JsonPositions(std::string_view text) : text_(text) {
  Scanner(text_, [&](const std::string& path, std::size_t key, std::size_t value) { offsets_[path] = {key, value}; }).value("", std::nullopt);
}

TextPlace JsonPositions::place(std::size_t offset) const {
  TextPlace place;
  for (std::size_t i = 0; i < offset && i < text_.size(); ++i) {
    if (text_[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

std::optional<TextPlace> JsonPositions::of_value(const std::string& path) const {
  const auto found = offsets_.find(path);
  if (found == offsets_.end()) return std::nullopt;
  return place(found->second.value);
}

std::optional<TextPlace> JsonPositions::of_key(const std::string& path) const {
  const auto found = offsets_.find(path);
  if (found == offsets_.end()) return std::nullopt;
  return place(found->second.key);
}

std::string member_path(std::string_view path, std::string_view key) { return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key); }
std::string item_path(std::string_view path, std::size_t index) { return fmt::format("{}[{}]", path, index); }

}  // namespace winnow
