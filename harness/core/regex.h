#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// Where a pattern matched: views into the text that was searched.
struct RegexMatch {
  std::size_t begin, end;                               // bytes of the text
  std::vector<std::optional<std::string_view>> groups;  // [0] the whole match; empty where a group took no part

  std::string_view group(std::size_t number) const { return groups.at(number).value_or(std::string_view()); }
};

// A regular expression with the meaning it has in Python's `re` for str: \s \w \d \b follow Unicode, `.` is anything but \n, \Z the very end.
// Flags stand in the pattern: (?i) (?m) (?s). Matching has a limit on steps and memory and never uses the stack, so texts of any size are safe.
class Regex {
 public:
  explicit Regex(std::string_view pattern);  // throws Error(kInput) with the place in the pattern

  std::size_t group_count() const { return group_count_; }  // without the whole match

  // All of these throw Error(kInput) where the text is not UTF-8 or the limit is reached.
  std::optional<RegexMatch> search(std::string_view text) const;  // re.search
  void for_each(std::string_view text, const std::function<void(const RegexMatch&)>& take) const;
  // re.sub; the template knows \1, \g<1>, \\ and \n as Python's does.
  std::string replace_all(std::string_view text, std::string_view replacement) const;
  std::string replace_all(std::string_view text, const std::function<std::string(const RegexMatch&)>& replacement) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
  std::size_t group_count_ = 0;
};

}  // namespace winnow
