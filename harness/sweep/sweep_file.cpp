#include "harness/sweep/sweep_file.h"

#include <algorithm>
#include <map>

#include "harness/core/files.h"
#include "harness/sweep/checked_json.h"
#include "harness/sweep/known_tasks.h"
#include "harness/sweep/variant_reader.h"

namespace winnow {
namespace {

constexpr std::size_t kMaxSweepBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxItems = 10000;
constexpr std::size_t kMaxNameBytes = 200;

// Reads the parts in the order the file documents them; each method throws at the place of the fault.
class SweepReader {
 public:
  SweepReader(const CheckedJson& file, const std::filesystem::path& folder, const PrunerDeclarations& pruners)
      : file_(file), folder_(folder), pruners_(pruners), grid_(file) {}

  Sweep read() {
    static const std::vector<std::string> kLists = {"models", "variants", "tasks", "grid", "include", "exclude", "limits", "$schema"};
    const Params settings = file_.settings("", file_.root(), "the sweep", sweep_settings(), kLists);
    if (file_.root().contains("$schema") && !file_.root()["$schema"].is_string()) throw fault("$schema", "expected the address of a JSON Schema");
    sweep_.name = settings.get<std::string>("name");
    check_name("name", sweep_.name);
    check_sweep_name();
    sweep_.device = settings.get<std::string>("device");
    check_device();
    sweep_.threads = settings.find<int>("threads").value_or(0);
    sweep_.token_budget = settings.get<std::int64_t>("token_budget");
    read_limits();
    for_each("models", [this](const std::string& path, const GridPoint& point) { read_model(path, point); });
    for_each("variants", [this](const std::string& path, const GridPoint& point) { read_variant(path, point); });
    for_each("tasks", [this](const std::string& path, const GridPoint& point) { read_task(path, point); });
    grid_.check_used();
    sweep_.exclusions = grid_.exclusions();
    check_dense_for_those_elsewhere();
    sweep_.file = file_.root();
    return std::move(sweep_);
  }

 private:
  void read_limits() {
    if (!file_.root().contains("limits")) return;
    const Params settings = file_.settings("limits", file_.root()["limits"], "limits", limit_settings(), {});
    sweep_.limits = {.seconds = settings.find<double>("seconds").value_or(0),
                     .tokens = settings.find<std::int64_t>("tokens").value_or(0),
                     .memory_bytes = settings.find<std::int64_t>("memory_bytes").value_or(0),
                     .silence_seconds = settings.get<double>("silence_seconds")};
  }

  using ReadPoint = std::function<void(const std::string& path, const GridPoint& point)>;

  Error fault(const std::string& path, const std::string& sentence) const { return file_.fault(path, CheckedJson::At::kValue, sentence); }

  void for_each(const std::string& key, const ReadPoint& read_point) {
    if (!file_.root().contains(key)) throw fault("", fmt::format("\"{}\" is missing; a sweep names models, variants and tasks", key));
    const Json& list = file_.root()[key];
    if (!list.is_array()) throw fault(key, fmt::format("expected a list of objects, found {}", json_kind(list)));
    if (list.empty()) throw fault(key, "the list is empty, so there is nothing to run");
    if (list.size() > kMaxItems) throw fault(key, fmt::format("the list has {} items; at most {} are read", list.size(), kMaxItems));
    for (std::size_t i = 0; i < list.size(); ++i) {
      for (const GridPoint& point : grid_.points(key, i, list[i], kMaxItems)) read_at(item_path(key, i), point, read_point);
    }
  }

  // A fault of a value that the grid set has the entry's place, so its sentence names the value.
  static void read_at(const std::string& path, const GridPoint& point, const ReadPoint& read_point) {
    try {
      read_point(path, point);
    } catch (const Error& error) {
      if (point.values.empty()) throw;
      throw Error(error.kind(), fmt::format("{} (with{} of the grid)", error.what(), point.suffix));
    }
  }

  void check_name(const std::string& path, const std::string& name) const {
    if (name.empty()) throw fault(path, "expected a name, found an empty string");
    if (name.size() > kMaxNameBytes) throw fault(path, fmt::format("the name has {} bytes; at most {} are allowed", name.size(), kMaxNameBytes));
    if (name.find('\0') != std::string::npos) throw fault(path, "the name holds a NUL character");
  }

  void check_sweep_name() const {
    const bool is_file_name = sweep_.name.find('/') == std::string::npos && sweep_.name[0] != '.' &&
                              std::none_of(sweep_.name.begin(), sweep_.name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!is_file_name) throw fault("name", "the name becomes a file name (NAME.sqlite), so it may not hold '/' or control characters, nor begin with a dot");
  }

