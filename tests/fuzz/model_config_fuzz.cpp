// A config.json under every family: what is accepted has a number of tensors that can be listed, each with a shape.
#include <cstdint>

#include "harness/core/json.h"
#include "harness/model/family.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {
namespace {

constexpr std::int64_t kMostListed = 100'000;

void read(const Family& family, const Json& json) {
  const ModelConfig config = family.read(json);
  std::int64_t matrices = 0;
  for (const LayerConfig& layer : config.layers) matrices += layer.experts + 16;
  WINNOW_CHECK(config.parameters() > 0);
  if (matrices > kMostListed) return;
  for (const TensorSpec& tensor : family.tensors(config)) {
    WINNOW_CHECK(!tensor.shape.empty());
    for (const std::int64_t extent : tensor.shape) WINNOW_CHECK(extent > 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  Json json;
  try {
    json = parse_json(text, "f");
  } catch (const Error&) {
    return 0;
  }
  for (const std::string& name : Registry<Family>::instance().names()) {
    const auto family = Registry<Family>::instance().make(name);
    take_or_refuse([&] { read(*family, json); });
  }
  return 0;
}

}  // namespace winnow
