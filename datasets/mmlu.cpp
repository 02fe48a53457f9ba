#include <algorithm>

#include "datasets/shared/mmlu_digests.h"
#include "datasets/shared/mmlu_rows.h"
#include "datasets/shared/places.h"
#include "harness/api/dataset.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// hendrycks/test: one headless CSV a subject and split, "question,A,B,C,D,answer".
class Mmlu : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "val", "dev"}; }

  std::vector<std::string> subsets() const override {
    std::vector<std::string> subjects;
    for (const MmluDigests& entry : mmlu_digests()) subjects.push_back(entry.subject);
    return subjects;
  }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    check_split("mmlu", *this, split);
    check_subset("mmlu", *this, subset);
    const auto entry = std::find_if(mmlu_digests().begin(), mmlu_digests().end(), [&](const MmluDigests& known) { return known.subject == subset; });
    const std::string path = fmt::format("mmlu/{0}/{1}_{0}.csv", split, subset);
    if (split == "val") return {{path, {{entry->val, "reduced-1379"}}}};
    return {{path, {{split == "dev" ? entry->dev : entry->test, "upstream"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_mmlu_rows(files(split, subset).front().path, contents.at(0), subset);
  }
};

const Registration<Dataset> kRegistration{{.name = "mmlu",
                                           .version = 1,
                                           .summary = "MMLU: four-choice questions in 57 subjects (test 14,042, val 1,531, dev 285)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<Mmlu>(); }}};

}  // namespace
}  // namespace winnow
