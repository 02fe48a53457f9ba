#include "results/gate_report.h"

#include <algorithm>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "results/report.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

constexpr std::size_t kMostAnnotations = 10;

std::string number(double value, const std::string& unit) { return std::isinf(value) ? (value < 0 ? "-∞" : "∞") : shown_number(value, unit); }

std::string interval_text(const RuleVerdict& verdict) {
  if (!verdict.interval) return "no interval";
  return fmt::format("{} … {}", number(verdict.interval->low, verdict.unit), number(verdict.interval->high, verdict.unit));
}

// "5,310"
std::string count_text(double count) {
  std::string digits = fmt::format("{:.0f}", count);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string needed_text(const RuleVerdict& verdict) {
  if (!verdict.examples_needed) return verdict.examples > 0 ? "" : "; measure again with more repeats";
  if (std::isinf(*verdict.examples_needed)) return "; the value lies on the limit, so that no number of examples would settle it";
  return fmt::format("; about {} examples would settle it were the shares to stay ({} with power 0.8), {} were asked", count_text(*verdict.examples_needed),
                     count_text(*verdict.examples_needed_80), count_text(static_cast<double>(verdict.examples)));
}

std::vector<const RuleVerdict*> worst_first(const GateReport& report) {
  std::vector<const RuleVerdict*> verdicts;
  for (const RuleVerdict& verdict : report.verdicts) verdicts.push_back(&verdict);
  std::ranges::stable_sort(verdicts, [](const RuleVerdict* a, const RuleVerdict* b) { return a->verdict > b->verdict; });
  return verdicts;
}

std::int64_t count_of(const GateReport& report, Verdict wanted) {
  return std::ranges::count_if(report.verdicts, [&](const RuleVerdict& verdict) { return verdict.verdict == wanted; });
}

std::string summary(const GateReport& report) {
  std::string text = fmt::format("{} of {} verdicts pass", count_of(report, Verdict::kPass), report.verdicts.size());
  for (const Verdict verdict : {Verdict::kFail, Verdict::kMissing, Verdict::kInconclusive}) {
    if (const std::int64_t count = count_of(report, verdict); count > 0) text += fmt::format(", {} {}", count, verdict_text(verdict));
  }
  return text;
}

// A rule in Markdown; its signs cannot be taken for tags or quotes where they stand.
std::string rule_text(std::string_view text) {
  std::string result = markdown_text(text);
  for (const auto& [escaped, plain] : {std::pair<std::string_view, std::string_view>{"&gt;", ">"}, {"&lt;=", "<="}, {"&lt; ", "< "}}) {
    for (std::size_t at = result.find(escaped); at != std::string::npos; at = result.find(escaped, at + plain.size()))
      result.replace(at, escaped.size(), plain);
  }
  return result;
}

// What the workflow commands of GitHub take for their own.
std::string command_data(std::string_view text) {
  std::string result;
  for (const char c : printable(text)) {
    if (c == '%')
      result += "%25";
    else if (c == '\r')
      result += "%0D";
    else if (c == '\n')
      result += "%0A";
    else
      result += c;
  }
  return result;
}

std::string command_property(std::string_view text) {
  std::string result;
  for (const char c : command_data(text)) {
    if (c == ':')
      result += "%3A";
    else if (c == ',')
      result += "%2C";
    else
      result += c;
  }
  return result;
}

std::string subject_of(const RuleVerdict& verdict) { return verdict.model + " · " + verdict.variant; }

std::string test_case(const RuleVerdict& verdict, double level) {
  const std::string sentence = xml_text(verdict_sentence(verdict, level));
  std::string text =
      fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\">\n", xml_text(verdict.model + "/" + verdict.variant), xml_text(verdict.name));
  if (verdict.verdict == Verdict::kFail) text += fmt::format("      <failure type=\"fail\" message=\"{}\">{}</failure>\n", sentence, xml_text(verdict.how));
  if (verdict.verdict == Verdict::kInconclusive || verdict.verdict == Verdict::kMissing) {
    text += fmt::format("      <error type=\"{}\" message=\"{}\">{}</error>\n", verdict_text(verdict.verdict), sentence, xml_text(verdict.how));
  }
  if (verdict.verdict == Verdict::kPass) text += fmt::format("      <system-out>{}</system-out>\n", sentence);
  return text + "    </testcase>\n";
}

}  // namespace

std::string verdict_sentence(const RuleVerdict& verdict, double level) {
  if (verdict.verdict == Verdict::kMissing) return fmt::format("missing: {}", verdict.reason);
  std::string text = fmt::format("{}: {} is {} ({}), to be {} {}", verdict_text(verdict.verdict), verdict.quantity, number(verdict.value, verdict.unit),
                                 verdict.interval ? fmt::format("{:g} % {}", 100 * level, interval_text(verdict)) : "no interval", verdict.sign,
                                 number(verdict.limit, verdict.unit));
  if (verdict.verdict == Verdict::kInconclusive) text += needed_text(verdict);
  return text;
}

