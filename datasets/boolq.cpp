#include "datasets/shared/jsonl.h"
#include "harness/api/dataset.h"
#include "harness/api/named_file.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// BoolQ in SuperGLUE's form: a passage and a yes-or-no question; the label becomes 1 for true.
class BoolQ : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"val"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    if (const auto named = file_of_split(split)) return {{*named, {}}};
    check_split("boolq", *this, split);
    check_subset("boolq", *this, subset);
    return {{"zeroshot/boolq/val.jsonl", {{"21acbfbd1e7908fddd9e626bc2a6101c5a5430bda3fbf74985b979af7a63b989", "upstream"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_jsonl(files(split, subset).front().path, contents.at(0), [](const JsonLine& line) {
      OrderedJson row;
      // A boolean in SuperGLUE's files, its name in some copies.
      const std::string label = line.at("label").is_boolean() ? line.at("label").dump() : line.text("label");
      if (label != "true" && label != "false") throw input_error("{}: \"label\" is '{}'; expected \"true\" or \"false\"", line.place().text(), shown(label));
      row["question"] = line.filled_text("question");
      row["passage"] = line.filled_text("passage");
      row["idx"] = line.integer("idx", 0, INT32_MAX);
      row["label"] = label == "true" ? 1 : 0;
      return row;
    });
  }
};

const Registration<Dataset> kRegistration{{.name = "boolq",
                                           .version = 1,
                                           .summary = "BoolQ: yes-or-no questions about a passage (val 3,270)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<BoolQ>(); }}};

}  // namespace
}  // namespace winnow
