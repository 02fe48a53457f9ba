#include "results/sides.h"

#include <algorithm>
#include <map>

#include "harness/core/error.h"
#include "harness/core/settings.h"

namespace winnow {
namespace {

enum class Meaning { kVariant, kModel, kBoth };
struct Meant {
  Meaning meaning;
  std::vector<Side> sides;
};

std::vector<std::string> names_of(const std::set<ModelVariant>& known) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const auto& [model, variant] : known) add(variant);
  for (const auto& [model, variant] : known) add(replicated_label(variant));
  for (const auto& [model, variant] : known) add(model);
  return names;
}

// A side for each model whose variants pass; those that pass are taken together.
template <class Passes>
std::vector<Side> grouped(const std::set<ModelVariant>& known, const std::string& label, Passes&& passes) {
  std::vector<Side> sides;
  for (const auto& [model, variant] : known) {
    if (!passes(model, variant)) continue;
    if (sides.empty() || sides.back().model != model) sides.push_back({model, label, {}});
    sides.back().variants.push_back(variant);
  }
  return sides;
}

Meant meaning_of(const std::set<ModelVariant>& known, const std::string& name) {
  if (auto sides = grouped(known, name, [&](const auto&, const auto& variant) { return variant == name; }); !sides.empty()) return {Meaning::kVariant, sides};
  if (auto sides = grouped(known, name, [&](const auto&, const auto& variant) { return replicated_label(variant) == name; }); !sides.empty()) {
    return {Meaning::kVariant, sides};
  }
  std::vector<Side> of_model, exact;
  for (const Side& side : all_sides(known)) {
    if (side.model == name) of_model.push_back(side);
    if (side.model + "/" + side.label == name) exact.push_back(side);
  }
  for (const auto& [model, variant] : known) {
    if (exact.empty() && model + "/" + variant == name) exact.push_back({model, variant, {variant}});
  }
  if (!of_model.empty()) return {Meaning::kModel, of_model};
  if (!exact.empty()) return {Meaning::kBoth, exact};
  const std::vector<std::string> names = names_of(known);
  throw usage_error("no variant or model is named '{}'{}; there are: {}", name, did_you_mean(name, names), fmt::join(names, ", "));
}

}  // namespace

std::string replicated_label(const std::string& variant) {
  const std::size_t cut = variant.rfind(" seed=");
  if (cut == std::string::npos || cut == 0) return "";
  const std::string seed = variant.substr(cut + 6);
  const bool is_number = !seed.empty() && std::ranges::all_of(seed, [](char c) { return c >= '0' && c <= '9'; });
  return is_number ? variant.substr(0, cut) : "";
}

std::vector<Side> all_sides(const std::set<ModelVariant>& known) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> by_label;
  for (const auto& [model, variant] : known) {
    const std::string shared = replicated_label(variant);
    by_label[{model, shared.empty() ? variant : shared}].push_back(variant);
  }
  std::vector<Side> sides;
  for (const auto& [name, variants] : by_label) {
    if (variants.size() == 1)
      sides.push_back({name.first, variants.front(), variants});  // one seed alone keeps its whole name
    else
      sides.push_back({name.first, name.second, variants});
  }
  return sides;
}

std::vector<Side> sides_named(const std::set<ModelVariant>& known, const std::string& name) { return meaning_of(known, name).sides; }

std::vector<std::pair<Side, Side>> choose_sides(const std::set<ModelVariant>& known, const std::string& first, const std::string& second) {
  const Meant a = meaning_of(known, first);
  const bool is_all = second == "all" && std::ranges::none_of(known, [](const ModelVariant& row) { return row.second == "all" || row.first == "all"; });
  const Meant b = is_all ? Meant{Meaning::kVariant, all_sides(known)} : meaning_of(known, second);
  std::vector<std::pair<Side, Side>> pairs;
  for (const Side& before : a.sides) {
    for (const Side& after : b.sides) {
      const bool is_alone = a.sides.size() == 1 && b.sides.size() == 1;
      const bool by_model = a.meaning == Meaning::kVariant && b.meaning == Meaning::kVariant && before.model == after.model;
      const bool by_variant = a.meaning == Meaning::kModel && b.meaning == Meaning::kModel && before.label == after.label;
      if ((is_alone || by_model || by_variant) && !(is_all && before == after)) pairs.emplace_back(before, after);
    }
  }
  if (!pairs.empty()) return pairs;
  throw usage_error("'{}' and '{}' name {} and {} results that do not pair up; say MODEL/VARIANT", first, second, a.sides.size(), b.sides.size());
}

}  // namespace winnow
