#include "harness/sweep/variant_reader.h"

#include <algorithm>

#include "harness/api/dataset.h"
#include "harness/core/files.h"
#include "harness/core/regex.h"

namespace winnow {
namespace {

Json calibration_json(const std::optional<CalibrationSpec>& calibration) {
  if (!calibration) return nullptr;
  return {calibration->dataset,   calibration->split,  calibration->file, calibration->fields, calibration->tokens,
          calibration->sequences, calibration->length, calibration->seed, calibration->loader};
}

}  // namespace

std::string from_folder(const std::filesystem::path& folder, const std::string& path) {
  const std::filesystem::path given(path);
  return given.is_absolute() ? path : (folder / given).lexically_normal().string();
}

std::string plug_in_name(const CheckedJson& file, const std::string& path, const Json& item, const std::string& key, const std::vector<std::string>& known) {
  const auto fault = [&](const std::string& place, const std::string& sentence) { return file.fault(place, CheckedJson::At::kValue, sentence); };
  if (!item.is_object()) throw fault(path, fmt::format("expected an object such as {{\"{}\": …}}, found {}", key, json_kind(item)));
  if (!item.contains(key)) throw fault(path, fmt::format("\"{}\" is missing; there are: {}", key, fmt::join(known, ", ")));
  const std::string key_path = member_path(path, key);
  if (!item[key].is_string()) throw fault(key_path, fmt::format("expected the name of a {}, found {}", key, json_kind(item[key])));
  const std::string name = item[key].get<std::string>();
  if (std::find(known.begin(), known.end(), name) != known.end()) return name;
  if (key == "task" && Registry<Dataset>::instance().contains(name))
    throw fault(key_path, fmt::format("'{0}' is a data set; a task asks questions of it, such as {{\"task\": \"…\", \"dataset\": \"{0}\"}}; tasks are: {1}",
                                      name, fmt::join(known, ", ")));
  throw fault(key_path, fmt::format("there is no {} '{}'{}; there are: {}", key, name, did_you_mean(name, known), fmt::join(known, ", ")));
}

std::vector<VariantSpec> VariantReader::read(const std::string& path, const Json& item) const {
  static const std::vector<std::string> kBeside = {"steps", "calibration"};
  const Params settings = file_.settings(path, item, "a variant", variant_settings(), kBeside);
  VariantSpec variant{.label = settings.get<std::string>("label")};
  if (!item.contains("steps")) throw fault(path, "\"steps\" is missing; the unpruned model is written \"steps\": []");
  const Json& steps = item["steps"];
  const std::string steps_path = member_path(path, "steps");
  if (!steps.is_array()) throw fault(steps_path, fmt::format("expected a list of steps such as {{\"pruner\": …}}, found {}", json_kind(steps)));
  for (std::size_t i = 0; i < steps.size(); ++i) variant.steps.push_back(read_step(item_path(steps_path, i), steps[i]));
  if (item.contains("calibration")) variant.calibration = read_calibration(member_path(path, "calibration"), item["calibration"]);
  variant.total_sparsity = settings.find<double>("total_sparsity");
  variant.scope = settings.find<std::string>("scope").value_or(variant.scope);
  variant.leave_out = settings.find<std::vector<std::string>>("leave_out").value_or(variant.leave_out);
  for (const std::string& pattern : variant.leave_out) file_.locate(member_path(path, "leave_out"), [&] { Regex{pattern}; });
  if (!settings.has("seeds")) return {variant};
  return replicates(path, variant, settings.get<std::vector<std::uint64_t>>("seeds"));
}

StepSpec VariantReader::read_step(const std::string& path, const Json& item) const {
  std::vector<std::string> names;
  for (const auto& [name, declaration] : pruners_) names.push_back(name);
  const std::string pruner = plug_in_name(file_, path, item, "pruner", names);
  const PrunerDeclaration& declaration = pruners_.at(pruner);
  static const std::vector<std::string> kPruner = {"pruner"};
  Json settings = file_.settings(path, item, "pruner " + pruner, declaration.settings, kPruner).as_json();
  if (settings.contains("file")) settings["file"] = from_folder(folder_, settings["file"].get<std::string>());
  file_.locate(path, [&] { declaration.try_settings(settings); });
  return {.pruner = pruner, .version = declaration.version, .settings = settings};
}

CalibrationSpec VariantReader::read_calibration(const std::string& path, const Json& item) const {
  const Params settings = file_.settings(path, item, "a calibration", calibration_settings(), {});
  CalibrationSpec calibration{.dataset = settings.find<std::string>("dataset").value_or(""),
                              .split = settings.find<std::string>("split").value_or(""),
                              .file = settings.find<std::string>("file").value_or(""),
                              .fields = settings.find<std::vector<std::string>>("fields").value_or(std::vector<std::string>{}),
                              .tokens = settings.find<std::string>("tokens").value_or(""),
                              .sequences = settings.get<std::int64_t>("sequences"),
                              .length = settings.get<std::int64_t>("length"),
                              .seed = settings.get<std::uint64_t>("seed"),
                              .loader = settings.get<std::string>("loader")};
  const int sources = !calibration.dataset.empty() + !calibration.file.empty() + !calibration.tokens.empty();
  if (sources != 1) throw fault(path, fmt::format("a calibration has exactly one of \"dataset\", \"file\", \"tokens\"; this one has {}", sources));
  if (!calibration.dataset.empty()) file_.locate(member_path(path, "dataset"), [&] { Registry<Dataset>::instance().find(calibration.dataset); });
  if (!calibration.file.empty() && calibration.fields.empty()) throw fault(path, "a \"file\" needs \"fields\", the names of its text fields");
  if (!calibration.split.empty() && calibration.dataset.empty()) throw fault(member_path(path, "split"), "only a \"dataset\" has splits");
  if (!calibration.file.empty()) calibration.file = from_folder(folder_, calibration.file);
  if (!calibration.tokens.empty()) calibration.tokens = from_folder(folder_, calibration.tokens);
  return calibration;
}

std::vector<VariantSpec> VariantReader::replicates(const std::string& path, const VariantSpec& variant, const std::vector<std::uint64_t>& seeds) const {
  if (seeds.empty()) throw fault(member_path(path, "seeds"), "the list is empty, so the variant would never run");
  std::vector<VariantSpec> replicates;
  for (const std::uint64_t seed : seeds) {
    VariantSpec replicate = variant;
    replicate.replicate_of = variant.label;
    replicate.label = fmt::format("{} seed={}", variant.label, seed);
    bool is_used = replicate.calibration && replicate.calibration->tokens.empty();
    if (is_used) replicate.calibration->seed = seed;
    for (StepSpec& step : replicate.steps) {
      if (!step.settings.contains("seed")) continue;
      step.settings["seed"] = seed;
      is_used = true;
    }
    if (!is_used) throw fault(member_path(path, "seeds"), "neither a calibration nor a step of this variant draws anything, so seeds make no difference");
    replicates.push_back(std::move(replicate));
  }
  return replicates;
}

std::string VariantReader::identity(const VariantSpec& variant) const {
  Json identity = Json::array();
  for (const StepSpec& step : variant.steps) identity.push_back({step.pruner, step.settings});
  identity.push_back({calibration_json(variant.calibration), variant.total_sparsity.value_or(-1), variant.scope, variant.leave_out});
  return canonical_json(identity);
}

VariantSpec read_variant_file(const std::filesystem::path& path, const PrunerDeclarations& pruners) {
  std::string text = read_file(path);
  const CheckedJson file(text, path.string(), {});
  Json item = file.root();
  if (item.is_object() && !item.contains("label")) item["label"] = path.stem().string();
  const std::vector<VariantSpec> variants = VariantReader(file, path.parent_path(), pruners).read("", item);
  if (variants.size() != 1) throw file.fault("seeds", CheckedJson::At::kKey, "one plan has one seed; leave out \"seeds\" here");
  return variants.front();
}

CalibrationSpec read_calibration_file(const std::filesystem::path& path) {
  const CheckedJson file(read_file(path), path.string(), {});
  if (file.root().is_array()) return {.tokens = path.string()};  // token ids themselves
  return VariantReader(file, path.parent_path(), {}).read_calibration("", file.root());
}

}  // namespace winnow
