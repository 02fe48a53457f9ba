#include "datasets/shared/demo_digests.h"
#include "datasets/shared/jsonl.h"
#include "harness/api/dataset.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// Prose about the embedded closed world, a document a row; `worked_answers` holds word problems with their answers, for calibration on the task.
class DemoText : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "train", "validation", "calibration", "worked_answers"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    check_split("demo_text", *this, split);
    check_subset("demo_text", *this, subset);
    return {demo_file(fmt::format("demo/text/{}.jsonl", split))};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_jsonl(files(split, subset).front().path, contents.at(0), [](const JsonLine& line) {
      OrderedJson row;
      row["text"] = line.filled_text("text");
      return row;
    });
  }
};

const Registration<Dataset> kRegistration{
    {.name = "demo_text",
     .version = 1,
     .summary = "embedded prose about a closed world (train 28,000 documents, validation and test 600; calibration, worked_answers)",
     .settings = {},
     .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<DemoText>(); }}};

}  // namespace
}  // namespace winnow
