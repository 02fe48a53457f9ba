#include "datasets/shared/choice_questions.h"
#include "harness/api/dataset.h"
#include "harness/api/named_file.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// allenai OpenBookQA (main): elementary science questions with four choices.
class OpenBookQa : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "dev"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    if (const auto named = file_of_split(split)) return {{*named, {}}};
    check_split("openbookqa", *this, split);
    check_subset("openbookqa", *this, subset);
    if (split == "test") return {{"zeroshot/openbookqa/test.jsonl", {{"feb2bd9bfa6161dca4c44ce90e51e8cdada83eb5061407fcdc5005e44aaf2313", "upstream"}}}};
    return {{"zeroshot/openbookqa/dev.jsonl", {{"a08f720be757a0f0b6aaf8e1e1162c2b05a882c9c031d2559ba3d5467d023466", "upstream"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_choice_questions(files(split, subset).front().path, contents.at(0), "question_stem");
  }
};

const Registration<Dataset> kRegistration{{.name = "openbookqa",
                                           .version = 1,
                                           .summary = "OpenBookQA: elementary science questions with four choices (test 500, dev 500)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<OpenBookQa>(); }}};

}  // namespace
}  // namespace winnow
