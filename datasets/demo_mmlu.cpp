#include "datasets/shared/demo_digests.h"
#include "datasets/shared/mmlu_rows.h"
#include "datasets/shared/places.h"
#include "harness/api/dataset.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// The embedded four-choice questions, in MMLU's format; `winnow demo generate` writes them.
class DemoMmlu : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "val", "dev", "auxiliary_train"}; }

  std::vector<std::string> subsets() const override {
    return {"animals", "arithmetic", "calendar", "logic", "materials", "ordering", "people", "spelling", "units"};
  }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    check_split("demo_mmlu", *this, split);
    check_subset("demo_mmlu", *this, subset);
    return {demo_file(fmt::format("demo/mmlu/{0}/{1}_{0}.csv", split, subset))};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_mmlu_rows(files(split, subset).front().path, contents.at(0), subset);
  }
};

const Registration<Dataset> kRegistration{
    {.name = "demo_mmlu",
     .version = 1,
     .summary = "embedded four-choice questions in 9 subjects, in MMLU's format (test 1,260, val 270, dev 45, auxiliary_train 68,600)",
     .settings = {},
     .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<DemoMmlu>(); }}};

}  // namespace
}  // namespace winnow
