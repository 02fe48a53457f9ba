#include "harness/core/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

constexpr std::uint32_t kMostSteps = 20'000'000;  // about half a second
constexpr std::uint32_t kMostKibibytes = 512 * 1024;
constexpr std::size_t kShownPattern = 60;

// str.isspace, which is what Python's \s means; PCRE2's own misses \x1c–\x1f and takes U+180E.
constexpr std::string_view kSpaces = R"(\t-\r\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// Rewrites what the two dialects read differently: \s, \S, \Z, \uXXXX and {,n}.
class Translation {
 public:
  explicit Translation(std::string_view pattern) : pattern_(pattern) {}

  std::string run() {
    while (at_ < pattern_.size()) step();
    return std::move(out_);
  }

 private:
  void step() {
    const char c = pattern_[at_];
    if (c == '\\' && at_ + 1 < pattern_.size()) return escape(pattern_[at_ + 1]);
    if (in_class_) {
      in_class_ = c != ']';
    } else if (c == '[') {
      return open_class();
    } else if (c == '{' && pattern_.substr(at_).starts_with("{,")) {
      out_ += "{0";
      ++at_;
      return;
    }
    out_ += c;
    ++at_;
  }

  // A ] that comes first stands for itself.
  void open_class() {
    in_class_ = true;
    for (const char c : {'[', '^', ']'}) {
      if (at_ < pattern_.size() && pattern_[at_] == c) {
        out_ += c;
        ++at_;
      }
    }
  }

  void escape(char letter) {
    at_ += 2;
    if (letter == 's') {
      out_ += in_class_ ? std::string(kSpaces) : fmt::format("[{}]", kSpaces);
    } else if (letter == 'S' && !in_class_) {
      out_ += fmt::format("[^{}]", kSpaces);
    } else if (letter == 'Z') {
      out_ += "\\z";
    } else if (letter == 'u' && at_ + 4 <= pattern_.size()) {
      out_ += fmt::format("\\x{{{}}}", pattern_.substr(at_, 4));
      at_ += 4;
    } else {
      out_ += {'\\', letter};
    }
  }

  std::string_view pattern_;
  std::string out_;
  std::size_t at_ = 0;
  bool in_class_ = false;
};

std::string message_of(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data() ? text.data() : ""); }

// A replacement as Python writes it, taken apart once: literal pieces and group numbers in turn.
struct Piece {
  std::string literal;
  std::optional<std::size_t> group;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::vector<Piece> pieces_of(std::string_view replacement, std::size_t group_count) {
  std::vector<Piece> pieces(1);
  const auto refuse = [&] { throw input_error("the replacement '{}' has an escape that is not known", one_line(replacement, kShownPattern)); };
  for (std::size_t at = 0; at < replacement.size();) {
    std::string_view rest = replacement.substr(at);
    if (rest[0] != '\\') {
      pieces.back().literal += rest[0];
      ++at;
      continue;
    }
    if (rest.size() < 2) refuse();
    if (rest[1] == '\\' || rest[1] == 'n') {
      pieces.back().literal += rest[1] == 'n' ? '\n' : '\\';
      at += 2;
      continue;
    }
    const bool named = rest.starts_with("\\g<");
    const std::size_t start = named ? 3 : 1;
    std::size_t end = start;
    while (end < rest.size() && is_digit(rest[end]) && end < start + 2) ++end;
    if (end == start || (named && (end == rest.size() || rest[end] != '>'))) refuse();
    const std::size_t group = std::stoul(std::string(rest.substr(start, end - start)));
    if (group > group_count || (group == 0 && !named)) refuse();
    pieces.back().group = group;
    pieces.emplace_back();
    at += end + (named ? 1 : 0);
  }
  return pieces;
}

}  // namespace

