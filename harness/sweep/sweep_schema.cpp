#include "harness/sweep/sweep_schema.h"

#include "harness/api/dataset.h"
#include "harness/sweep/known_tasks.h"

namespace winnow {
namespace {

OrderedJson of_number(const char* type, const Setting& setting) {
  OrderedJson schema{{"type", type}};
  if (setting.minimum) schema["minimum"] = *setting.minimum;
  if (setting.maximum) schema["maximum"] = *setting.maximum;
  return schema;
}

OrderedJson of_string(const Setting& setting) {
  OrderedJson schema{{"type", "string"}};
  if (!setting.choices.empty()) schema["enum"] = setting.choices;
  return schema;
}

OrderedJson of_type(SettingType type, const Setting& setting) {
  const auto list_of = [](OrderedJson item) { return OrderedJson{{"type", "array"}, {"items", std::move(item)}}; };
  switch (type) {
    case SettingType::kBoolean: return {{"type", "boolean"}};
    case SettingType::kInteger: return of_number("integer", setting);
    case SettingType::kNumber: return of_number("number", setting);
    case SettingType::kString: return of_string(setting);
    case SettingType::kIntegerList: return list_of(of_number("integer", setting));
    case SettingType::kNumberList: return list_of(of_number("number", setting));
    case SettingType::kStringList: return list_of(of_string(setting));
    case SettingType::kObject: return {{"type", "object"}};
  }
  WINNOW_CHECK(false);
}

OrderedJson of_settings(std::span<const Setting> settings, const OrderedJson& beside = OrderedJson::object());

OrderedJson of_setting(const Setting& setting) {
  OrderedJson schema;
  if (const std::span<const Setting> inside = settings_inside(setting); !inside.empty()) {
    schema = of_settings(inside);
  } else if (setting.types.size() == 1) {
    schema = of_type(setting.types.front(), setting);
  } else {
    for (const SettingType type : setting.types) schema["anyOf"].push_back(of_type(type, setting));
  }
  schema["description"] = setting.summary;
  if (!setting.default_value.is_null()) schema["default"] = setting.default_value;
  return schema;
}

// An object of these settings and no others, but for the properties put beside them.
OrderedJson of_settings(std::span<const Setting> settings, const OrderedJson& beside) {
  OrderedJson schema{{"type", "object"}, {"properties", OrderedJson::object()}, {"additionalProperties", false}};
  for (const Setting& setting : settings) {
    schema["properties"][setting.name] = of_setting(setting);
    if (setting.required) schema["required"].push_back(setting.name);
  }
  for (const auto& [name, property] : beside.items()) schema["properties"][name] = property;
  return schema;
}

OrderedJson of_dependencies(std::span<const Dependency> dependencies) {
  OrderedJson schema = OrderedJson::object();
  for (const Dependency& dependency : dependencies) schema[dependency.setting] = dependency.needs;
  return schema;
}

OrderedJson exactly_one_of(const std::vector<std::string>& names) {
  OrderedJson choices = OrderedJson::array();
  for (const std::string& name : names) choices.push_back({{"required", {name}}});
  return choices;
}

// An object whose member `kind` names a plug-in, and which has that plug-in's settings.
class PlugIns {
 public:
  explicit PlugIns(const char* kind) : kind_(kind), names_(OrderedJson::array()), cases_(OrderedJson::array()) {}

  void add(const std::string& name, std::span<const Setting> settings) {
    names_.push_back(name);
    cases_.push_back({{"if", {{"properties", {{kind_, {{"const", name}}}}}}}, {"then", of_settings(settings, {{kind_, OrderedJson::object()}})}});
  }

  OrderedJson schema() const {
    return {{"type", "object"}, {"required", {kind_}}, {"properties", {{kind_, {{"type", "string"}, {"enum", names_}}}}}, {"allOf", cases_}};
  }

