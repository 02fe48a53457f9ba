#include "harness/app/gate_file.h"

#include "harness/core/files.h"
#include "harness/core/unicode.h"
#include "harness/sweep/checked_json.h"
#include "harness/sweep/variant_reader.h"

namespace winnow {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxRules = 10000;

std::span<const Setting> gate_settings() {
  static const std::vector<Setting> settings = {
      {.name = "confidence",
       .types = {SettingType::kNumber},
       .default_value = 0.95,
       .summary = "of the intervals that verdicts are taken from",
       .minimum = 0.5,
       .maximum = 0.9999},
      {.name = "of", .types = {SettingType::kStringList}, .summary = "labels of the variants that are judged; default: all that no rule takes as reference"},
      {.name = "baseline", .types = {SettingType::kString}, .summary = "file that --write-baseline wrote, from the rules file's folder"},
  };
  return settings;
}

std::span<const Setting> rule_settings() {
  static const std::vector<Setting> settings = {
      {.name = "rule", .types = {SettingType::kString}, .summary = "what has to hold", .required = true},
      {.name = "name", .types = {SettingType::kString}, .summary = "what reports call it; default: the rule itself"},
      {.name = "of", .types = {SettingType::kStringList}, .summary = "labels of the variants that are judged"},
  };
  return settings;
}

class GateFileReader {
 public:
  GateFileReader(std::string_view text, const std::string& source) : text_(text), source_(source), file_(text, source, {}), positions_(text) {}

  GateFile read(const std::filesystem::path& folder) {
    static const std::vector<std::string> kBeside = {"rules", "$schema"};
    const Params settings = file_.settings("", file_.root(), "a rules file", gate_settings(), kBeside);
    GateFile gate;
    gate.settings.level = settings.get<double>("confidence");
    gate.settings.of = settings.find<std::vector<std::string>>("of").value_or(std::vector<std::string>{});
    if (settings.has("baseline")) gate.baseline = from_folder(folder, settings.get<std::string>("baseline"));
    if (!file_.root().contains("rules")) throw fault("", "\"rules\" is missing; a rules file is {\"rules\": [\"retention(gsm8k) >= 0.95 vs dense\"]}");
    const Json& rules = file_.root()["rules"];
    if (!rules.is_array()) throw fault("rules", fmt::format("expected a list of rules, found {}", json_kind(rules)));
    if (rules.empty() || rules.size() > kMaxRules) throw fault("rules", fmt::format("the list has {} rules; expected 1 to {}", rules.size(), kMaxRules));
    for (std::size_t i = 0; i < rules.size(); ++i) gate.rules.push_back(read_rule(item_path("rules", i), rules[i]));
    return gate;
  }

 private:
  Error fault(const std::string& path, const std::string& sentence) const { return file_.fault(path, CheckedJson::At::kValue, sentence); }

  NamedRule read_rule(const std::string& path, const Json& item) const {
    if (item.is_string()) return {parse_at(path, item.get<std::string>()), ""};
    if (!item.is_object()) throw fault(path, fmt::format("expected a rule such as \"mmlu >= 0.62\", found {}", json_kind(item)));
    const Params settings = file_.settings(path, item, "a rule", rule_settings(), {});
    NamedRule named{parse_at(member_path(path, "rule"), settings.get<std::string>("rule")), settings.find<std::string>("name").value_or("")};
    for (const std::string& variant : settings.find<std::vector<std::string>>("of").value_or(std::vector<std::string>{})) named.rule.of.push_back(variant);
    return named;
  }

  // A fault inside the rule is told at its own column, where the string stands as it is read.
  GateRule parse_at(const std::string& path, const std::string& rule) const {
    try {
      return parse_rule(rule);
    } catch (const RuleFault& found) {
      const std::optional<TextPlace> place = positions_.of_value(path);
      const bool is_plain = place && text_.find("\"" + rule + "\"") != std::string_view::npos;
      if (!is_plain) throw fault(path, fmt::format("in \"{}\": {}", rule, found.sentence));
      const std::size_t column = place->column + 1 + code_point_count(std::string_view(rule).substr(0, found.at));
      throw input_error("{}:{}:{}: {}: in \"{}\": {}", source_, place->line, column, path, rule, found.sentence);
    }
  }

  std::string_view text_;
  std::string source_;
  CheckedJson file_;
  JsonPositions positions_;
};

}  // namespace

GateFile parse_gate_file(std::string_view text, const std::string& source, const std::filesystem::path& folder) {
  return GateFileReader(text, source).read(folder);
}

GateFile read_gate_file(const std::filesystem::path& file) { return parse_gate_file(read_file(file, kMaxBytes), file.string(), file.parent_path()); }

}  // namespace winnow
