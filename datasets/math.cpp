#include "datasets/shared/jsonl.h"
#include "harness/api/dataset.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// Hendrycks' MATH: the train split, and PRM800K's 500 test problems. The two files name the subject of a problem differently.
class Math : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "train"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    check_split("math", *this, split);
    check_subset("math", *this, subset);
    if (split == "test") return {{"math/math500_test.jsonl", {{"35dc41080a3680858b27fa7e0533d2d547825316fc5dafe5d316f4ccc5a06132", "math-500"}}}};
    return {{"math/train.jsonl", {{"4ea9069167f3384a08412393cf78b77f40102e77073cc66d58e4aea4e7cc83fd", "complete-7500"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    const std::string path = files(split, subset).front().path;
    return read_jsonl(path, contents.at(0), [&](const JsonLine& line) {
      OrderedJson row;
      row["problem"] = line.filled_text("problem");
      const OrderedJson& level = line.at("level");  // "Level 5" in train, 5 in MATH-500
      if (!level.is_string() && !level.is_number_integer()) throw input_error("{}: \"level\" is neither a string nor an integer", line.place().text());
      row["level"] = level.is_string() ? level.get<std::string>() : fmt::format("Level {}", level.get<std::int64_t>());
      row["type"] = line.text(split == "test" ? "subject" : "type");
      row["solution"] = line.filled_text("solution");
      row["answer"] = line.text("answer");
      return row;
    });
  }
};

const Registration<Dataset> kRegistration{{.name = "math",
                                           .version = 1,
                                           .summary = "MATH: competition mathematics with worked solutions (train 7,500; test: MATH-500)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<Math>(); }}};

}  // namespace
}  // namespace winnow
