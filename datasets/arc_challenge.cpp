#include "datasets/shared/choice_questions.h"
#include "harness/api/dataset.h"
#include "harness/api/named_file.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// allenai ARC v1: grade-school science questions with three to five choices, those that simple solvers get wrong.
class ArcChallenge : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "dev"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    if (const auto named = file_of_split(split)) return {{*named, {}}};
    check_split("arc_challenge", *this, split);
    check_subset("arc_challenge", *this, subset);
    if (split == "test") return {{"zeroshot/arc/ARC-Challenge-Test.jsonl", {{"9fa8ffb3e3a1f88cb302d53dd95aae81e39209ad9bcf974376b319d8fd35717c", "upstream"}}}};
    return {{"zeroshot/arc/ARC-Challenge-Dev.jsonl", {{"55224364abd2477f66a9a57c5cbef109fb71d83019aa5e37aec0e7ab757746ca", "upstream"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_choice_questions(files(split, subset).front().path, contents.at(0), "question");
  }
};

const Registration<Dataset> kRegistration{{.name = "arc_challenge",
                                           .version = 1,
                                           .summary = "ARC-Challenge: hard science questions with 3 to 5 choices (test 1,172, dev 299)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<ArcChallenge>(); }}};

}  // namespace
}  // namespace winnow
