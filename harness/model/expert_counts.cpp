#include <algorithm>
#include <charconv>
#include <map>

#include "harness/core/error.h"
#include "harness/model/config_parts.h"

namespace winnow {
namespace {

constexpr const char* kCountKeys[] = {"num_local_experts", "num_experts"};

std::int64_t count_in(const ConfigFields& fields) {
  const auto local = fields.find_integer(kCountKeys[0], kExpertRange);
  const auto plain = fields.find_integer(kCountKeys[1], kExpertRange);
  if (local && plain && *local != *plain)
    throw input_error("'{}' is {}, but '{}' is {}; they must say the same", fields.name(kCountKeys[0]), *local, fields.name(kCountKeys[1]), *plain);
  if (!local && !plain) throw input_error("'{}' (or '{}') is missing", fields.name(kCountKeys[0]), fields.name(kCountKeys[1]));
  return local ? *local : *plain;
}

std::size_t layer_number(const std::string& text, const std::vector<bool>& is_moe) {
  std::size_t layer = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), layer);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && (text == "0" || text[0] != '0');
  if (!is_number || layer >= is_moe.size())
    throw input_error("'per_layer_config' has the key {}; expected layer numbers from 0 to {}", quoted(Json(text)), is_moe.size() - 1);
  if (!is_moe[layer]) throw input_error("'per_layer_config' changes layer {}, which has no experts", layer);
  return layer;
}

void apply_per_layer_config(const ConfigFields& fields, const std::vector<bool>& is_moe, std::vector<std::int64_t>& counts) {
  if (!fields.has("per_layer_config")) return;
  const Json& layers = fields.raw("per_layer_config");
  if (!layers.is_object()) throw input_error("'per_layer_config' is {}; expected an object from layer numbers to changed keys", quoted(layers));
  for (const auto& [text, changes] : layers.items()) {
    const std::size_t layer = layer_number(text, is_moe);
    const ConfigFields changed(changes, fmt::format("per_layer_config.{}.", text));
    for (const auto& [key, value] : changes.items()) {
      if (key != kCountKeys[0] && key != kCountKeys[1])
        throw unsupported_error("'{}' is set; layers may differ in their number of experts only", changed.name(key));
    }
    if (!changes.empty()) counts[layer] = count_in(changed);
  }
}

}  // namespace

ExpertCounts read_expert_counts(const ConfigFields& fields, const std::vector<bool>& is_moe) {
  const std::int64_t usual = count_in(fields);
  std::vector<std::int64_t> counts(is_moe.size(), 0);
  for (std::size_t layer = 0; layer < counts.size(); ++layer) counts[layer] = is_moe[layer] ? usual : 0;
  apply_per_layer_config(fields, is_moe, counts);
  const std::int64_t per_token = fields.integer("num_experts_per_tok", kExpertRange);
  for (std::size_t layer = 0; layer < counts.size(); ++layer) {
    if (is_moe[layer] && per_token > counts[layer])
      throw input_error("'num_experts_per_tok' is {}, but layer {} has {} experts", per_token, layer, counts[layer]);
  }
  return {.by_layer = std::move(counts), .experts_per_token = per_token};
}

Json write_expert_counts_to(Json config, const std::vector<std::int64_t>& counts, std::string_view count_key) {
  std::map<std::int64_t, int> layers_with;
  for (const std::int64_t count : counts) {
    if (count > 0) ++layers_with[count];
  }
  WINNOW_CHECK(!layers_with.empty());
  const std::int64_t usual = std::max_element(layers_with.begin(), layers_with.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;
  std::vector<std::string> keys;
  for (const char* key : kCountKeys) {
    if (config.contains(key) && !config[key].is_null()) keys.emplace_back(key);
  }
  if (keys.empty()) keys.emplace_back(count_key);
  for (const std::string& key : keys) config[key] = usual;
  config.erase("per_layer_config");
  for (std::size_t layer = 0; layer < counts.size(); ++layer) {
    if (counts[layer] > 0 && counts[layer] != usual) config["per_layer_config"][std::to_string(layer)] = {{keys.front(), counts[layer]}};
  }
  return config;
}

}  // namespace winnow
