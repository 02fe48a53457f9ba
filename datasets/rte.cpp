#include "datasets/shared/jsonl.h"
#include "harness/api/dataset.h"
#include "harness/api/named_file.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// RTE in SuperGLUE's form, with GLUE's names for the sentences; entailment is 0, not_entailment 1.
class Rte : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"val"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    if (const auto named = file_of_split(split)) return {{*named, {}}};
    check_split("rte", *this, split);
    check_subset("rte", *this, subset);
    return {{"zeroshot/rte/val.jsonl", {{"ab990507bf5f35dc176cba7770a72bfa2c50a88ed72b8cc95cfbf9db95ab1af1", "upstream"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_jsonl(files(split, subset).front().path, contents.at(0), [](const JsonLine& line) {
      OrderedJson row;
      const std::string label = line.text("label");
      if (label != "entailment" && label != "not_entailment") {
        throw input_error("{}: \"label\" is '{}'; expected \"entailment\" or \"not_entailment\"", line.place().text(), shown(label));
      }
      row["sentence1"] = line.filled_text("premise");
      row["sentence2"] = line.filled_text("hypothesis");
      row["label"] = label == "entailment" ? 0 : 1;
      row["idx"] = line.integer("idx", 0, INT32_MAX);
      return row;
    });
  }
};

const Registration<Dataset> kRegistration{{.name = "rte",
                                           .version = 1,
                                           .summary = "RTE: does one sentence follow from another (val 277)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<Rte>(); }}};

}  // namespace
}  // namespace winnow
