#include <algorithm>
#include <array>

#include "harness/core/error.h"
#include "harness/model/config_parts.h"

namespace winnow {
namespace {

constexpr double kMostTheta = 1e15;

std::optional<std::string> rope_kind(const ConfigFields& rope) {
  const std::optional<std::string> kind = rope.find_string("rope_type");
  const std::optional<std::string> old_kind = rope.find_string("type");  // what configs of before 2024 say
  if (kind && old_kind && *kind != *old_kind) {
    throw input_error("'{}' is {}, but '{}' is {}; they must say the same", rope.name("rope_type"), quoted(Json(*kind)), rope.name("type"),
                      quoted(Json(*old_kind)));
  }
  return kind ? kind : old_kind;
}

void read_llama3(const ConfigFields& rope, std::int64_t max_positions, RopeConfig& config) {
  config.low_freq_factor = rope.number("low_freq_factor", 1e-6, 1e6);
  config.high_freq_factor = rope.number("high_freq_factor", 1e-6, 1e6);
  config.original_max_positions = rope.integer("original_max_position_embeddings", {1, max_positions});
  if (config.high_freq_factor <= config.low_freq_factor) {
    throw input_error("'{}' is {}; expected more than '{}' ({})", rope.name("high_freq_factor"), config.high_freq_factor, rope.name("low_freq_factor"),
                      config.low_freq_factor);
  }
}

// One of rope_scaling and rope_parameters; theta stays what it is unless the object has one.
RopeConfig read_rope_object(const ConfigFields& rope, double theta, std::int64_t max_positions) {
  using Kind = RopeConfig::Kind;
  RopeConfig config;
  config.theta = rope.find_number("rope_theta", 1, kMostTheta).value_or(theta);
  if (rope.find_number("partial_rotary_factor", 0, 1).value_or(1) != 1) {
    throw unsupported_error("'{}' is {}; only whole heads are rotated", rope.name("partial_rotary_factor"), quoted(rope.raw("partial_rotary_factor")));
  }
  for (const char* layer_type : {"full_attention", "sliding_attention"}) {
    if (rope.has(layer_type)) throw unsupported_error("'{}' gives layers different rotary positions, which is not supported", rope.name(layer_type));
  }
  const std::string kind = rope_kind(rope).value_or("default");
  if (kind == "default") return config;
  if (kind != "linear" && kind != "llama3")
    throw unsupported_error("'{}' is {}; supported are \"default\", \"linear\" and \"llama3\"", rope.name("rope_type"), quoted(Json(kind)));
  config.kind = kind == "linear" ? Kind::kLinear : Kind::kLlama3;
  config.factor = rope.number("factor", 1, 1e6);
  if (config.kind == Kind::kLlama3) read_llama3(rope, max_positions, config);
  return config;
}

bool same(const RopeConfig& a, const RopeConfig& b) {
  return a.kind == b.kind && a.theta == b.theta && a.factor == b.factor && a.low_freq_factor == b.low_freq_factor && a.high_freq_factor == b.high_freq_factor &&
         a.original_max_positions == b.original_max_positions;
}

}  // namespace

RopeConfig read_rope(const ConfigFields& fields, double default_theta, std::int64_t max_positions) {
  if (fields.find_number("partial_rotary_factor", 0, 1).value_or(1) != 1) {
    throw unsupported_error("'partial_rotary_factor' is {}; only whole heads are rotated", quoted(fields.raw("partial_rotary_factor")));
  }
  const std::optional<double> theta = fields.find_number("rope_theta", 1, kMostTheta);
  RopeConfig found;
  found.theta = theta.value_or(default_theta);
  bool has_scaling = false;
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!fields.has(key)) continue;
    const RopeConfig read = read_rope_object(fields.object(key), theta.value_or(default_theta), max_positions);
    if (theta && read.theta != *theta) throw input_error("'{}.rope_theta' is {}, but 'rope_theta' is {}; they must say the same", key, read.theta, *theta);
    if (has_scaling && !same(found, read)) {
      throw input_error("'rope_scaling' and 'rope_parameters' say different things: {} and {}", quoted(fields.raw("rope_scaling")),
                        quoted(fields.raw("rope_parameters")));
    }
    found = read;
    has_scaling = true;
  }
  return found;
}

}  // namespace winnow
