#include "datasets/shared/jsonl.h"
#include "harness/api/dataset.h"
#include "harness/api/named_file.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

// WinoGrande XL: a sentence with a gap '_' and two words for it.
class Winogrande : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"dev"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    if (const auto named = file_of_split(split)) return {{*named, {}}};
    check_split("winogrande", *this, split);
    check_subset("winogrande", *this, subset);
    return {{"zeroshot/winogrande/winogrande_xl_dev.jsonl", {{"69f3d7f3a900d775339b04c7de672609c40fca573e50f594f2ae66d8782505be", "xl-dev-without-qid"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_jsonl(files(split, subset).front().path, contents.at(0), [](const JsonLine& line) {
      OrderedJson row;
      const std::string sentence = line.filled_text("sentence"), answer = line.text("answer");
      if (sentence.find('_') == std::string::npos) throw input_error("{}: \"sentence\" has no gap '_'", line.place().text());
      if (answer != "1" && answer != "2") throw input_error("{}: \"answer\" is '{}'; expected \"1\" or \"2\"", line.place().text(), shown(answer));
      row["sentence"] = sentence;
      row["option1"] = line.filled_text("option1");
      row["option2"] = line.filled_text("option2");
      row["answer"] = answer;
      return row;
    });
  }
};

const Registration<Dataset> kRegistration{{.name = "winogrande",
                                           .version = 1,
                                           .summary = "WinoGrande XL: which of two words fills the gap (dev 1,267)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<Winogrande>(); }}};

}  // namespace
}  // namespace winnow
