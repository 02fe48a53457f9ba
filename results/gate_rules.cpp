#include "results/gate_rules.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "harness/core/error.h"
#include "harness/core/settings.h"

namespace winnow {
namespace {

using Sign = GateRule::Sign;
using Scale = GateRule::Scale;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Token {
  enum class Kind { kEnd, kName, kNumber, kSymbol };
  Kind kind = Kind::kEnd;
  std::size_t at = 0;
  std::string text;  // without quotes
  double number = 0;
  bool is_quoted = false;
};

class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) { advance(); }

  const Token& now() const { return now_; }
  Token take() {
    Token taken = now_;
    advance();
    return taken;
  }
  bool take_symbol(std::string_view symbol) {
    if (now_.kind != Token::Kind::kSymbol || now_.text != symbol) return false;
    advance();
    return true;
  }
  bool take_word(std::string_view word) {
    if (now_.kind != Token::Kind::kName || now_.is_quoted || now_.text != word) return false;
    advance();
    return true;
  }
  [[noreturn]] void refuse(const std::string& expected) const {
    const std::string found = now_.kind == Token::Kind::kEnd ? "the end of the rule" : "'" + now_.text + "'";
    throw RuleFault{now_.at, fmt::format("expected {}, found {}", expected, found)};
  }

 private:
  void advance() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    now_ = {.at = at_};
    if (at_ == text_.size()) return;
    const char c = text_[at_];
    if (c == '\'') return quoted();
    if (is_letter(c)) return word();
    if (is_digit(c) || c == '.') return number();
    symbol();
  }

  void quoted() {
    const std::size_t end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) throw RuleFault{at_, "the quoted name has no end; expected another '"};
    now_ = {Token::Kind::kName, at_, std::string(text_.substr(at_ + 1, end - at_ - 1)), 0, true};
    at_ = end + 1;
  }

  // A hyphen belongs to a name where a letter or digit follows: random-6, but not dense - 0.02.
  void word() {
    std::size_t end = at_;
    while (end < text_.size()) {
      const bool joins =
          (text_[end] == '-' || text_[end] == '.' || text_[end] == '/') && end + 1 < text_.size() && (is_letter(text_[end + 1]) || is_digit(text_[end + 1]));
      if (!is_letter(text_[end]) && !is_digit(text_[end]) && !joins) break;
      ++end;
    }
    now_ = {Token::Kind::kName, at_, std::string(text_.substr(at_, end - at_)), 0, false};
    at_ = end;
  }

  void number() {
    double value = 0;
    const auto [end, fault] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    const std::size_t length = static_cast<std::size_t>(end - text_.data()) - at_;
    if (fault != std::errc() || !std::isfinite(value)) throw RuleFault{at_, "expected a number such as 0.95"};
    now_ = {Token::Kind::kNumber, at_, std::string(text_.substr(at_, length)), value, false};
    at_ += length;
    if (at_ < text_.size() && text_[at_] == '%') {
      now_.number /= 100;
      now_.text += '%';
      ++at_;
    }
  }

  void symbol() {
    const std::size_t length = at_ + 1 < text_.size() && text_[at_ + 1] == '=' ? 2 : 1;
    now_ = {Token::Kind::kSymbol, at_, std::string(text_.substr(at_, length)), 0, false};
    at_ += length;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Token now_;
};

class RuleParser {
 public:
  explicit RuleParser(std::string_view text) : tokens_(text) { rule_.text = text; }

  GateRule parse() {
    quantity();
    rule_.sign = sign();
    limit();
    while (tokens_.now().kind != Token::Kind::kEnd) clause();
    if (rule_.scale != Scale::kValue && rule_.reference.empty()) rule_.reference = "dense";
    return std::move(rule_);
  }

 private:
  std::string name(const std::string& expected) {
    if (tokens_.now().kind != Token::Kind::kName) tokens_.refuse(expected);
    return tokens_.take().text;
  }

  double number() {
    const bool is_negative = tokens_.take_symbol("-");
    if (tokens_.now().kind != Token::Kind::kNumber) tokens_.refuse("a number");
    const double value = tokens_.take().number;
    return is_negative ? -value : value;
  }