 private:
  std::string kind_;
  OrderedJson names_, cases_;
};

OrderedJson list_of(const char* definition) { return {{"type", "array"}, {"minItems", 1}, {"items", {{"$ref", fmt::format("#/definitions/{}", definition)}}}}; }

OrderedJson variant_schema() {
  OrderedJson variant = of_settings(variant_settings(), {{"steps", {{"type", "array"}, {"items", {{"$ref", "#/definitions/step"}}}}},
                                                         {"calibration", {{"$ref", "#/definitions/calibration"}}}});
  variant["required"].push_back("steps");
  variant["properties"]["label"]["minLength"] = 1;
  variant["properties"]["seeds"].update({{"minItems", 1}, {"uniqueItems", true}});
  return variant;
}

// Of paths into the three lists, in "grid", "include" and "exclude".
constexpr const char* kPathPattern = "^(models|variants|tasks)(\\[|\\.)";

OrderedJson grid_schema() {
  return {{"type", "object"},
          {"propertyNames", {{"pattern", kPathPattern}}},
          {"description", "paths into models, variants or tasks, such as variants[0].steps[0].ratio or tasks.*.shots, with the values to run each entry with"},
          {"additionalProperties", {{"type", "array"}, {"minItems", 1}, {"uniqueItems", true}}}};
}

OrderedJson inclusion_schema() {
  return {{"type", "array"},
          {"description", "one more combination of values for the entries that its paths lead to"},
          {"items", {{"type", "object"}, {"minProperties", 1}, {"propertyNames", {{"pattern", kPathPattern}}}}}};
}

OrderedJson exclusion_schema() {
  const OrderedJson pattern{{"type", "string"}, {"description", "a name, or a pattern with * and ?"}};
  return {{"type", "array"},
          {"description", "cells to leave out: those that all members hold for, patterns of names or values of the grid's paths"},
          {"items",
           {{"type", "object"},
            {"minProperties", 1},
            {"properties", {{"model", pattern}, {"variant", pattern}, {"task", pattern}}},
            {"patternProperties", {{kPathPattern, OrderedJson::object()}}},
            {"additionalProperties", false}}}};
}

}  // namespace

OrderedJson sweep_schema(const PrunerDeclarations& pruners) {
  PlugIns steps("pruner"), tasks("task");
  for (const auto& [name, declaration] : pruners) steps.add(name, declaration.settings);
  for (const std::string& name : task_names()) tasks.add(name, task_declaration(name).settings);

  OrderedJson schema{{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "Winnow sweep file"}};
  schema.update(of_settings(sweep_settings(), {{"$schema", {{"type", "string"}}},
                                               {"models", list_of("model")},
                                               {"variants", list_of("variant")},
                                               {"tasks", list_of("task")},
                                               {"grid", grid_schema()},
                                               {"include", inclusion_schema()},
                                               {"exclude", exclusion_schema()},
                                               {"limits", of_settings(limit_settings())}}));
  schema["properties"]["name"]["minLength"] = 1;
  schema["properties"]["device"]["pattern"] = "^(cpu|cuda(:[0-9]{1,3})?)$";
  for (const char* list : {"models", "variants", "tasks"}) schema["required"].push_back(list);
  OrderedJson& definitions = schema["definitions"];
  definitions["model"] = of_settings(model_settings());
  definitions["model"]["properties"]["name"]["minLength"] = 1;
  definitions["model"]["dependencies"] = of_dependencies(model_dependencies());
  definitions["model"]["oneOf"] = exactly_one_of({"path", "recorded", "config", "endpoint"});
  definitions["variant"] = variant_schema();
  definitions["step"] = steps.schema();
  definitions["calibration"] = of_settings(calibration_settings());
  definitions["calibration"]["properties"]["dataset"]["enum"] = Registry<Dataset>::instance().names();
  definitions["calibration"]["dependencies"] = of_dependencies(calibration_dependencies());
  definitions["calibration"]["oneOf"] = exactly_one_of({"dataset", "file", "tokens"});
  definitions["task"] = tasks.schema();
  return schema;
}

}  // namespace winnow
