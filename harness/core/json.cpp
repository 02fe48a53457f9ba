#include "harness/core/json.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/core/terminal.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kNearWidth = 24;  // code points of the text that a message shows
constexpr int kOutOfRange = 406;        // nlohmann's number for a number that overflows a double

// nlohmann's lexer pulls characters through this; the shared cursor tells how far it has come.
class Cursor {
 public:
  using difference_type = std::ptrdiff_t;
  using value_type = char;
  using pointer = const char*;
  using reference = const char&;
  using iterator_category = std::input_iterator_tag;

  Cursor(const char* at, const char** shared) : at_(at), shared_(shared) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    *shared_ = ++at_;
    return *this;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }
  bool operator!=(const Cursor& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** shared_;
};

// A text on its way in, and the sentences about it.
struct Source {
  std::string_view text;
  std::string_view name;

  [[noreturn]] void refuse(std::size_t offset, std::string_view sentence) const {
    const std::string_view before = text.substr(0, offset);
    std::size_t line = 1;
    for (const char c : before) line += c == '\n';
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    throw input_error("{}:{}:{}: {}", printable(name), line, code_point_count(before.substr(line_start)) + 1, sentence);
  }

  std::string near(std::size_t offset) const {
    std::size_t start = offset > kNearWidth ? offset - kNearWidth : 0;
    while (start < offset && (static_cast<unsigned char>(text[start]) & 0xc0) == 0x80) ++start;
    return one_line(text.substr(start, offset - start), kNearWidth);
  }
};

// "… syntax error while parsing value - invalid literal; last read: 'x'; expected y" → "invalid literal; expected y". What was last
// read may be megabytes long and say anything, so it is left out.
std::string what_was_wrong(std::string_view message, std::size_t last_read_size) {
  constexpr std::string_view kLastRead = "; last read: '";
  if (const auto dash = message.find(" - "); dash != message.npos) message.remove_prefix(dash + 3);
  const auto read = message.find(kLastRead);
  if (read == message.npos) return printable(message);
  const std::size_t end = std::min(read + kLastRead.size() + last_read_size + 1, message.size());
  return printable(std::string(message.substr(0, read)) + std::string(message.substr(end)));
}

// Builds the value from nlohmann's events. Only what passed every check becomes part of it, so it is never too deep to copy or free.
template <class Value>
class Builder {
 public:
  Builder(const Source& source, const char* const& cursor) : source_(source), cursor_(cursor) {}

  Value take() { return std::move(root_); }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(std::int64_t value) { return put(value); }
  bool number_unsigned(std::uint64_t value) { return put(value); }
  bool number_float(double value, const std::string& digits) {
    if (digits.find_first_of(".eE") == digits.npos)
      source_.refuse(start_of(digits, offset()), fmt::format("the integer {} does not fit into 64 bits", shortened(digits)));
    return put(value);
  }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(Value::object()); }
  bool start_array(std::size_t) { return open(Value::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    if (!open_.back().keys.insert(name).second) source_.refuse(offset(), fmt::format("the key '{}' stands twice in one object", one_line(name, 60)));
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token, const nlohmann::detail::exception& error) {
    const std::size_t at = std::min(position - 1, source_.text.size());  // of the last character read; at the end, one beyond
    const std::string_view rest = source_.text.substr(at);
    if (source_.text.empty()) source_.refuse(0, "the text is empty; a JSON value was expected");
    if (error.id == kOutOfRange) source_.refuse(start_of(token, at), fmt::format("the number {} is beyond the range of a double", shortened(token)));
    if (rest.starts_with("//") || rest.starts_with("/*")) source_.refuse(at, "comments are not allowed here");
    source_.refuse(
        at, fmt::format("not valid JSON: {}, near '{}'", what_was_wrong(error.what(), token.size()), source_.near(std::min(at + 1, source_.text.size()))));
  }

 private:
  struct Open {
    Value* value;
    std::unordered_set<std::string> keys;
  };

  std::size_t offset() const { return static_cast<std::size_t>(cursor_ - source_.text.data()); }
  std::size_t start_of(std::string_view token, std::size_t end) const { return std::min(source_.text.rfind(token, end), end); }
  static std::string shortened(const std::string& digits) { return one_line(digits, 40); }

  template <class Item>
  Value* place(Item&& item) {
    if (open_.empty()) {
      root_ = std::forward<Item>(item);
      return &root_;
    }
    Value& parent = *open_.back().value;
    if (parent.is_array()) {
      parent.push_back(std::forward<Item>(item));
      return &parent.back();
    }
    auto& members = parent.template get_ref<typename Value::object_t&>();
    if constexpr (std::is_same_v<Value, OrderedJson>) {  // its own emplace looks through all keys; `keys` already did
      members.push_back({std::move(key_), Value(std::forward<Item>(item))});
      return &members.back().second;
    } else {
      return &members.emplace(std::move(key_), std::forward<Item>(item)).first->second;
    }
  }
  template <class Item>
  bool put(Item&& item) {
    place(std::forward<Item>(item));
    return true;
  }
  bool open(Value&& empty) {
    if (open_.size() == kDeepest) source_.refuse(offset() - 1, fmt::format("nested more than {} deep", kDeepest));
    open_.push_back({place(std::move(empty)), {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const Source& source_;
  const char* const& cursor_;
  Value root_;
  std::vector<Open> open_;
  std::string key_;
};

void check_bytes(const Source& source) {
  if (source.text.starts_with("\xef\xbb\xbf")) source.refuse(0, "begins with a byte order mark (EF BB BF); save it as UTF-8 without one");
  if (const auto nul = source.text.find('\0'); nul != source.text.npos) source.refuse(nul, "holds a NUL byte; JSON text was expected");
  for (std::size_t at = 0; at < source.text.size();) {
    const CodePoint c = decode_utf8(source.text, at);
    if (!c.valid) source.refuse(at, fmt::format("is not UTF-8: byte {:02x}", static_cast<unsigned char>(source.text[at])));
    at += c.bytes;
  }
}

template <class Value>
Value parse(std::string_view text, std::string_view name, JsonComments comments) {
  const Source source{text, name};
  check_bytes(source);
  const char* cursor = text.data();
  Builder<Value> builder(source, cursor);
  const bool complete = Value::sax_parse(Cursor(text.data(), &cursor), Cursor(text.data() + text.size(), &cursor), &builder,
                                         nlohmann::detail::input_format_t::json, true, comments == JsonComments::kAllowed);
  WINNOW_CHECK(complete);
  return builder.take();
}

}  // namespace

Json parse_json(std::string_view text, std::string_view source, JsonComments comments) { return parse<Json>(text, source, comments); }

OrderedJson parse_ordered_json(std::string_view text, std::string_view source) { return parse<OrderedJson>(text, source, JsonComments::kRefused); }

Json read_json_file(const std::filesystem::path& path, JsonComments comments, std::size_t max_bytes) {
  return parse_json(read_file(path, max_bytes), path.string(), comments);
}

std::string canonical_json(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json& member_in(const Json& value, const std::string& key) {
  static const Json kNothing;
  const auto found = value.find(key);
  return found == value.end() ? kNothing : *found;
}

const Json& object_in(const Json& value, const std::string& key) {
  static const Json kEmpty = Json::object();
  const Json& member = member_in(value, key);
  return member.is_object() ? member : kEmpty;
}

}  // namespace winnow
