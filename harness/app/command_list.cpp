#include <CLI/App.hpp>
#include <memory>

#include "harness/api/measure.h"
#include "harness/api/pruner.h"
#include "harness/api/task.h"
#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/model/family.h"

namespace winnow {
namespace {

const char* type_name(SettingType type) {
  switch (type) {
    case SettingType::kBoolean: return "boolean";
    case SettingType::kInteger: return "integer";
    case SettingType::kNumber: return "number";
    case SettingType::kString: return "string";
    case SettingType::kIntegerList: return "list of integers";
    case SettingType::kNumberList: return "list of numbers";
    case SettingType::kStringList: return "list of strings";
    case SettingType::kObject: return "object";
  }
  return "";
}

OrderedJson describe(const Setting& setting) {
  OrderedJson types = OrderedJson::array();
  for (const SettingType type : setting.types) types.push_back(type_name(type));
  OrderedJson result = {{"name", setting.name},
                        {"types", types},
                        {"required", setting.required},
                        {"default", OrderedJson::parse(setting.default_value.dump())},
                        {"summary", setting.summary}};
  if (!setting.choices.empty()) result["choices"] = setting.choices;
  if (setting.minimum) result["minimum"] = *setting.minimum;
  if (setting.maximum) result["maximum"] = *setting.maximum;
  return result;
}

template <class Plugin>
OrderedJson all_of(OrderedJson list = OrderedJson::array()) {
  for (const std::string& name : Registry<Plugin>::instance().names()) {
    const Registered<Plugin>& entry = Registry<Plugin>::instance().find(name);
    OrderedJson settings = OrderedJson::array();
    for (const Setting& setting : entry.settings) settings.push_back(describe(setting));
    list.push_back({{"name", name}, {"version", entry.version}, {"summary", entry.summary}, {"settings", settings}});
  }
  return list;
}

OrderedJson plug_ins(const std::string& kind) {
  if (kind == "pruners") return all_of<Pruner>();
  if (kind == "tasks") return all_of<Measurement>(all_of<Task>());
  if (kind == "datasets") return all_of<Dataset>();
  return all_of<Family>();
}

std::string as_text(const OrderedJson& list) {
  std::string text;
  for (const OrderedJson& entry : list) {
    text += fmt::format("{} (version {}): {}\n", entry["name"].get<std::string>(), entry["version"].get<int>(), entry["summary"].get<std::string>());
    for (const OrderedJson& setting : entry["settings"]) {
      std::vector<std::string> types = setting["types"];
      const std::string value = setting["required"].get<bool>() ? ", required" : setting["default"].is_null() ? "" : ", default " + setting["default"].dump();
      const std::string choices =
          setting.contains("choices") ? fmt::format(", one of {}", fmt::join(setting["choices"].get<std::vector<std::string>>(), ", ")) : "";
      text += fmt::format("  {:<18} {} ({}{}{})\n", setting["name"].get<std::string>(), setting["summary"].get<std::string>(), fmt::join(types, " or "),
                          choices, value);
    }
  }
  return text;
}

}  // namespace

void add_list_command(CLI::App& program, Invocation& invocation) {
  struct Options {
    std::string kind;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("list", "Lists what this program can do, with every setting.\n\nExamples:\n  winnow list pruners\n  winnow list tasks --json\n");
  command->add_option("KIND", options->kind, "pruners, tasks, datasets or families")
      ->required()
      ->check(CLI::IsMember({"pruners", "tasks", "datasets", "families"}));
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &invocation] {
    invocation.action = [options] {
      const OrderedJson list = plug_ins(options->kind);
      write_output(options->json ? list.dump(2) + "\n" : as_text(list));
      return kExitOk;
    };
  });
}

}  // namespace winnow