struct Regex::Code {
  explicit Code(std::string_view source) : pattern(source) {
    const std::string translated = Translation(source).run();
    int error;
    PCRE2_SIZE offset;
    pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    compiled = pcre2_compile(units(translated), translated.size(), PCRE2_UTF | PCRE2_UCP, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (!compiled)
      throw input_error("the pattern '{}' is no regular expression: {} (near its character {})", one_line(source, kShownPattern), message_of(error), offset);
    limits = pcre2_match_context_create(nullptr);
    pcre2_set_match_limit(limits, kMostSteps);
    pcre2_set_heap_limit(limits, kMostKibibytes);
  }
  ~Code() {
    pcre2_match_context_free(limits);
    pcre2_code_free(compiled);
  }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  std::string pattern;
  pcre2_code* compiled = nullptr;
  pcre2_match_context* limits = nullptr;
};

Regex::Regex(std::string_view pattern) : code_(std::make_shared<const Code>(pattern)) {
  std::uint32_t count = 0;
  pcre2_pattern_info(code_->compiled, PCRE2_INFO_CAPTURECOUNT, &count);
  group_count_ = count;
}

namespace {

// One walk over a text; the text is checked once, not at every match.
class Walk {
 public:
  Walk(const pcre2_code* compiled, pcre2_match_context* limits, std::string_view pattern, std::string_view text)
      : compiled_(compiled),
        limits_(limits),
        pattern_(pattern),
        text_(text),
        found_(pcre2_match_data_create_from_pattern(compiled, nullptr), pcre2_match_data_free) {
    if (!is_valid_utf8(text)) throw input_error("a text that is not UTF-8 cannot be searched for '{}'", one_line(pattern, kShownPattern));
  }

  // As Python's finditer goes on: after an empty match only something longer may begin at the same place.
  bool next(RegexMatch& match) {
    const int count =
        pcre2_match(compiled_, units(text_), text_.size(), from_, PCRE2_NO_UTF_CHECK | (was_empty_ ? PCRE2_NOTEMPTY_ATSTART : 0), found_.get(), limits_);
    if (count == PCRE2_ERROR_NOMATCH) return false;
    if (count < 0)
      throw input_error("searching a text of {} bytes for '{}' was given up: {}", text_.size(), one_line(pattern_, kShownPattern), message_of(count));
    const PCRE2_SIZE* places = pcre2_get_ovector_pointer(found_.get());
    match.begin = places[0];
    match.end = places[1];
    match.groups.assign(pcre2_get_ovector_count(found_.get()), std::nullopt);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      if (places[2 * i] != PCRE2_UNSET) match.groups[i] = text_.substr(places[2 * i], places[2 * i + 1] - places[2 * i]);
    }
    from_ = match.end;
    was_empty_ = match.begin == match.end;
    return true;
  }

 private:
  const pcre2_code* compiled_;
  pcre2_match_context* limits_;
  std::string_view pattern_, text_;
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> found_;
  std::size_t from_ = 0;
  bool was_empty_ = false;
};

}  // namespace

void Regex::for_each(std::string_view text, const std::function<void(const RegexMatch&)>& take) const {
  Walk walk(code_->compiled, code_->limits, code_->pattern, text);
  for (RegexMatch match; walk.next(match);) take(match);
}

std::optional<RegexMatch> Regex::search(std::string_view text) const {
  Walk walk(code_->compiled, code_->limits, code_->pattern, text);
  RegexMatch match;
  if (!walk.next(match)) return std::nullopt;
  return match;
}

std::string Regex::replace_all(std::string_view text, const std::function<std::string(const RegexMatch&)>& replacement) const {
  std::string out;
  std::size_t copied = 0;
  for_each(text, [&](const RegexMatch& match) {
    out += text.substr(copied, match.begin - copied);
    out += replacement(match);
    copied = match.end;
  });
  return out += text.substr(copied);
}

std::string Regex::replace_all(std::string_view text, std::string_view replacement) const {
  const std::vector<Piece> pieces = pieces_of(replacement, group_count_);
  return replace_all(text, [&](const RegexMatch& match) {
    std::string replaced;
    for (const Piece& piece : pieces) {
      replaced += piece.literal;
      if (piece.group) replaced += match.group(*piece.group);
    }
    return replaced;
  });
}

}  // namespace winnow