  void check_device() const {
    const std::string& device = sweep_.device;
    const bool has_index = device.starts_with("cuda:") && device.size() > 5 && device.size() < 9 &&
                           std::all_of(device.begin() + 5, device.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
    if (device != "cpu" && device != "cuda" && !has_index) throw fault("device", fmt::format("'{}' is no device; expected cpu, cuda or cuda:N", device));
  }

  using FirstIndex = std::map<std::string, std::size_t>;

  void refuse_second(const std::string& path, const std::string& name, FirstIndex& first, const char* list) const {
    const auto [same, is_new] = first.try_emplace(name, first.size());
    if (!is_new) throw fault(path, fmt::format("'{}' is already the name of {}[{}]; names must differ", name, list, same->second));
  }

  std::string resolve(const std::string& path) const { return from_folder(folder_, path); }

  // A folder beside the sweep file comes before a hub name; what has no folder and looks like org/name is left for the hub cache.
  std::string resolve_model(const std::string& path) const {
    const std::string folder = resolve(path);
    std::error_code ignored;
    const bool looks_like_hub_name = std::count(path.begin(), path.end(), '/') == 1 && path[0] != '.' && path[0] != '/' && path.back() != '/';
    return looks_like_hub_name && !std::filesystem::exists(folder, ignored) ? path : folder;
  }

  void read_model(const std::string& path, const GridPoint& point) {
    const Json& item = point.item;
    const Params settings = file_.settings(path, item, "a model", model_settings(), {});
    ModelSpec model{.name = settings.get<std::string>("name") + point.suffix, .grid = point.values};
    check_name(path + ".name", model.name);
    refuse_second(path + ".name", model.name, first_model_, "models");
    const int sources = settings.has("path") + settings.has("recorded") + settings.has("config") + settings.has("endpoint");
    if (sources != 1) throw fault(path, fmt::format("a model has exactly one of \"path\", \"recorded\", \"config\", \"endpoint\"; this one has {}", sources));
    for (const Dependency& dependency : model_dependencies()) {
      const bool is_of_endpoint = dependency.needs == std::vector<std::string>{"endpoint"};
      if (is_of_endpoint && settings.has(dependency.setting) && !settings.has("endpoint"))
        throw fault(member_path(path, dependency.setting), "only a model with an \"endpoint\" has this");
    }
    for (const char* key : {"path", "recorded", "config"}) {
      if (settings.has(key)) check_source(member_path(path, key), settings.get<std::string>(key));
    }
    const bool is_random = settings.has("weights");
    if (settings.has("config") && !is_random) throw fault(path, "a config alone has no weights; add \"weights\": \"random\", or give the model's \"path\"");
    if (is_random && settings.has("recorded")) throw fault(path + ".weights", "recorded outputs have no weights");
    if (settings.has("seed") && !is_random) throw fault(path + ".seed", "only a model with \"weights\": \"random\" has a seed");
    if (settings.has("experts") && !settings.has("path") && !settings.has("config"))
      throw fault(path + ".experts", "only a model that runs here has experts in memory");
    if (settings.has("dtype") && settings.has("recorded")) throw fault(path + ".dtype", "recorded outputs have no dtype");
    if (settings.has("endpoint")) {
      if (settings.has("dtype") || is_random)
        throw fault(path, "a served model has the weights and dtype that its server gives it; leave out \"dtype\" and \"weights\"");
      model.served = read_served(path, settings);
      model.dtype.clear();
    } else if (settings.has("recorded")) {
      model.recorded = resolve(settings.get<std::string>("recorded"));
      model.dtype.clear();
    } else {
      model.dtype = settings.find<std::string>("dtype").value_or(model.dtype);
      model.seed = settings.find<std::uint64_t>("seed").value_or(0);
      model.experts = settings.find<std::string>("experts").value_or(model.experts);
      if (model.experts != "dense" && sweep_.device == "cpu")
        throw fault(path + ".experts", "the CPU runs experts dense; set \"device\": \"cuda\", or leave \"experts\" out");
      const std::string given = settings.get<std::string>(settings.has("path") ? "path" : "config");
      if (!is_random)
        model.path = resolve_model(given);
      else
        model.config = resolve(settings.has("path") ? (std::filesystem::path(given) / "config.json").string() : given);
    }
    sweep_.models.push_back(std::move(model));
  }

  ServedSpec read_served(const std::string& path, const Params& settings) const {
    for (const char* key : {"model", "tokenizer"}) {
      if (!settings.has(key)) throw fault(path, fmt::format("a model with an \"endpoint\" needs \"{}\"", key));
      check_source(member_path(path, key), settings.get<std::string>(key));
    }
    ServedSpec served{.endpoint = settings.get<std::string>("endpoint"), .model = settings.get<std::string>("model")};
    // What could hold a secret is not repeated, so that none of these two go through fault(), which shows an override as it was given.
    if (served.endpoint.find('@') != std::string::npos) {
      throw input_error(
          "{}.endpoint: it holds a user name or password; leave them out, and name the environment variable that holds the key in \"api_key_env\"", path);
    }
    served.api_key_env = settings.find<std::string>("api_key_env").value_or("");
    const bool is_name = std::all_of(served.api_key_env.begin(), served.api_key_env.end(),
                                     [](unsigned char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); });
    if (!is_name || (settings.has("api_key_env") && served.api_key_env.empty())) {
      throw input_error("{}.api_key_env: expected the name of an environment variable, such as OPENAI_API_KEY, not a key itself", path);
    }
    served.tokenizer = resolve_model(settings.get<std::string>("tokenizer"));
    served.scoring = settings.find<std::string>("scoring").value_or(served.scoring);
    served.concurrency = settings.find<int>("concurrency").value_or(served.concurrency);
    served.attempts = settings.find<int>("attempts").value_or(served.attempts);
    served.requests_per_second = settings.find<double>("requests_per_second").value_or(served.requests_per_second);
    served.timeout_seconds = settings.find<double>("timeout_seconds").value_or(served.timeout_seconds);
    served.max_length = settings.find<std::int64_t>("max_length").value_or(served.max_length);
    return served;
  }

