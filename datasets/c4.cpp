#include "datasets/shared/jsonl.h"
#include "harness/api/dataset.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// allenai/c4 (en): JSON Lines with a document in "text". Which shard and how many documents decides every number, so each file is a split of its own.
class C4 : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"train", "demo"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    check_split("c4", *this, split);
    check_subset("c4", *this, subset);
    if (split == "train") return {{"c4/c4_en_train_first1000.jsonl", {{"cdd5b754119131d2934e3e799a059a9d64f53a6aac9e7e2ef79b43120bb01a32", "first-1000"}}}};
    return {{"c4/c4_en_demo300.jsonl", {{"f51528081ef22279f2840c02c4cd7cdfc372138be0817c5b8714d200af692b78", "demo-300"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_jsonl(files(split, subset).front().path, contents.at(0), [](const JsonLine& line) {
      OrderedJson row;
      row["text"] = line.text("text");
      return row;
    });
  }
};

const Registration<Dataset> kRegistration{{.name = "c4",
                                           .version = 1,
                                           .summary = "C4 (en): web documents (train: the first 1,000; demo: 300 others)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<C4>(); }}};

}  // namespace
}  // namespace winnow
