#include "results/item_report.h"

#include <algorithm>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "harness/core/unicode.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

constexpr std::size_t kContext = 30;  // code points around the first difference

std::string label_of(const ItemAnswer& answer) { return answer.model + " · " + answer.variant; }

// Lines of at most `width` code points of text that is printable already.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  std::size_t used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint decoded = decode_utf8(text, at);
    if (decoded.value == '\n' || used == width) {
      lines.emplace_back();
      used = 0;
    }
    if (decoded.value != '\n') {
      lines.back() += decoded.value == '\t' ? " " : std::string(text.substr(at, decoded.bytes));
      ++used;
    }
    at += decoded.bytes;
  }
  return lines;
}

std::string padded(const std::string& line, std::size_t width) { return line + std::string(width - std::min(width, code_point_count(line)), ' '); }

std::string side_by_side(std::string_view first, std::string_view second, std::size_t width) {
  const std::size_t column = (std::max<std::size_t>(width, 23) - 3) / 2;
  const std::vector<std::string> left = wrapped(printable(first), column), right = wrapped(printable(second), column);
  std::string text;
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const std::string a = i < left.size() ? left[i] : "", b = i < right.size() ? right[i] : "";
    const bool is_same = i < left.size() && i < right.size() && a == b;
    text += padded(a, column) + (is_same ? " │ " : " ≠ ") + b + "\n";
  }
  return text;
}

// The bytes of `count` code points from the one numbered `begin`.
std::string_view part_of(std::string_view text, std::size_t begin, std::size_t count) {
  std::size_t at = 0, start = text.size(), number = 0;
  while (at < text.size() && number < begin + count) {
    if (number == begin) start = at;
    at += decode_utf8(text, at).bytes;
    ++number;
  }
  return start >= at ? std::string_view() : text.substr(start, at - start);
}

std::string difference_text(std::string_view first, std::string_view second) {
  const std::optional<std::size_t> at = first_difference(first, second);
  if (!at) return "The replies are equal.\n";
  const std::size_t begin = *at > kContext / 2 ? *at - kContext / 2 : 0;
  const auto shown = [&](std::string_view text) { return one_line(part_of(text, begin, kContext), 4 * kContext); };
  return fmt::format("They first differ at character {}: \"{}\" against \"{}\".\n", *at, shown(first), shown(second));
}

std::string number(double value) { return std::isnan(value) ? "nan" : std::isinf(value) ? (value > 0 ? "inf" : "-inf") : fmt::format("{:.4f}", value); }

bool is_generated(const ItemAnswer& answer) { return answer.by_filter.front().log_likelihoods.empty(); }

std::string choices_text(const ItemAnswer& first, const ItemAnswer& second, std::size_t width) {
  const RecordedAnswer &a = first.by_filter.front(), &b = second.by_filter.front();
  std::string text = fmt::format("{:>14} {:>14} {:>10}  choice (* gold, < most likely)\n", one_line(first.variant, 14), one_line(second.variant, 14), "change");
  const auto best = [](const std::vector<double>& values) { return values.empty() ? -1 : std::ranges::max_element(values) - values.begin(); };
  const auto best_a = best(a.log_likelihoods), best_b = best(b.log_likelihoods);
  for (std::size_t i = 0; i < std::max(a.log_likelihoods.size(), b.log_likelihoods.size()); ++i) {
    const auto place = static_cast<std::ptrdiff_t>(i);
    const bool has_a = i < a.log_likelihoods.size(), has_b = i < b.log_likelihoods.size();
    const std::string of_a = has_a ? number(a.log_likelihoods[i]) + (place == best_a ? "<" : " ") : "–",
                      of_b = has_b ? number(b.log_likelihoods[i]) + (place == best_b ? "<" : " ") : "–";
    const std::string choice = i < a.arguments.size() ? a.arguments[i] : i < b.arguments.size() ? b.arguments[i] : "";
    text += fmt::format("{:>14} {:>14} {:>10} {} {}\n", of_a, of_b, has_a && has_b ? fmt::format("{:+.4f}", b.log_likelihoods[i] - a.log_likelihoods[i]) : "–",
                        a.example.gold == static_cast<std::int64_t>(i) ? "*" : " ", one_line(choice, std::max<std::size_t>(width, 60) - 44));
  }
  return text;
}

std::string grades_text(const ItemAnswer& answer) {
  std::string text;
  for (const RecordedAnswer& recorded : answer.by_filter) {
    const Answer& graded = recorded.answers.front();
    text += fmt::format("{}{}:", text.empty() ? "" : "; ", one_line(graded.filter, 40));
    if (!graded.reply.empty()) text += fmt::format(" \"{}\"", one_line(graded.reply, 60));
    for (const auto& [name, value] : graded.values) text += fmt::format(" {} {:g}", one_line(name, 40), value);
  }
  return fmt::format("{}: {}\n", one_line(label_of(answer), 80), text);
}

