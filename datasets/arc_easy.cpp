#include "datasets/shared/choice_questions.h"
#include "harness/api/dataset.h"
#include "harness/api/named_file.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// allenai ARC v1: grade-school science questions with three to five choices, the questions that simple solvers get right.
class ArcEasy : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "dev"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    if (const auto named = file_of_split(split)) return {{*named, {}}};
    check_split("arc_easy", *this, split);
    check_subset("arc_easy", *this, subset);
    if (split == "test") return {{"zeroshot/arc/ARC-Easy-Test.jsonl", {{"ce32a0774b4beb1977d2c6b16dda5dd2b24fdc9c7f506882c452678676bd09be", "upstream"}}}};
    return {{"zeroshot/arc/ARC-Easy-Dev.jsonl", {{"f4364b808a68df6bf500ce1070fb0105d40cacd2391c210deb00ff83ba75d1f4", "upstream"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_choice_questions(files(split, subset).front().path, contents.at(0), "question");
  }
};

const Registration<Dataset> kRegistration{{.name = "arc_easy",
                                           .version = 1,
                                           .summary = "ARC-Easy: science questions with 3 to 5 choices (test 2,376, dev 570)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<ArcEasy>(); }}};

}  // namespace
}  // namespace winnow