  void check_source(const std::string& path, const std::string& source) const {
    if (source.empty()) throw fault(path, "expected a file or folder, found an empty string");
    if (source.find('\0') != std::string::npos) throw fault(path, "the path holds a NUL character");
  }

  void read_variant(const std::string& path, const GridPoint& point) {
    const VariantReader reader(file_, folder_, pruners_);
    Json item = point.item;
    if (item.is_object() && item.contains("label") && item["label"].is_string()) item["label"] = item["label"].get<std::string>() + point.suffix;
    for (VariantSpec& variant : reader.read(path, item)) {
      variant.grid = point.values;
      check_name(path + ".label", variant.label);
      refuse_second(path + ".label", variant.label, first_variant_, "variants");
      const auto [same, is_new] = first_steps_.try_emplace(reader.identity(variant), sweep_.variants.size());
      if (!is_new)
        throw fault(path + ".steps",
                    fmt::format("the same steps as variants[{}] '{}'; one of them is enough", same->second, sweep_.variants[same->second].label));
      sweep_.variants.push_back(std::move(variant));
    }
  }

  void read_task(const std::string& path, const GridPoint& point) {
    const Json& item = point.item;
    const std::string task = plug_in_name(file_, path, item, "task", task_names());
    static const std::vector<std::string> kTask = {"task"};
    const std::span<const Setting> known = task_declaration(task).settings;
    Json settings = file_.settings(path, item, "task " + task, known, kTask).as_json();
    for (const Setting& setting : known) {  // filled in too, so that a default that is written out is the same cell
      const std::span<const Setting> inside = settings_inside(setting);
      if (inside.empty() || !settings.contains(setting.name)) continue;
      settings[setting.name] = file_.settings(member_path(path, setting.name), settings[setting.name], setting.name, inside, {}).as_json();
    }
    file_.locate(path, [&] { try_task(task, settings); });
    const auto [same, is_new] = first_task_.try_emplace(task + canonical_json(settings), sweep_.tasks.size());
    if (!is_new) throw fault(path, fmt::format("the same task with the same settings as tasks[{}]", same->second));
    sweep_.tasks.push_back({.task = task, .settings = std::move(settings), .grid = point.values});
  }

  void check_dense_for_those_elsewhere() const {
    const bool has_dense = std::any_of(sweep_.variants.begin(), sweep_.variants.end(), [](const VariantSpec& variant) { return variant.steps.empty(); });
    for (std::size_t i = 0; i < sweep_.models.size() && !has_dense; ++i) {
      if (!sweep_.models[i].is_answered_elsewhere()) continue;
      throw fault(item_path("models", i), fmt::format("{} only a variant without steps; add {{\"label\": \"dense\", \"steps\": []}} to \"variants\"",
                                                      sweep_.models[i].served ? "a served model meets" : "recorded outputs meet"));
    }
  }

  const CheckedJson& file_;
  const std::filesystem::path folder_;
  const PrunerDeclarations& pruners_;
  Grid grid_;
  Sweep sweep_;
  FirstIndex first_model_, first_variant_, first_steps_, first_task_;  // by what must differ
};

}  // namespace

Sweep parse_sweep(std::string_view text, const std::string& source, const std::filesystem::path& folder, const PrunerDeclarations& pruners,
                  const std::vector<std::string>& overrides) {
  const CheckedJson file(text, source, overrides);
  return SweepReader(file, folder, pruners).read();
}

Sweep read_sweep(const std::filesystem::path& file, const PrunerDeclarations& pruners, const std::vector<std::string>& overrides) {
  return parse_sweep(read_file(file, kMaxSweepBytes), file.string(), file.parent_path(), pruners, overrides);
}

std::string device_kind(const std::string& device) { return device.substr(0, device.find(':')); }

}  // namespace winnow