std::string heading(const std::string& words) { return fmt::format("\n── {}\n", one_line(words, 200)); }

std::string prompt_text(const std::vector<ItemAnswer>& answers) {
  const std::string& prompt = answers.front().by_filter.front().prompt;
  std::string text = heading("prompt") + printable(prompt) + "\n";
  for (const ItemAnswer& answer : answers) {
    const std::string& other = answer.by_filter.front().prompt;
    if (other != prompt) text += heading(fmt::format("{} was asked in other words ({})", label_of(answer), answer.task_label)) + printable(other) + "\n";
  }
  return text;
}

std::string single_text(const ItemAnswer& answer, std::size_t width) {
  if (is_generated(answer)) return heading(label_of(answer)) + printable(answer.by_filter.front().raw_reply) + "\n";
  return heading(label_of(answer)) + choices_text(answer, answer, width);
}

}  // namespace

std::optional<std::size_t> first_difference(std::string_view first, std::string_view second) {
  if (first == second) return std::nullopt;
  std::size_t a = 0, b = 0, number = 0;
  for (; a < first.size() && b < second.size(); ++number) {
    const std::size_t step_a = decode_utf8(first, a).bytes, step_b = decode_utf8(second, b).bytes;
    if (first.substr(a, step_a) != second.substr(b, step_b)) return number;
    a += step_a;
    b += step_b;
  }
  return number;
}

std::string item_text(const std::vector<ItemAnswer>& answers, std::size_t width) {
  WINNOW_CHECK(!answers.empty());
  const ItemAnswer& first = answers.front();
  const ExampleRecord& example = first.by_filter.front().example;
  std::string text = fmt::format("{} document {}, hash {}\ntarget: {}\n", one_line(example.leaf, 100), example.doc_id, example.doc_hash.substr(0, 16),
                                 one_line(example.target, width));
  text += prompt_text(answers);
  if (answers.size() == 1) text += single_text(first, width);
  for (std::size_t i = 1; i < answers.size(); ++i) {
    const ItemAnswer& other = answers[i];
    text += heading(fmt::format("{}   against   {}", label_of(first), label_of(other)));
    if (!is_generated(first)) {
      text += choices_text(first, other, width);
      continue;
    }
    const std::string &a = first.by_filter.front().raw_reply, &b = other.by_filter.front().raw_reply;
    text += side_by_side(a, b, width) + difference_text(a, b);
  }
  text += heading("grades");
  for (const ItemAnswer& answer : answers) text += grades_text(answer);
  return text;
}

std::string item_json(const std::vector<ItemAnswer>& answers) {
  WINNOW_CHECK(!answers.empty());
  const ExampleRecord& example = answers.front().by_filter.front().example;
  OrderedJson object{{"task", example.leaf}, {"doc_id", example.doc_id}, {"doc_hash", example.doc_hash}, {"target", example.target}};
  object["gold"] = example.gold ? OrderedJson(*example.gold) : OrderedJson(nullptr);
  object["answers"] = OrderedJson::array();
  for (const ItemAnswer& answer : answers) {
    const RecordedAnswer& recorded = answer.by_filter.front();
    OrderedJson entry{{"model", answer.model}, {"variant", answer.variant}, {"task_label", answer.task_label}, {"prompt", recorded.prompt}};
    entry["arguments"] = recorded.arguments;
    if (is_generated(answer)) entry["reply"] = recorded.raw_reply;
    entry["log_likelihoods"] = OrderedJson::array();
    for (const double value : recorded.log_likelihoods) entry["log_likelihoods"].push_back(json_number(value));
    entry["greedy"] = recorded.greedy;
    for (const RecordedAnswer& filtered : answer.by_filter) {
      const Answer& graded = filtered.answers.front();
      OrderedJson values = OrderedJson::object();
      for (const auto& [name, value] : graded.values) values[name] = json_number(value);
      entry["graded"].push_back({{"filter", graded.filter}, {"reply", graded.reply}, {"values", values}});
    }
    const auto at = is_generated(answer) ? first_difference(answers.front().by_filter.front().raw_reply, recorded.raw_reply) : std::nullopt;
    entry["first_difference"] = at ? OrderedJson(*at) : OrderedJson(nullptr);
    object["answers"].push_back(std::move(entry));
  }
  return json_text(object);
}

}  // namespace winnow
