#include "datasets/shared/demo_digests.h"
#include "datasets/shared/gsm8k_rows.h"
#include "harness/api/dataset.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// The embedded word problems, in GSM8K's format; `winnow demo generate` writes them.
class DemoGsm8k : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "train"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    check_split("demo_gsm8k", *this, split);
    check_subset("demo_gsm8k", *this, subset);
    return {demo_file(fmt::format("demo/gsm8k/{}.jsonl", split))};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_gsm8k_rows(files(split, subset).front().path, contents.at(0));
  }
};

const Registration<Dataset> kRegistration{{.name = "demo_gsm8k",
                                           .version = 1,
                                           .summary = "embedded word problems of one to four steps, in GSM8K's format (train 30,000, test 2,000)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<DemoGsm8k>(); }}};

}  // namespace
}  // namespace winnow
