#pragma once
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/settings.h"
#include "harness/core/terminal.h"

namespace winnow {

// What a plug-in says of itself, in one object at the end of its only file. If a method's result changes, its version must.
template <class Plugin>
struct Registered {
  std::string name;
  int version = 1;
  std::string summary;
  std::vector<Setting> settings;
  std::unique_ptr<Plugin> (*make)(const Params& params);
};

// All plug-ins of one kind. Plugin::kKind is the word for messages ("pruner", "task", "dataset", "family").
template <class Plugin>
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  void add(Registered<Plugin> plugin, const char* file) {
    const std::string name = plugin.name;  // the entry takes the plug-in, name and all
    const auto [position, inserted] = entries_.try_emplace(name, Entry{std::move(plugin), file});
    if (!inserted) {  // before main: nobody could catch
      std::fprintf(stderr, "winnow: the %s '%s' is defined twice, in %s and in %s\n", Plugin::kKind, position->first.c_str(), position->second.file, file);
      std::exit(kExitBug);
    }
  }

  // Throws Error(kInput) for an unknown name, with the nearest one and the list.
  const Registered<Plugin>& find(std::string_view name) const {
    const auto position = entries_.find(name);
    if (position == entries_.end()) {
      const std::vector<std::string> known = names();
      throw input_error("there is no {} '{}'{}; there are: {}", Plugin::kKind, one_line(name, 60), did_you_mean(name, known), fmt::join(known, ", "));
    }
    return position->second.plugin;
  }
  bool contains(std::string_view name) const { return entries_.contains(name); }

  // Settings are checked against the plug-in's declaration first.
  std::unique_ptr<Plugin> make(std::string_view name, const Json& settings = Json::object()) const {
    const Registered<Plugin>& entry = find(name);
    return entry.make(Params::check(fmt::format("{} {}", Plugin::kKind, name), entry.settings, settings));
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : entries_) names.push_back(name);
    return names;
  }

 private:
  struct Entry {
    Registered<Plugin> plugin;
    const char* file;
  };
  std::map<std::string, Entry, std::less<>> entries_;
};

// `const Registration<Pruner> kRegistration{{.name = "random", …}};` registers a plug-in.
template <class Plugin>
struct Registration {
  explicit Registration(Registered<Plugin> plugin, std::source_location where = std::source_location::current()) {
    Registry<Plugin>::instance().add(std::move(plugin), where.file_name());
  }
};

}  // namespace winnow
