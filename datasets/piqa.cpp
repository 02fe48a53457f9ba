#include "datasets/shared/jsonl.h"
#include "harness/api/dataset.h"
#include "harness/api/named_file.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

std::vector<int> read_labels(const std::string& path, std::string_view bytes) {
  std::vector<int> labels;
  for_each_line(path, bytes, [&](const Place& place, std::string_view line) {
    if (line != "0" && line != "1") throw input_error("{}: the label is '{}'; expected 0 or 1", place.text(), shown(line));
    labels.push_back(line == "1");
  });
  if (labels.empty()) throw input_error("{}: the file has no labels; expected 0 or 1 a line", path);
  return labels;
}

// "train.jsonl" has its labels in "train-labels.lst", as PIQA comes.
std::string labels_beside(const std::string& path) { return (path.ends_with(".jsonl") ? path.substr(0, path.size() - 6) : path) + "-labels.lst"; }

// PIQA: a goal and two ways to reach it, with the right ones (0 or 1) line by line in a file of their own.
class Piqa : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"valid"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    if (const auto named = file_of_split(split)) return {{*named, {}}, {labels_beside(*named), {}}};
    check_split("piqa", *this, split);
    check_subset("piqa", *this, subset);
    return {{"zeroshot/piqa/valid.jsonl", {{"93503cc97c679e459b065c3d13e848282e44b2a25213985bed3e5d458abef72d", "upstream"}}},
            {"zeroshot/piqa/valid-labels.lst", {{"b4192dc3a2a0363d9d60ccf79800cbbe2f32ebb17726efdde6970e0b8131bceb", "upstream"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    const std::vector<DatasetFile> names = files(split, subset);
    const std::vector<int> labels = read_labels(names.at(1).path, contents.at(1));
    std::size_t next = 0;
    std::vector<OrderedJson> rows = read_jsonl(names.at(0).path, contents.at(0), [&](const JsonLine& line) {
      if (next == labels.size())
        throw input_error("{}: {} has only {} labels; expected one for each line", line.place().text(), names.at(1).path, labels.size());
      OrderedJson row;
      row["goal"] = line.filled_text("goal");
      row["sol1"] = line.text("sol1");
      row["sol2"] = line.text("sol2");
      row["label"] = labels[next++];
      return row;
    });
    if (next < labels.size())
      throw input_error("{}:{}: a label without a line in {}, which has {} rows", names.at(1).path, next + 1, names.at(0).path, rows.size());
    return rows;
  }
};

const Registration<Dataset> kRegistration{{.name = "piqa",
                                           .version = 1,
                                           .summary = "PIQA: which of two ways reaches a goal (valid 1,838)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<Piqa>(); }}};

}  // namespace
}  // namespace winnow