std::string gate_markdown(const GateReport& report) {
  std::string text = fmt::format("# Gate: {}\n\n{}.\n\n", verdict_text(overall(report)), summary(report));
  if (!report.verdicts.empty()) {
    text +=
        markdown_line({"verdict", "rule", "of", "value", fmt::format("{:g} % interval", 100 * report.settings.level), "limit", "examples", "would settle it"});
    text += markdown_line({"---", "---", "---", "---:", "---:", "---:", "---:", "---:"});
  }
  for (const RuleVerdict* verdict : worst_first(report)) {
    const bool is_missing = verdict->verdict == Verdict::kMissing;
    const std::string needed = !verdict->examples_needed ? "" : std::isinf(*verdict->examples_needed) ? "∞" : count_text(*verdict->examples_needed);
    text += markdown_line({verdict_text(verdict->verdict), rule_text(verdict->name), markdown_text(subject_of(*verdict)),
                           is_missing ? "–" : number(verdict->value, verdict->unit), is_missing ? "–" : interval_text(*verdict),
                           fmt::format("{} {}", rule_text(verdict->sign), number(verdict->limit, verdict->unit)),
                           verdict->examples > 0 ? count_text(static_cast<double>(verdict->examples)) : "", needed});
  }
  text += "\n";
  for (const RuleVerdict* verdict : worst_first(report)) {
    text +=
        fmt::format("- {} ({}): {}{}\n", rule_text(verdict->name), markdown_text(subject_of(*verdict)),
                    rule_text(verdict_sentence(*verdict, report.settings.level)), verdict->how.empty() ? "." : ". How: " + markdown_text(verdict->how) + ".");
  }
  for (const std::string& note : report.notes) text += "- Note: " + markdown_text(note) + ".\n";
  return text;
}

std::string gate_json(const GateReport& report) {
  OrderedJson object{{"verdict", verdict_text(overall(report))}, {"confidence", report.settings.level}};
  object["rules"] = OrderedJson::array();
  for (const RuleVerdict& verdict : report.verdicts) {
    OrderedJson entry{
        {"rule", verdict.rule}, {"name", verdict.name}, {"model", verdict.model}, {"variant", verdict.variant}, {"verdict", verdict_text(verdict.verdict)}};
    entry["quantity"] = verdict.quantity;
    entry["value"] = verdict.verdict == Verdict::kMissing ? OrderedJson(nullptr) : json_number(verdict.value);
    entry["interval"] = verdict.interval ? OrderedJson::array({json_number(verdict.interval->low), json_number(verdict.interval->high)}) : OrderedJson(nullptr);
    entry["sign"] = verdict.sign;
    entry["limit"] = json_number(verdict.limit);
    entry["unit"] = verdict.unit;
    entry["examples"] = verdict.examples;
    entry["examples_needed"] = verdict.examples_needed ? json_number(*verdict.examples_needed) : OrderedJson(nullptr);
    entry["examples_needed_80"] = verdict.examples_needed_80 ? json_number(*verdict.examples_needed_80) : OrderedJson(nullptr);
    entry["how"] = verdict.how;
    entry["sentence"] = verdict_sentence(verdict, report.settings.level);
    object["rules"].push_back(std::move(entry));
  }
  object["notes"] = report.notes;
  return json_text(object);
}

std::string gate_junit(const GateReport& report) {
  const std::int64_t failures = count_of(report, Verdict::kFail), errors = count_of(report, Verdict::kInconclusive) + count_of(report, Verdict::kMissing);
  const std::string counts = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" time=\"0\"", report.verdicts.size(), failures, errors);
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format("<testsuites name=\"winnow\" {}>\n  <testsuite name=\"winnow gate\" {}>\n", counts, counts);
  for (const RuleVerdict& verdict : report.verdicts) text += test_case(verdict, report.settings.level);
  return text + "  </testsuite>\n</testsuites>\n";
}

std::string gate_annotations(const GateReport& report) {
  std::vector<const RuleVerdict*> told;
  for (const RuleVerdict* verdict : worst_first(report)) {
    if (verdict->verdict != Verdict::kPass) told.push_back(verdict);
  }
  std::string text;
  const std::size_t shown = told.size() > kMostAnnotations ? kMostAnnotations - 1 : told.size();
  for (std::size_t i = 0; i < shown; ++i) {
    const char* command = told[i]->verdict == Verdict::kInconclusive ? "warning" : "error";
    text += fmt::format("::{} title={}::{}\n", command, command_property(told[i]->name + " · " + subject_of(*told[i])),
                        command_data(verdict_sentence(*told[i], report.settings.level)));
  }
  if (shown < told.size()) text += fmt::format("::error title=winnow gate::{} more verdicts are no pass; the summary has all\n", told.size() - shown);
  return text;
}

}  // namespace winnow