  void quantity() {
    const Token first = tokens_.now();
    rule_.task = name("a task, a metric or retention(TASK)");
    if (!tokens_.take_symbol("(")) {
      rule_.is_bare = true;
      return;
    }
    rule_.metric = std::exchange(rule_.task, name("the name of a task"));
    if (!tokens_.take_symbol(")")) tokens_.refuse("')'");
    if (first.is_quoted) return;
    if (rule_.metric == "retention") rule_.scale = Scale::kRatio;
    if (rule_.metric == "difference") rule_.scale = Scale::kDifference;
    if (rule_.scale != Scale::kValue) rule_.metric.clear();
  }

  Sign sign() {
    if (tokens_.take_symbol(">=")) return Sign::kAtLeast;
    if (tokens_.take_symbol(">")) return Sign::kMoreThan;
    if (tokens_.take_symbol("<=")) return Sign::kAtMost;
    if (tokens_.take_symbol("<")) return Sign::kLessThan;
    if (tokens_.take_symbol("==")) return Sign::kEqual;
    tokens_.refuse("one of >=, >, <=, <, ==");
  }

  void limit() {
    const std::size_t at = tokens_.now().at;
    const bool starts_with_number = tokens_.now().kind == Token::Kind::kNumber || tokens_.now().text == "-";
    const double first = starts_with_number ? number() : 1;
    const bool is_multiple = starts_with_number && tokens_.take_symbol("*");
    if (starts_with_number && !is_multiple) {
      (rule_.scale == Scale::kRatio ? rule_.factor : rule_.offset) = first;
      return;
    }
    if (rule_.scale != Scale::kValue)
      throw RuleFault{at, "retention and difference are of a reference already; the limit is a number, as in retention(gsm8k) >= 0.95 vs dense"};
    rule_.factor = first;
    rule_.reference =
        name(starts_with_number ? "the name of what it is a multiple of, such as dense or baseline" : "a number, or a reference such as 0.97 * baseline");
    rule_.scale = is_multiple ? Scale::kRatio : Scale::kDifference;
    if (tokens_.now().text != "+" && tokens_.now().text != "-") return;
    if (is_multiple) throw RuleFault{tokens_.now().at, "a limit is a multiple of the reference or a distance from it, not both"};
    const bool is_below = tokens_.take().text == "-";
    rule_.offset = is_below ? -number() : number();
  }

  void clause() {
    const std::size_t at = tokens_.now().at;
    if (tokens_.take_word("within")) {
      rule_.within = number();
      if (rule_.within < 0) throw RuleFault{at, "the tolerance after 'within' is not negative"};
    } else if (tokens_.take_word("vs")) {
      if (rule_.scale == Scale::kValue || !rule_.reference.empty()) throw RuleFault{at, "'vs' belongs to retention(TASK) and difference(TASK), once"};
      rule_.reference = name("the name of a variant, or baseline");
    } else if (tokens_.take_word("of")) {
      do rule_.of.push_back(name("the name of a variant"));
      while (tokens_.take_symbol(","));
    } else {
      static const std::vector<std::string> kWords = {"within", "vs", "of"};
      const std::string near = nearest_name(tokens_.now().text, kWords);
      tokens_.refuse(near.empty() ? "'within', 'vs', 'of' or the end of the rule" : "'" + near + "'");
    }
  }

  Tokens tokens_;
  GateRule rule_;
};

}  // namespace

GateRule parse_rule(std::string_view text) {
  GateRule rule = RuleParser(text).parse();
  if (rule.sign == Sign::kEqual && rule.within == 0) throw RuleFault{text.size(), "'==' needs a tolerance: add 'within 0.01'"};
  return rule;
}

const char* sign_text(Sign sign) {
  switch (sign) {
    case Sign::kAtLeast: return ">=";
    case Sign::kMoreThan: return ">";
    case Sign::kAtMost: return "<=";
    case Sign::kLessThan: return "<";
    case Sign::kEqual: return "==";
  }
  return "";
}

}  // namespace winnow
