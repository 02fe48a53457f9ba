#include "datasets/shared/gsm8k_rows.h"
#include "harness/api/dataset.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// openai/grade-school-math: JSON Lines of question and answer, whose last line is "#### <number>".
class Gsm8k : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "train"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    check_split("gsm8k", *this, split);
    check_subset("gsm8k", *this, subset);
    if (split == "test") return {{"gsm8k/test.jsonl", {{"3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14", "upstream"}}}};
    return {{"gsm8k/train.jsonl",
             {{"17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465", "upstream"},
              {"27a54ae2af16f2659c818213e21c217554cd08a28b1ccd236954ffb3a5f2aaf5", "reduced-7273"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_gsm8k_rows(files(split, subset).front().path, contents.at(0));
  }
};

const Registration<Dataset> kRegistration{{.name = "gsm8k",
                                           .version = 1,
                                           .summary = "GSM8K: grade-school mathematics word problems (train 7,473, test 1,319)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<Gsm8k>(); }}};

}  // namespace
}  // namespace winnow
