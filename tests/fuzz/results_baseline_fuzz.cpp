// A gate's baseline under the right digest: what is accepted comes back from its own text, and is compared with answers.
#include <cstdint>

#include "harness/core/digest.h"
#include "results/baseline.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {
namespace {

// As the writer puts it on, so that what is behind the digest's check is reached.
std::string with_digest(std::string_view text) {
  Json content = parse_json(text, "f");
  if (!content.is_object()) return std::string(text);
  content.erase("sha256");
  content["sha256"] = sha256_hex(content.dump(1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace));
  return content.dump();
}

void compare(const Baseline& baseline) {
  std::vector<Outcome> asked;
  for (const std::string start : {"00", "80"}) {
    asked.push_back({std::make_shared<const Question>(Question{"gsm8k", static_cast<std::int64_t>(asked.size()), "", start + std::string(62, '0'), ""}), {}});
  }
  for (const BaselineVariant& variant : baseline.variants) {
    for (const BaselineTrial& trial : variant.trials) {
      Cell cell;
      cell.identity["task"] = baseline.tasks.at(trial.task).identity;
      for (const Metric& metric : trial.metrics) take_or_refuse([&] { baseline_outcomes(baseline, trial, metric, asked, cell, "a rule"); });
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  take_or_refuse([&] {
    const Baseline baseline = parse_baseline(with_digest({reinterpret_cast<const char*>(bytes), size}), "f");
    const std::string text = baseline_text(baseline);
    WINNOW_CHECK(baseline_text(parse_baseline(text, "f")) == text);
    compare(baseline);
  });
  return 0;
}

}  // namespace winnow
